// rms_norm and add_rms_norm: a block per row, eight columns a thread, the whole row in registers: all loads
// of a row are in flight at once, one reduction, the weights fetched before the predecessor is done. At few
// rows bound by the latency of one load and the launch; at many by the bytes, 4 or 8 a column in bf16.
#include "kernels_cuda/common/dependent_launch.cuh"
#include "kernels_cuda/common/reduce.cuh"
#include "kernels_cuda/common/vectors.cuh"
#include "kernels_cuda/rms_norm/launch.h"

namespace tamis::cuda {
namespace {

constexpr int kMaxThreads = kMaxNormWidth / kVector;

__device__ __forceinline__ float sum_of_block(float value) {
  __shared__ float of_warp[kMaxThreads / kWarp];
  value = warp_reduce(value, Sum{});
  const int lane = threadIdx.x % kWarp;
  if (lane == 0) of_warp[threadIdx.x / kWarp] = value;
  __syncthreads();
  return warp_reduce(lane < blockDim.x / kWarp ? of_warp[lane] : 0.0f, Sum{});
}

__global__ void __launch_bounds__(kMaxThreads) rms_norm_kernel(RmsNormArgs args) {
  let_successor_start();
  const std::int64_t token = blockIdx.x;
  const int column = static_cast<int>(threadIdx.x) * kVector;
  const bool inside = column < args.width;
  float w[kVector] = {}, v[kVector] = {}, delta[kVector] = {};
  if (inside) {
    const auto* weights = reinterpret_cast<const uint4*>(args.weight + column);
    widen32(w, load_early(weights), load_early(weights + 1));
  }
  wait_for_predecessor();
  if (inside) {
    load_vector(v, args.x.data, token * args.x.row_stride + column, args.x.type);
    if (args.delta.data != nullptr) {
      load_vector(delta, args.delta.data, token * args.delta.row_stride + column, args.delta.type);
#pragma unroll
      for (int i = 0; i < kVector; ++i) v[i] += delta[i];
      store_vector(v, args.sum.data, token * args.sum.row_stride + column, args.sum.type);
    }
  }
  float squares = 0.0f;
#pragma unroll
  for (int i = 0; i < kVector; ++i) squares = fmaf(v[i], v[i], squares);
  const float mean = __fdiv_rn(sum_of_block(squares), static_cast<float>(args.width));
  const float factor = __fdiv_rn(1.0f, __fsqrt_rn(mean + args.eps));
  if (!inside) return;
#pragma unroll
  for (int i = 0; i < kVector; ++i) v[i] = v[i] * factor * w[i];
  store_vector(v, args.y.data, token * args.y.row_stride + column, args.y.type);
}

}  // namespace

cudaError_t rms_norm_rows(const RmsNormArgs& args, cudaStream_t stream) {
  if (args.tokens == 0 || args.width == 0) return cudaSuccess;
  const auto threads = static_cast<unsigned>((args.width / kVector + kWarp - 1) / kWarp * kWarp);
  return launch(rms_norm_kernel,
                {static_cast<unsigned>(args.tokens), threads, 0, can_depend<&rms_norm_kernel>()}, stream,
                args);
}

}  // namespace tamis::cuda
