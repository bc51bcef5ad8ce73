// One block a token: the row is read twice, the second time from L1 or L2. Bound by memory.
#include "kernels_cuda/common/elements.cuh"
#include "kernels_cuda/common/reduce.cuh"
#include "kernels_cuda/rms_norm/launch.h"

namespace tamis::cuda {
namespace {

constexpr int kThreads = 256;

__global__ void rms_norm_kernel(RmsNormArgs args) {
  __shared__ float scratch[kThreads / kWarp];
  const std::int64_t t = blockIdx.x;
  float squares = 0.0f;
  for (std::int64_t i = threadIdx.x; i < args.width; i += kThreads) {
    const float x = load_element(args.x.data, t * args.x.row_stride + i, args.x.type);
    squares += x * x;
  }
  squares = block_reduce<kThreads>(squares, scratch, Sum{});
  const float scale = 1.0f / sqrtf(squares / static_cast<float>(args.width) + args.eps);
  for (std::int64_t i = threadIdx.x; i < args.width; i += kThreads) {
    const float x = load_element(args.x.data, t * args.x.row_stride + i, args.x.type);
    store_element(args.y.data, t * args.y.row_stride + i, args.y.type, x * scale * args.weight[i]);
  }
}

}  // namespace

cudaError_t rms_norm_portable(const RmsNormArgs& args, cudaStream_t stream) {
  if (args.tokens == 0) return cudaSuccess;
  rms_norm_kernel<<<static_cast<unsigned>(args.tokens), kThreads, 0, stream>>>(args);
  return cudaGetLastError();
}

}  // namespace tamis::cuda
