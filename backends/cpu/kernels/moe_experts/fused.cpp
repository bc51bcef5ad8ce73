// Gate, up, SwiGLU, down and the weighted sum over panels of at most 512 (token, expert) pairs sorted by
// expert (kernels/common/expert_panels.h). Per panel:
//   1. gather: the pairs' rows of x, prepared for the product;
//   2. gate_up: tasks are ranges of inner columns. A block of gate rows and the same up rows meets all rows
//   of
//      its expert, and the products go through silu while they are in the cache;
//   3. down: tasks are ranges of output columns of all experts, so that a task owns its columns of the sums
//   and adds each expert's weighted rows at once, in ascending expert: neither a [T * topk, H] tensor nor
//   atomics.
// Bytes: the weights of the experts that have tokens, once a panel. FLOPs 6 T topk H I. Expected bound:
// memory up to about 8 rows an expert (AVX-512 and AMX), the products above. Workspace: T x H sums, 512
// prepared rows of x and of the inner products, and per thread the product's scratch and the products of two
// blocks.
#include "backends/cpu/kernels/moe_experts/fused.h"

#include <algorithm>
#include <cmath>

#include "backends/cpu/host_tensor.h"
#include "backends/cpu/kernels/common/exp.h"
#include "backends/cpu/kernels/common/expert_order.h"
#include "backends/cpu/kernels/common/expert_panels.h"
#include "backends/cpu/kernels/product/prepare_rows.h"
#include "backends/cpu/kernels/product/product_rows.h"
#include "backends/cpu/threads.h"
#include "core/ops/moe_experts/moe_experts.h"

namespace tamis::cpu {
namespace {

using namespace moe_experts_operand;

constexpr std::int64_t kPairOutputs = 2 * kProductOutputs;  // columns of a thread's products: gate | up

std::int64_t whole_lines(std::int64_t bytes) { return (bytes + 63) / 64 * 64; }

// Everything of one launch. The workspace is a list of parts, each of whole cache lines.
struct Job {
  const Product& product;
  const OpCall& call;
  std::int64_t tokens, topk, hidden, inner, experts, panel_rows;
  std::int64_t x_row, inner_row;  // bytes of prepared rows
  std::int64_t scratch_bytes, thread_bytes;
  float* sums = nullptr;            // [tokens, hidden]
  float* activated = nullptr;       // [panel_rows, inner]: silu(gate) * up
  std::byte* x = nullptr;           // [panel_rows] prepared
  std::byte* inner_x = nullptr;     // [panel_rows] prepared
  std::int32_t* row_of = nullptr;   // [tokens * topk]
  std::int32_t* pair_of = nullptr;  // [tokens * topk]: token * topk + k of each sorted row
  std::int32_t* offsets = nullptr;  // [experts + 1]
  std::byte* threads = nullptr;

  Job(const Product& how, const OpCall& op_call)
      : product(how),
        call(op_call),
        tokens(call[kX].desc.dim(0)),
        topk(call[kIds].desc.dim(1)),
        hidden(call[kX].desc.dim(1)),
        inner(call[kW2].desc.dim(2)),
        experts(call[kW2].desc.dim(0)),
        panel_rows(std::min(tokens * topk, kPanelRows)),
        x_row(how.row_bytes(hidden)),
        inner_row(how.row_bytes(inner)),
        scratch_bytes(std::max(how.scratch_bytes(hidden), how.scratch_bytes(inner))),
        thread_bytes(scratch_bytes + 4 * std::max({panel_rows * kPairOutputs, (hidden + 15) / 16 * 16,
                                                   (inner + 15) / 16 * 16})) {}

  // Lays the parts out from `base`; returns the bytes they take. Null: counts only.
  std::int64_t place(std::byte* base, std::int64_t thread_count) {
    std::int64_t bytes = 0;
    const auto take = [&](std::int64_t size) {
      std::byte* at = base == nullptr ? nullptr : base + bytes;
      bytes += whole_lines(size);
      return at;
    };
    sums = reinterpret_cast<float*>(take(4 * tokens * hidden));
    activated = reinterpret_cast<float*>(take(4 * panel_rows * inner));
    x = take(panel_rows * x_row);
    inner_x = take(panel_rows * inner_row);
    row_of = reinterpret_cast<std::int32_t*>(take(4 * tokens * topk));
    pair_of = reinterpret_cast<std::int32_t*>(take(4 * tokens * topk));
    offsets = reinterpret_cast<std::int32_t*>(take(4 * (experts + 1)));
    threads = take(thread_count * thread_bytes);
    return bytes;
  }

