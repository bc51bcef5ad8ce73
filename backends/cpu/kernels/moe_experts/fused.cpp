// Gate, up, SwiGLU, down and the weighted sum over panels of at most 512 (token, expert) pairs sorted by
// expert (kernels/common/expert_panels.h). Per panel:
//   1. gather: the pairs' rows of x to f32, rounded as act_quant says;
//   2. gate_up: tasks are ranges of inner columns. A tile of 32 gate rows and the same 32 up rows is widened,
//   multiplied
//      with all rows of its expert, and their products go through silu while they are in the cache;
//   3. down: tasks are ranges of output columns of all experts, so that a task owns its columns of the sums
//   and adds
//      each expert's weighted rows at once, in ascending expert: neither a [T * topk, H] tensor nor atomics.
// Bytes: the weights of the experts that have tokens, once a panel. FLOPs 6 T topk H I. Expected bound: below
// about 16 rows an expert the widening of FP8 weights (a table look-up an element), above it the products.
// Workspace: T x H sums, 512 x (H + I) activations, and per thread a tile and its products.
#include "backends/cpu/kernels/moe_experts/fused.h"

#include <algorithm>
#include <cmath>

#include "backends/cpu/host_tensor.h"
#include "backends/cpu/kernels/common/expert_order.h"
#include "backends/cpu/kernels/common/expert_panels.h"
#include "backends/cpu/threads.h"
#include "backends/cpu/weight_access.h"
#include "core/ops/moe_experts/moe_experts.h"

namespace tamis::cpu {
namespace {

using namespace moe_experts_operand;

// Everything of one launch. Workspace is counted in 4-byte words.
struct Job {
  const OpCall& call;
  std::int64_t tokens, topk, hidden, inner, experts, panel_rows, thread_words;
  AddProductFn add_product = nullptr;
  float* sums = nullptr;            // [tokens, hidden]
  float* x = nullptr;               // [panel_rows, hidden]
  float* product = nullptr;         // [panel_rows, inner]: silu(gate) * up
  std::int32_t* row_of = nullptr;   // [tokens * topk]
  std::int32_t* pair_of = nullptr;  // [tokens * topk]: token * topk + k of each sorted row
  std::int32_t* offsets = nullptr;  // [experts + 1]
  float* threads = nullptr;

  explicit Job(const OpCall& op_call)
      : call(op_call),
        tokens(call[kX].desc.dim(0)),
        topk(call[kIds].desc.dim(1)),
        hidden(call[kX].desc.dim(1)),
        inner(call[kW2].desc.dim(2)),
        experts(call[kW2].desc.dim(0)),
        panel_rows(std::min(tokens * topk, kPanelRows)),
        thread_words(kTileRows * (kTileCols + panel_rows)) {}

  std::int64_t words(std::int64_t thread_count) const {
    return tokens * hidden + panel_rows * (hidden + inner) + 2 * tokens * topk + experts + 1 +
           thread_count * thread_words;
  }

  void place(std::byte* workspace) {
    sums = reinterpret_cast<float*>(workspace);
    x = sums + tokens * hidden;
    product = x + panel_rows * hidden;
    threads = product + panel_rows * inner;
    row_of = reinterpret_cast<std::int32_t*>(threads + thread_count() * thread_words);
    pair_of = row_of + tokens * topk;
    offsets = pair_of + tokens * topk;
  }

  float* tile(int thread) const { return threads + thread * thread_words; }
  float* products(int thread) const { return tile(thread) + kTileRows * kTileCols; }
  ActQuant act_quant() const { return call.as<MoeExpertsParams>().act_quant; }
};

void gather(const Job& job, const Panel& panel) {
  const Tensor& x = job.call[kX];
  parallel_for(panel.end - panel.begin, 1, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin; i < end; ++i) {
      float* row = job.x + i * job.hidden;
      load_floats(x.desc.dtype, row_address(x, job.pair_of[panel.begin + i] / job.topk), job.hidden, row);
      fake_quantize_row(job.act_quant(), row, job.hidden);
    }
  });
}

// product[i] = silu(gate[i]) * up[i], from the row c = gate | up.
void silu_mul_row(DType dtype, std::int64_t count, float* c, float* product) {
  round_floats(dtype, c, 2 * count);
  for (std::int64_t i = 0; i < count; ++i) product[i] = c[i] / (1.0f + std::exp(-c[i])) * c[count + i];
  round_floats(dtype, product, count);
}

