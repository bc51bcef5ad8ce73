// CPU rows of moe_grouped_gemm, panel by panel (kernels/common/expert_panels.h). One pass over the weights of
// the experts that have rows: few rows are bound by widening them, many by the products.
#include "core/ops/moe_grouped_gemm/moe_grouped_gemm.h"

#include <algorithm>
#include <cstring>

#include "backends/cpu/host_tensor.h"
#include "backends/cpu/kernels/common/expert_panels.h"
#include "backends/cpu/kernels/common/tile_product.h"
#include "backends/cpu/kernels/product/prepare_rows.h"
#include "backends/cpu/kernels/product/product_rows.h"
#include "backends/cpu/queue.h"
#include "backends/cpu/threads.h"

namespace tamis::cpu {
namespace {

using namespace moe_grouped_gemm_operand;

// Workspace, in bytes: the panel's prepared activations, the checked offsets, then per thread the product's
// scratch and the products of a block, which first serve as the row to prepare.
struct Sizes {
  std::int64_t row, x, offsets, scratch, thread;

  Sizes(const Product& product, const OpCall& call) {
    const std::int64_t rows = std::min(call[kX].desc.dim(0), kPanelRows), k = call[kX].desc.dim(1);
    row = product.row_bytes(k);
    x = rows * row;
    offsets = (4 * call[kOffsets].desc.dim(0) + 63) / 64 * 64;
    scratch = product.scratch_bytes(k);
    thread = scratch + 4 * std::max((k + 15) / 16 * 16, rows * kProductOutputs);
  }
};

template <const Product& product>
std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  const Sizes sizes(product, call);
  return sizes.x + sizes.offsets + device.units * sizes.thread;
}

// Ascending and within the rows of x, whatever the tensor holds.
void check_offsets(const OpCall& call, std::int32_t* offsets) {
  const auto* given = data<std::int32_t>(call[kOffsets]);
  const auto rows = static_cast<std::int32_t>(call[kX].desc.dim(0));
  offsets[0] = 0;
  for (std::int64_t e = 1; e < call[kOffsets].desc.dim(0); ++e) {
    offsets[e] = std::max(offsets[e - 1], std::min(given[e], rows));
  }
}

// Where the parts of a launch lie.
struct Memory {
  const Sizes& sizes;
  std::byte* x;
  std::int32_t* offsets() const { return reinterpret_cast<std::int32_t*>(x + sizes.x); }
  std::byte* scratch(int thread) const { return x + sizes.x + sizes.offsets + thread * sizes.thread; }
  float* products(int thread) const { return reinterpret_cast<float*>(scratch(thread) + sizes.scratch); }
};

template <const Product& product>
void prepare_panel(const OpCall& call, const Panel& panel, const Memory& memory) {
  const std::int64_t k = call[kX].desc.dim(1);
  parallel_for(panel.end - panel.begin, 1, [&](std::int64_t begin, std::int64_t end, int thread) {
    const auto load = [&](std::int64_t i, float* row) {
      load_floats(call[kX].desc.dtype, row_address(call[kX], panel.begin + i), k, row);
    };
    const InputRows rows{product, *call[kWeight].weight, call.as<MoeGroupedGemmParams>().act_quant, k, 0,
                         memory.x};
    const PrepareMemory thread_memory{memory.scratch(thread), memory.products(thread)};
    prepare_panel_rows(rows, {panel, memory.offsets(), begin, end}, thread_memory, load);
  });
}

// Outputs [begin, end) of all experts of the panel.
template <const Product& product>
void multiply_panel(const OpCall& call, const Panel& panel, const Memory& memory, std::int64_t begin,
                    std::int64_t end, int thread) {
  const Tensor& y = call[kY];
  const std::int64_t n = y.desc.dim(1);
  const auto y_size = static_cast<std::int64_t>(dtype_size(y.desc.dtype));
  float* c = memory.products(thread);
  for (std::int64_t e = panel.first_expert; e < panel.end_expert; ++e) {
    const auto [first, rows] = panel.rows(memory.offsets(), e);
    if (rows == 0) continue;
    const ProductInput in{call[kWeight].weight,
                          call.as<MoeGroupedGemmParams>().act_quant,
                          call[kX].desc.dim(1),
                          memory.x + first * memory.sizes.row,
                          rows,
                          memory.scratch(thread)};
    for (std::int64_t j = begin; j < end; j += kProductOutputs) {
      const std::int64_t count = std::min(kProductOutputs, end - j);
      product.multiply(in, e * n + j, count, c, kProductOutputs);
      for (std::int64_t i = 0; i < rows; ++i) {
        std::byte* dst = row_address(y, panel.begin + first + i) + j * y_size;
        store_sums(product, y.desc.dtype, c + i * kProductOutputs, count, dst);
      }
    }
  }
}

template <const Product& product>
Status compute(const OpCall& call, const Scratch& scratch) {
  const Sizes sizes(product, call);
  const Memory memory{sizes, scratch.workspace->host() + scratch.workspace_offset};
  const Tensor& y = call[kY];
  const std::int64_t n = y.desc.dim(1), experts = call[kWeight].desc.dim(0);
  std::int32_t* offsets = memory.offsets();
  const std::int64_t block = product_outputs(n), blocks = (n + block - 1) / block;
  check_offsets(call, offsets);
  for (Panel p = next_panel(offsets, experts, 0); p.begin < p.end; p = next_panel(offsets, experts, p.end)) {
    prepare_panel<product>(call, p, memory);
    parallel_for(blocks, 1, [&](std::int64_t begin, std::int64_t end, int thread) {
      multiply_panel<product>(call, p, memory, begin * block, std::min(end * block, n), thread);
    });
  }
  const std::int64_t used = offsets[experts];
  parallel_for(y.desc.dim(0) - used, 16, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = used + begin; i < used + end; ++i) {
      std::memset(row_address(y, i), 0, static_cast<std::size_t>(n) * dtype_size(y.desc.dtype));
    }
  });
  return {};
}

