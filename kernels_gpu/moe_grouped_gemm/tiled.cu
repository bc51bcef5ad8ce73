// moe_grouped_gemm for any number of rows an expert (kernels_gpu/common/tiled_product.h). A block has 64
// outputs of a part of one expert's weight and every blockDim.z-th tile of 64 rows; how many there are it
// finds in the offsets.
//
// Bound by the f32 vector units at many rows (2 M N K FLOPs), by the weights' bytes at few. Not measured on a
// card.
#include "kernels_gpu/common/tiled_product.h"
#include "kernels_gpu/moe_grouped_gemm/expert_rows.h"

namespace tamis::gpu {
namespace {

template <Element element>
__global__ void __launch_bounds__(kTileThreads) grouped_tiled_kernel(GroupedGemm args) {
  __shared__ TileMemory memory;
  const WeightPart part = part_at<element>(args.w, blockIdx.y);
  const std::int64_t output = static_cast<std::int64_t>(blockIdx.x) * kTile;
  if (output >= part.rows.count) return;
  const ExpertRows rows = rows_of_expert(args, part.group);
  const Product product = expert_product(args, part, rows);
  for (std::int64_t row = static_cast<std::int64_t>(blockIdx.z) * kTile; row < product.tokens;
       row += static_cast<std::int64_t>(gridDim.z) * kTile) {
    tiled_product<element>(product, row, output, memory);
  }
}

template <Element element>
void launch(const GroupedGemm& args, Stream stream) {
  const auto columns = static_cast<unsigned>((args.n + kTile - 1) / kTile);
  // Twice what an expert has on average; those with more loop.
  const unsigned tiles = grid_of(2 * args.rows / (args.experts * kTile) + 1, 64);
  const dim3 grid(columns, static_cast<unsigned>(args.w.count), tiles);
  TAMIS_LAUNCH(grouped_tiled_kernel<element>, grid, dim3(kTileThreads), 0, stream, args);
}

__global__ void __launch_bounds__(256) grouped_tail_kernel(GroupedGemm args) {
  for (std::int64_t row = largest_offset(args, args.experts) + blockIdx.x; row < args.rows;
       row += gridDim.x) {
    for (std::int64_t i = threadIdx.x; i < args.n; i += blockDim.x) store_element(args.y, row, i, 0.0f);
  }
}

}  // namespace

Error launch_grouped_gemm_tiled(const GroupedGemm& args, Stream stream) {
  if (args.rows == 0 || args.n == 0 || args.w.count == 0) return kNoError;
  switch (args.w.element()) {
    case Element::kF32: launch<Element::kF32>(args, stream); break;
    case Element::kBF16: launch<Element::kBF16>(args, stream); break;
    case Element::kF16: launch<Element::kF16>(args, stream); break;
    case Element::kE4M3: launch<Element::kE4M3>(args, stream); break;
  }
  return launch_error();
}

Error launch_grouped_gemm_tail(const GroupedGemm& args, Stream stream) {
  if (args.rows == 0 || args.n == 0) return kNoError;
  const unsigned threads = args.n <= 512 ? 64 : 256;
  TAMIS_LAUNCH(grouped_tail_kernel, dim3(grid_of(args.rows, 1024)), dim3(threads), 0, stream, args);
  return launch_error();
}

}  // namespace tamis::gpu
