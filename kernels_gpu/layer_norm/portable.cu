// layer_norm: a block per token; x is read three times (mean, variance, scaling), the last two from the
// cache. Sums are in double: an fp32 mean of values around 64 would already cost half the tolerance, and the
// op's rows are short (128 in the indexer), so that slow fp64 does not show. Bound by memory or, at few
// tokens, by the launch. Not measured on a card.
#include "kernels_gpu/common/dependent.h"
#include "kernels_gpu/common/elements.h"
#include "kernels_gpu/common/wave.h"
#include "kernels_gpu/layer_norm/launch.h"

namespace tamis::gpu {
namespace {

__global__ void __launch_bounds__(256) layer_norm_kernel(LayerNorm args) {
  after_predecessor();
  const auto n = static_cast<double>(args.width);
  for (std::int64_t t = blockIdx.x; t < args.tokens; t += gridDim.x) {
    double sum = 0;
#pragma unroll 1
    for (std::int64_t i = threadIdx.x; i < args.width; i += blockDim.x) {
      sum += static_cast<double>(load_element(args.x, t, i));
    }
    const double mean = block_reduce<Sum>(sum) / n;
    double squares = 0;
#pragma unroll 1
    for (std::int64_t i = threadIdx.x; i < args.width; i += blockDim.x) {
      const double centred = static_cast<double>(load_element(args.x, t, i)) - mean;
      squares += centred * centred;
    }
    const double variance = block_reduce<Sum>(squares) / n;
    const auto factor = static_cast<float>(1.0 / sqrt(variance + static_cast<double>(args.eps)));
#pragma unroll 1
    for (std::int64_t i = threadIdx.x; i < args.width; i += blockDim.x) {
      const auto centred = static_cast<float>(static_cast<double>(load_element(args.x, t, i)) - mean);
      store_element(args.y, t, i, centred * factor * args.weight[i] + args.bias[i]);
    }
  }
}

}  // namespace

Error launch_layer_norm(const LayerNorm& args, Stream stream) {
  if (args.tokens == 0) return kNoError;
  const unsigned threads = args.width <= 512 ? 64 : 256;
  return launch_dependent<layer_norm_kernel>(dim3(grid_of(args.tokens)), threads, 0, stream, args);
}

}  // namespace tamis::gpu
