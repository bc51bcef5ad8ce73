// linear for any number of tokens without matrix instructions (kernels_gpu/common/tiled_product.h).
//
// Bound by the f32 vector units at many tokens (2 T N K FLOPs; 32 bytes of local memory feed 32 FLOPs), by
// the weight's bytes at few, where 63 of 64 products are of tokens that are not there: the decode kernel is
// for those. Not measured on a card.
#include "kernels_gpu/common/tiled_product.h"
#include "kernels_gpu/linear/launch.h"

namespace tamis::gpu {
namespace {

template <Element element>
__global__ void __launch_bounds__(kTileThreads) linear_tiled_kernel(Linear args) {
  __shared__ TileMemory memory;
  const std::int64_t output = static_cast<std::int64_t>(blockIdx.x) * kTile;
  for (std::int64_t token = static_cast<std::int64_t>(blockIdx.y) * kTile; token < args.tokens;
       token += static_cast<std::int64_t>(gridDim.y) * kTile) {
    tiled_product<element>(args, token, output, memory);
  }
}

template <Element element>
void launch_tiled(const Linear& args, Stream stream) {
  const auto columns = static_cast<unsigned>((args.w.count + kTile - 1) / kTile);
  const dim3 grid(columns, grid_of((args.tokens + kTile - 1) / kTile, kMaxGridY));
  TAMIS_LAUNCH((linear_tiled_kernel<element>), grid, dim3(kTileThreads), 0, stream, args);
}

}  // namespace

Error launch_linear_tiled(const Linear& args, Stream stream) {
  if (args.tokens == 0 || args.w.count == 0) return kNoError;
  switch (args.w.rows.element) {
    case Element::kF32: launch_tiled<Element::kF32>(args, stream); break;
    case Element::kBF16: launch_tiled<Element::kBF16>(args, stream); break;
    case Element::kF16: launch_tiled<Element::kF16>(args, stream); break;
    case Element::kE4M3: launch_tiled<Element::kE4M3>(args, stream); break;
  }
  return launch_error();
}

}  // namespace tamis::gpu
