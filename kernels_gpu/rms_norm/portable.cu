// rms_norm: a block per token. x is read twice, the second time from the cache (28 KB at H 7168 in f32), y
// written once: bound by memory, 4 H bytes a token in bf16. Not measured on a card.
#include "kernels_gpu/common/elements.h"
#include "kernels_gpu/common/wave.h"
#include "kernels_gpu/rms_norm/launch.h"

namespace tamis::gpu {
namespace {

__global__ void __launch_bounds__(256) rms_norm_kernel(RmsNorm args) {
  for (std::int64_t t = blockIdx.x; t < args.tokens; t += gridDim.x) {
    float squares = 0;
    for (std::int64_t i = threadIdx.x; i < args.width; i += blockDim.x) {
      const float x = load_element(args.x, t, i);
      squares = multiply_add(x, x, squares);
    }
    const float mean = block_reduce<Sum>(squares) / static_cast<float>(args.width);
    const float factor = 1.0f / sqrtf(mean + args.eps);
    for (std::int64_t i = threadIdx.x; i < args.width; i += blockDim.x) {
      store_element(args.y, t, i, load_element(args.x, t, i) * factor * args.weight[i]);
    }
  }
}

}  // namespace

Error launch_rms_norm(const RmsNorm& args, Stream stream) {
  if (args.tokens == 0) return kNoError;
  const unsigned threads = args.width <= 512 ? 64 : 256;
  TAMIS_LAUNCH(rms_norm_kernel, dim3(grid_of(args.tokens)), dim3(threads), 0, stream, args);
  return launch_error();
}

}  // namespace tamis::gpu
