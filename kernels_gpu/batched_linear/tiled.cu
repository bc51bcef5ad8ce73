// batched_linear for any number of tokens (kernels_gpu/common/tiled_product.h): a block makes 64 tokens x 64
// outputs of one head. With w [h, K, N] its rows are columns of K, which may lie in several parts: their sums
// follow one another.
//
// Bound by the f32 vector units (2 T h N K FLOPs). Not measured on a card.
#include "kernels_gpu/batched_linear/operands.h"
#include "kernels_gpu/common/tiled_product.h"

namespace tamis::gpu {
namespace {

// A part of w [h, N, K] a blockIdx.y.
template <Element element>
__global__ void __launch_bounds__(kTileThreads) batched_tiled_kernel(BatchedLinear args) {
  __shared__ TileMemory memory;
  const WeightPart part = part_at<element>(args.w, blockIdx.y);
  const std::int64_t output = static_cast<std::int64_t>(blockIdx.x) * kTile;
  if (output >= part.rows.count) return;
  Product product = head_product(args, part.group, part.first);
  product.w = part.rows;
  for (std::int64_t token = static_cast<std::int64_t>(blockIdx.z) * kTile; token < args.tokens;
       token += static_cast<std::int64_t>(gridDim.z) * kTile) {
    tiled_product<element>(product, token, output, memory);
  }
}

// A head of w [h, K, N] a blockIdx.y.
template <Element element>
__global__ void __launch_bounds__(kTileThreads) batched_transposed_kernel(BatchedLinear args) {
  __shared__ TileMemory memory;
  const std::int64_t head = args.first_head + blockIdx.y;
  Product product = head_product(args, head, 0);
  for (std::int64_t token = static_cast<std::int64_t>(blockIdx.z) * kTile; token < args.tokens;
       token += static_cast<std::int64_t>(gridDim.z) * kTile) {
    const Corner corner{token, static_cast<std::int64_t>(blockIdx.x) * kTile, args.n};
    TileSums sums = {};
    const int parts = args.w.whole ? 1 : args.w.count;
#pragma unroll 1
    for (int i = 0; i < parts; ++i) {
      const WeightPart part = part_at<element>(args.w, args.w.whole ? head : i);
      if (part.group != head) continue;
      product.w = part.rows;
      product.k = part.rows.count;
      add_tile<element, true>(product, corner, part.first, memory, sums);
    }
    store_tile(product, corner, sums);
  }
}

template <Element element>
void launch(const BatchedLinear& args, Stream stream) {
  const auto columns = static_cast<unsigned>((args.n + kTile - 1) / kTile);
  const unsigned tokens = grid_of((args.tokens + kTile - 1) / kTile, kMaxGridY);
  if (args.transposed) {
    const dim3 grid(columns, static_cast<unsigned>(args.heads), tokens);
    TAMIS_LAUNCH(batched_transposed_kernel<element>, grid, dim3(kTileThreads), 0, stream, args);
  } else {
    const dim3 grid(columns, static_cast<unsigned>(args.w.count), tokens);
    TAMIS_LAUNCH(batched_tiled_kernel<element>, grid, dim3(kTileThreads), 0, stream, args);
  }
}

}  // namespace

Error launch_batched_linear_tiled(const BatchedLinear& args, Stream stream) {
  if (args.tokens == 0 || args.n == 0 || args.w.count == 0) return kNoError;
  switch (args.w.element()) {
    case Element::kF32: launch<Element::kF32>(args, stream); break;
    case Element::kBF16: launch<Element::kBF16>(args, stream); break;
    case Element::kF16: launch<Element::kF16>(args, stream); break;
    case Element::kE4M3: launch<Element::kE4M3>(args, stream); break;
  }
  return launch_error();
}

}  // namespace tamis::gpu
