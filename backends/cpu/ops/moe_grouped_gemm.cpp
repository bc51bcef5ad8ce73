// CPU rows of moe_grouped_gemm, panel by panel (kernels/common/expert_panels.h). One pass over the weights of
// the experts that have rows: few rows are bound by widening them, many by the products.
#include "core/ops/moe_grouped_gemm/moe_grouped_gemm.h"

#include <algorithm>
#include <cstring>

#include "backends/cpu/host_tensor.h"
#include "backends/cpu/kernels/common/expert_panels.h"
#include "backends/cpu/queue.h"
#include "backends/cpu/threads.h"
#include "backends/cpu/weight_access.h"

namespace tamis::cpu {
namespace {

using namespace moe_grouped_gemm_operand;

// Workspace, in floats: the panel's activations, the checked offsets, then per thread a tile and its
// products.
struct Sizes {
  std::int64_t x, offsets, thread;

  explicit Sizes(const OpCall& call) {
    const std::int64_t rows = std::min(call[kX].desc.dim(0), kPanelRows);
    x = rows * call[kX].desc.dim(1);
    offsets = call[kOffsets].desc.dim(0);
    thread = kTileRows * (std::min(kTileCols, call[kX].desc.dim(1)) + rows);
  }
};

std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  const Sizes sizes(call);
  return 4 * (sizes.x + sizes.offsets + device.units * sizes.thread);
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

void load_panel(const OpCall& call, const Panel& panel, float* x) {
  const std::int64_t k = call[kX].desc.dim(1);
  parallel_for(panel.end - panel.begin, 1, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin; i < end; ++i) {
      load_floats(call[kX].desc.dtype, row_address(call[kX], panel.begin + i), k, x + i * k);
      fake_quantize_row(call.as<MoeGroupedGemmParams>().act_quant, x + i * k, k);
    }
  });
}

// Columns [first, first + count) of y for the rows of one expert, from its products c[rows, count].
void store_columns(const Tensor& y, std::int64_t first_row, std::int64_t rows, std::int64_t first,
                   std::int64_t count, const float* c) {
  const auto size = static_cast<std::int64_t>(dtype_size(y.desc.dtype));
  for (std::int64_t i = 0; i < rows; ++i) {
    store_floats(y.desc.dtype, c + i * count, count, row_address(y, first_row + i) + first * size);
  }
}

template <AddProductFn add_product>
Status compute(const OpCall& call, const Scratch& scratch) {
  const Sizes sizes(call);
  const Tensor& y = call[kY];
  const std::int64_t k = call[kX].desc.dim(1), n = y.desc.dim(1), experts = call[kWeight].desc.dim(0);
  auto* x = reinterpret_cast<float*>(scratch.workspace->host() + scratch.workspace_offset);
  auto* offsets = reinterpret_cast<std::int32_t*>(x + sizes.x);
  float* per_thread = x + sizes.x + sizes.offsets;
  const std::int64_t block = tile_rows(n, thread_count()), blocks = (n + block - 1) / block;
  check_offsets(call, offsets);
  for (Panel p = next_panel(offsets, experts, 0); p.begin < p.end; p = next_panel(offsets, experts, p.end)) {
    load_panel(call, p, x);
    parallel_for(blocks, 1, [&](std::int64_t begin, std::int64_t end, int thread) {
      float* tile = per_thread + thread * sizes.thread;
      float* c = tile + kTileRows * std::min(kTileCols, k);
      for (std::int64_t e = p.first_expert; e < p.end_expert; ++e) {
        const auto [first, rows] = p.rows(offsets, e);
        if (rows == 0) continue;
        const TileProduct product{call[kWeight].weight, x + first * k, rows, k, add_product, tile};
        for (std::int64_t j = begin * block; j < std::min(end * block, n); j += block) {
          const std::int64_t count = std::min(block, n - j);
          multiply_weight_rows(product, {e * n + j}, count, c);
          store_columns(y, p.begin + first, rows, j, count, c);
        }
      }
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

Reason prefers_blas(const DeviceInfo&, const OpCall& call) {
  return call[kX].desc.dim(0) >= kBlasRows ? accept() : reason::slower("fewer than 8 rows");
}

constexpr KernelRow kRows[] = {
    {.name = "cpu.moe_grouped_gemm.openblas",
     .op = "moe_grouped_gemm",
     .families = "openblas",
     .needs = {.all_of = kOpenBlas},
     .accepts = accepts,
     .prefers = prefers_blas,
     .workspace = workspace,
     .launch = launch<&compute<&add_product_blas>>},
    {.name = "cpu.moe_grouped_gemm.portable",
     .op = "moe_grouped_gemm",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accepts,
     .workspace = workspace,
     .launch = launch<&compute<&add_product_portable>>},
};

}  // namespace

std::span<const KernelRow> rows_moe_grouped_gemm() { return kRows; }

}  // namespace tamis::cpu
