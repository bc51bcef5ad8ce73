// add_rms_norm: a block per token. x and delta are read once, sum and y written once; the second pass reads
// back the rounded sum, each thread what it wrote itself, from the cache. Bound by memory: 8 H bytes a token
// in bf16. Not measured on a card.
#include "kernels_gpu/add_rms_norm/launch.h"
#include "kernels_gpu/common/elements.h"
#include "kernels_gpu/common/wave.h"

namespace tamis::gpu {
namespace {

__global__ void __launch_bounds__(256) add_rms_norm_kernel(AddRmsNorm args) {
  for (std::int64_t t = blockIdx.x; t < args.tokens; t += gridDim.x) {
    float squares = 0;
#pragma unroll 1
    for (std::int64_t i = threadIdx.x; i < args.width; i += blockDim.x) {
      store_element(args.sum, t, i, load_element(args.x, t, i) + load_element(args.delta, t, i));
      const float stored = load_element(args.sum, t, i);
      squares = multiply_add(stored, stored, squares);
    }
    const float mean = block_reduce<Sum>(squares) / static_cast<float>(args.width);
    const float factor = 1.0f / sqrtf(mean + args.eps);
#pragma unroll 1
    for (std::int64_t i = threadIdx.x; i < args.width; i += blockDim.x) {
      store_element(args.y, t, i, load_element(args.sum, t, i) * factor * args.weight[i]);
    }
  }
}

}  // namespace

Error launch_add_rms_norm(const AddRmsNorm& args, Stream stream) {
  if (args.tokens == 0) return kNoError;
  const unsigned threads = args.width <= 512 ? 64 : 256;
  TAMIS_LAUNCH(add_rms_norm_kernel, dim3(grid_of(args.tokens)), dim3(threads), 0, stream, args);
  return launch_error();
}

}  // namespace tamis::gpu
