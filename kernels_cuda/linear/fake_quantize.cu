// One block per token and group of 128 columns.
#include "kernels_cuda/common/elements.cuh"
#include "kernels_cuda/common/reduce.cuh"
#include "kernels_cuda/linear/launch.h"

namespace tamis::cuda {
namespace {

constexpr int kThreads = 128;

__global__ void fake_quantize_kernel(FakeQuantArgs args) {
  __shared__ float scratch[kThreads / kWarp];
  const std::int64_t t = blockIdx.y, i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const float value = i < args.k ? load_element(args.x.data, t * args.x.row_stride + i, args.x.type) : 0.0f;
  const float amax = block_reduce<kThreads>(fmaxf(0.0f, fabsf(value)), scratch, MaxMagnitude{});
  const float scale = numeric::activation_scale(amax, args.pow2);
  if (i < args.k)
    args.out[t * args.k + i] = numeric::e4m3_to_float(numeric::float_to_e4m3(value / scale)) * scale;
}

}  // namespace

cudaError_t fake_quantize(const FakeQuantArgs& args, cudaStream_t stream) {
  constexpr std::int64_t kMaxGridY = 65535;
  const auto groups = static_cast<unsigned>((args.k + kThreads - 1) / kThreads);
  FakeQuantArgs part = args;
  for (std::int64_t first = 0; first < args.tokens; first += kMaxGridY) {
    const std::int64_t count = args.tokens - first < kMaxGridY ? args.tokens - first : kMaxGridY;
    part.x.data = static_cast<const std::uint8_t*>(args.x.data) +
                  first * args.x.row_stride * (args.x.type == Element::kF32 ? 4 : 2);
    part.out = args.out + first * args.k;
    fake_quantize_kernel<<<dim3(groups, static_cast<unsigned>(count)), kThreads, 0, stream>>>(part);
  }
  return cudaGetLastError();
}

}  // namespace tamis::cuda