Reason accepts(const DeviceInfo&, const OpCall& call) {
  for (int i : {kX, kY}) {
    if (!is_activation(call[i].desc.dtype)) {
      return reason::dtype(i == kX ? "x" : "y", dtype_name(call[i].desc.dtype), "f32, bf16, f16");
    }
  }
  const Weight* weight = call[kWeight].weight;
  return weight == nullptr || weight->stored() ? accept() : reason::weight_layout(weight->layout);
}

Reason accepts_bf16(const DeviceInfo& device, const OpCall& call) {
  Reason stored = accepts(device, call);
  if (!stored.accepted()) return stored;
  return accept_bf16_product(call[kX], call[kWeight], call.as<MoeGroupedGemmParams>().act_quant);
}

Reason prefers_bf16_dot(const DeviceInfo& device, const OpCall& call) {
  return prefer_bf16_product(device, call[kX].desc.dim(0));
}

Reason prefers_blas(const DeviceInfo&, const OpCall& call) {
  return call[kX].desc.dim(0) >= kBlasRows ? accept() : reason::slower("fewer than 8 rows");
}

constexpr auto kRows = product_rows({
  .op = "moe_grouped_gemm", .names = {"cpu.moe_grouped_gemm.amx_bf16", "cpu.moe_grouped_gemm.avx512_bf16",
                                      "cpu.moe_grouped_gemm.avx512",   "cpu.moe_grouped_gemm.avx2",
                                      "cpu.moe_grouped_gemm.openblas", "cpu.moe_grouped_gemm.portable"},
  .accepts = accepts, .accepts_bf16 = accepts_bf16, .prefers_bf16_dot = prefers_bf16_dot,
  .prefers_blas = prefers_blas,
#if defined(__x86_64__)
  .amx = {workspace<kAmxProduct>, launch<&compute<kAmxProduct>>},
  .avx512_bf16 = {workspace<kAvx512Bf16Product>, launch<&compute<kAvx512Bf16Product>>},
  .avx512 = {workspace<kAvx512Product>, launch<&compute<kAvx512Product>>},
  .avx2 = {workspace<kAvx2Product>, launch<&compute<kAvx2Product>>},
#endif
  .openblas = {workspace<kBlasProduct>, launch<&compute<kBlasProduct>>},
  .portable = {workspace<kPortableProduct>, launch<&compute<kPortableProduct>>},
});

}  // namespace

std::span<const KernelRow> rows_moe_grouped_gemm() { return kRows; }

}  // namespace tamis::cpu
