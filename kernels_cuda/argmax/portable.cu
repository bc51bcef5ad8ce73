// One block a row; value and index are one 64-bit key, so ties and NaN need no branch.
#include "core/numeric/sortable_key.h"
#include "kernels_cuda/argmax/launch.h"
#include "kernels_cuda/common/elements.cuh"
#include "kernels_cuda/common/reduce.cuh"

namespace tamis::cuda {
namespace {

constexpr int kThreads = 512;

__global__ void argmax_kernel(ArgmaxArgs args) {
  __shared__ unsigned long long scratch[kThreads / kWarp];
  const std::int64_t row = blockIdx.x;
  unsigned long long best = 0;
  for (std::int64_t i = threadIdx.x; i < args.width; i += kThreads) {
    const float value = load_element(args.logits.data, row * args.logits.row_stride + i, args.logits.type);
    best = Max{}(
        best, static_cast<unsigned long long>(numeric::sortable_key(value, static_cast<std::uint32_t>(i))));
  }
  best = block_reduce<kThreads>(best, scratch, Max{});
  if (threadIdx.x == 0)
    args.token[row] = static_cast<std::int32_t>(0xffffffffu - static_cast<std::uint32_t>(best));
}

}  // namespace

cudaError_t argmax_portable(const ArgmaxArgs& args, cudaStream_t stream) {
  if (args.rows == 0) return cudaSuccess;
  argmax_kernel<<<static_cast<unsigned>(args.rows), kThreads, 0, stream>>>(args);
  return cudaGetLastError();
}

}  // namespace tamis::cuda