void gate_up(const Job& job, const Panel& panel) {
  const std::int64_t block = std::min(tile_rows(job.inner, thread_count()), kTileRows / 2);
  const std::int64_t blocks = (job.inner + block - 1) / block;
  parallel_for(blocks, 1, [&](std::int64_t begin, std::int64_t end, int thread) {
    float* c = job.products(thread);
    for (std::int64_t e = panel.first_expert; e < panel.end_expert; ++e) {
      const auto [first, rows] = panel.rows(job.offsets, e);
      if (rows == 0) continue;
      const TileProduct tile{
          job.call[kW13].weight, job.x + first * job.hidden, rows, job.hidden, job.add_product,
          job.tile(thread)};
      for (std::int64_t j = begin * block; j < std::min(end * block, job.inner); j += block) {
        const std::int64_t count = std::min(block, job.inner - j), gate_row = e * 2 * job.inner + j;
        multiply_weight_rows(tile, {gate_row, gate_row + job.inner}, count, c);
        for (std::int64_t i = 0; i < rows; ++i) {
          float* product = job.product + (first + i) * job.inner + j;
          silu_mul_row(job.call[kX].desc.dtype, count, c + i * 2 * count, product);
        }
      }
    }
  });
}

void quantize_products(const Job& job, const Panel& panel) {
  if (job.act_quant() == ActQuant::kNone) return;
  parallel_for(panel.end - panel.begin, 1, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin; i < end; ++i) {
      fake_quantize_row(job.act_quant(), job.product + i * job.inner, job.inner);
    }
  });
}

// Adds columns [first_col, first_col + count) of an expert's rows, weighted, to the sums of their tokens.
void add_weighted(const Job& job, std::int64_t first_row, std::int64_t rows, std::int64_t first_col,
                  std::int64_t count, float* c) {
  round_floats(job.call[kX].desc.dtype, c, rows * count);
  for (std::int64_t i = 0; i < rows; ++i) {
    const std::int64_t pair = job.pair_of[first_row + i], token = pair / job.topk;
    const float weight =
        reinterpret_cast<const float*>(row_address(job.call[kWeights], token))[pair % job.topk];
    float* sum = job.sums + token * job.hidden + first_col;
    for (std::int64_t j = 0; j < count; ++j) sum[j] += weight * c[i * count + j];
  }
}

void down(const Job& job, const Panel& panel) {
  const std::int64_t block = tile_rows(job.hidden, thread_count());
  const std::int64_t blocks = (job.hidden + block - 1) / block;
  parallel_for(blocks, 1, [&](std::int64_t begin, std::int64_t end, int thread) {
    float* c = job.products(thread);
    for (std::int64_t e = panel.first_expert; e < panel.end_expert; ++e) {
      const auto [first, rows] = panel.rows(job.offsets, e);
      if (rows == 0) continue;
      const TileProduct tile{
          job.call[kW2].weight, job.product + first * job.inner, rows, job.inner, job.add_product,
          job.tile(thread)};
      for (std::int64_t j = begin * block; j < std::min(end * block, job.hidden); j += block) {
        const std::int64_t count = std::min(block, job.hidden - j);
        multiply_weight_rows(tile, {e * job.hidden + j}, count, c);
        add_weighted(job, panel.begin + first, rows, j, count, c);
      }
    }
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

Status run(const OpCall& call, const Scratch& scratch, AddProductFn add_product) {
  Job job(call);
  job.add_product = add_product;
  job.place(scratch.workspace->host() + scratch.workspace_offset);
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
    gate_up(job, panel);
    quantize_products(job, panel);
    down(job, panel);
  }
  store_sums(job);
  return {};
}

}  // namespace

std::int64_t moe_experts_workspace(const DeviceInfo& device, const OpCall& call) {
  return 4 * Job(call).words(device.units);
}

Status moe_experts_portable(const OpCall& call, const Scratch& scratch) {
  return run(call, scratch, &add_product_portable);
}

Status moe_experts_blas(const OpCall& call, const Scratch& scratch) {
  return run(call, scratch, &add_product_blas);
}

}  // namespace tamis::cpu