  std::byte* scratch(int thread) const { return threads + thread * thread_bytes; }
  float* products(int thread) const { return reinterpret_cast<float*>(scratch(thread) + scratch_bytes); }
  PrepareMemory memory(int thread) const { return {scratch(thread), products(thread)}; }
  ActQuant act_quant() const { return call.as<MoeExpertsParams>().act_quant; }
};

void gather(const Job& job, const Panel& panel) {
  const Tensor& x = job.call[kX];
  parallel_for(panel.end - panel.begin, 1, [&](std::int64_t begin, std::int64_t end, int thread) {
    const auto load = [&](std::int64_t i, float* row) {
      load_floats(x.desc.dtype, row_address(x, job.pair_of[panel.begin + i] / job.topk), job.hidden, row);
    };
    const InputRows rows{job.product, *job.call[kW13].weight, job.act_quant(), job.hidden, 0, job.x};
    prepare_panel_rows(rows, {panel, job.offsets, begin, end}, job.memory(thread), load);
  });
}

// product[i] = silu(gate[i]) * up[i]. The exponent's argument is never positive, whatever gate's sign.
void silu_mul_row(const Job& job, std::int64_t count, float* gate, float* up, float* product) {
  const DType dtype = job.call[kX].desc.dtype;
  if (job.product.rows != nullptr && dtype == DType::kBF16) {
    return job.product.rows->silu_mul_bf16(gate, up, count, product);
  }
  round_floats(dtype, gate, count);
  round_floats(dtype, up, count);
  for (std::int64_t i = 0; i < count; ++i) {
    const float e = exp_nonpositive(-std::fabs(gate[i]));
    const float numerator = gate[i] < 0 ? e : 1.0f;
    product[i] = gate[i] * (numerator / (1.0f + e)) * up[i];
  }
  round_floats(dtype, product, count);
}

// The next expert of a panel that has rows; end_expert: none.
std::int64_t expert_behind(const Job& job, const Panel& panel, std::int64_t expert) {
  do ++expert;
  while (expert < panel.end_expert && panel.rows(job.offsets, expert).count == 0);
  return expert;
}

// Inner columns [begin, end) of the experts' rows.
void gate_up(const Job& job, const Panel& panel, std::int64_t begin, std::int64_t end, int thread) {
  float* c = job.products(thread);
  for (std::int64_t e = panel.first_expert; e < panel.end_expert; ++e) {
    const auto [first, rows] = panel.rows(job.offsets, e);
    if (rows == 0) continue;
    ProductInput in{job.call[kW13].weight, job.act_quant(), job.hidden, job.x + first * job.x_row, rows,
                    job.scratch(thread)};
    const std::int64_t behind = expert_behind(job, panel, e);
    for (std::int64_t j = begin; j < end; j += kProductOutputs) {
      const std::int64_t count = std::min(kProductOutputs, end - j), gate_row = e * 2 * job.inner + j;
      in.next = gate_row + job.inner;
      job.product.multiply(in, gate_row, count, c, kPairOutputs);
      in.next = j + count < end             ? gate_row + count
                : behind < panel.end_expert ? behind * 2 * job.inner + begin
                                            : -1;
      job.product.multiply(in, gate_row + job.inner, count, c + kProductOutputs, kPairOutputs);
      for (std::int64_t i = 0; i < rows; ++i) {
        float* gate = c + i * kPairOutputs;
        silu_mul_row(job, count, gate, gate + kProductOutputs, job.activated + (first + i) * job.inner + j);
      }
    }
  }
}

void prepare_inner(const Job& job, const Panel& panel) {
  parallel_for(panel.end - panel.begin, 1, [&](std::int64_t begin, std::int64_t end, int thread) {
    const auto load = [&](std::int64_t i, float* row) {
      std::memcpy(row, job.activated + i * job.inner, static_cast<std::size_t>(job.inner) * 4);
    };
    const InputRows rows{job.product, *job.call[kW2].weight, job.act_quant(), job.inner, 0, job.inner_x};
    prepare_panel_rows(rows, {panel, job.offsets, begin, end}, job.memory(thread), load);
  });
}

// Adds columns [first_col, first_col + count) of an expert's rows, weighted, to the sums of their tokens.
void add_weighted(const Job& job, const Panel::Rows& rows, std::int64_t first_col, std::int64_t count,
                  float* c) {
  for (std::int64_t i = 0; i < rows.count; ++i) {
    const std::int64_t pair = job.pair_of[rows.first + i], token = pair / job.topk;
    const float weight =
        reinterpret_cast<const float*>(row_address(job.call[kWeights], token))[pair % job.topk];
    float* sum = job.sums + token * job.hidden + first_col;
    float* values = c + i * kProductOutputs;
    if (job.product.rows != nullptr && job.call[kX].desc.dtype == DType::kBF16) {
      job.product.rows->add_weighted_bf16(values, count, weight, sum);
      continue;
    }
    round_floats(job.call[kX].desc.dtype, values, count);
    for (std::int64_t j = 0; j < count; ++j) sum[j] += weight * values[j];
  }
}

// Output columns [begin, end) of the experts' rows.
void down(const Job& job, const Panel& panel, std::int64_t begin, std::int64_t end, int thread) {
  float* c = job.products(thread);
  for (std::int64_t e = panel.first_expert; e < panel.end_expert; ++e) {
    const auto [first, rows] = panel.rows(job.offsets, e);
    if (rows == 0) continue;
    ProductInput in{
        job.call[kW2].weight, job.act_quant(), job.inner, job.inner_x + first * job.inner_row, rows,
        job.scratch(thread)};
    const std::int64_t behind = expert_behind(job, panel, e);
    for (std::int64_t j = begin; j < end; j += kProductOutputs) {
      const std::int64_t count = std::min(kProductOutputs, end - j);
      in.next = j + count < end             ? e * job.hidden + j + count
                : behind < panel.end_expert ? behind * job.hidden + begin
                                            : -1;
      job.product.multiply(in, e * job.hidden + j, count, c, kProductOutputs);
      add_weighted(job, {panel.begin + first, rows}, j, count, c);
    }
  }
}

using ColumnsFn = void (*)(const Job& job, const Panel& panel, std::int64_t begin, std::int64_t end,
                           int thread);

// Shares the columns among the threads, in blocks.
void for_columns(const Job& job, const Panel& panel, std::int64_t columns, ColumnsFn fn) {
  const std::int64_t block = product_outputs(columns), blocks = (columns + block - 1) / block;
  parallel_for(blocks, 1, [&](std::int64_t begin, std::int64_t end, int thread) {
    fn(job, panel, begin * block, std::min(end * block, columns), thread);
  });
}

// out = sums + shared, rounded.
void store_sums(const Job& job) {
  const Tensor& out = job.call[kOut];
  const Tensor& shared = job.call[kShared];
  constexpr std::int64_t kPiece = 512;
  parallel_for(job.tokens, 1, [&](std::int64_t begin, std::int64_t end, int) {
    float piece[kPiece];
    for (std::int64_t t = begin; t < end; ++t) {
      float* sum = job.sums + t * job.hidden;
      for (std::int64_t j = 0; shared.present() && j < job.hidden; j += kPiece) {
        const std::int64_t count = std::min(kPiece, job.hidden - j);
        const auto size = static_cast<std::int64_t>(dtype_size(shared.desc.dtype));
        load_floats(shared.desc.dtype, row_address(shared, t) + j * size, count, piece);
        for (std::int64_t i = 0; i < count; ++i) sum[j + i] += piece[i];
      }
      store_floats(out.desc.dtype, sum, job.hidden, row_address(out, t));
    }
  });
}

}  // namespace

std::int64_t moe_experts_workspace(const Product& product, const DeviceInfo& device, const OpCall& call) {
  return Job(product, call).place(nullptr, device.units);
}

Status moe_experts(const Product& product, const OpCall& call, const Scratch& scratch) {
  Job job(product, call);
  job.place(scratch.workspace->host() + scratch.workspace_offset, thread_count());
  order_by_expert(call[kIds], job.experts, job.row_of, job.offsets);
  for (std::int64_t pair = 0; pair < job.tokens * job.topk; ++pair) {
    if (job.row_of[pair] >= 0) job.pair_of[job.row_of[pair]] = static_cast<std::int32_t>(pair);
  }
  parallel_for(job.tokens, 16, [&](std::int64_t begin, std::int64_t end, int) {
    std::fill(job.sums + begin * job.hidden, job.sums + end * job.hidden, 0.0f);
  });
  Panel panel = next_panel(job.offsets, job.experts, 0);
  for (; panel.begin < panel.end; panel = next_panel(job.offsets, job.experts, panel.end)) {
    gather(job, panel);
    for_columns(job, panel, job.inner, &gate_up);
    prepare_inner(job, panel);
    for_columns(job, panel, job.hidden, &down);
  }
  store_sums(job);
  return {};
}

}  // namespace tamis::cpu
