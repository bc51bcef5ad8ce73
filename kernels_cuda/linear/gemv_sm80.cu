// A few tokens times a short 16-bit matrix (the router, the indexer's gate): a block per weight row, so that
// 64 rows already reach 64 units; a thread fetches four vectors of the row before the predecessor is done.
// f32 products and sums. Bound by reading the weights, once per kTokens tokens; at 3.7 MB by the latency of
// one load.
#include "kernels_cuda/common/dependent_launch.cuh"
#include "kernels_cuda/common/elements.cuh"
#include "kernels_cuda/common/reduce.cuh"
#include "kernels_cuda/common/vectors.cuh"
#include "kernels_cuda/linear/launch.h"

namespace tamis::cuda {
namespace {

constexpr int kThreads = 256, kWarps = kThreads / kWarp;
constexpr int kAhead = 4;  // vectors of a thread in flight
constexpr int kChunk = kAhead * kThreads * kVector;

__device__ __forceinline__ void load_row(uint4 (&w)[kAhead], const GemvArgs& args, int chunk) {
  const auto* row = static_cast<const std::uint16_t*>(args.w.data) +
                    static_cast<std::int64_t>(blockIdx.x) * args.w.row_stride;
#pragma unroll
  for (int i = 0; i < kAhead; ++i) {
    const int column = chunk + (i * kThreads + static_cast<int>(threadIdx.x)) * kVector;
    w[i] = column < args.k ? load_early(reinterpret_cast<const uint4*>(row + column)) : uint4{};
  }
}

// A chunk's product with one row of x, whose vectors are in flight together.
__device__ __forceinline__ float multiply_row(const uint4 (&raw)[kAhead], const GemvArgs& args, int token,
                                              int chunk, float sum) {
  const auto* row =
      static_cast<const std::uint16_t*>(args.x.data) + static_cast<std::int64_t>(token) * args.x.row_stride;
  uint4 raw_x[kAhead];
#pragma unroll
  for (int i = 0; i < kAhead; ++i) {
    const int column = chunk + (i * kThreads + static_cast<int>(threadIdx.x)) * kVector;
    raw_x[i] = column < args.k ? *reinterpret_cast<const uint4*>(row + column) : uint4{};
  }
#pragma unroll
  for (int i = 0; i < kAhead; ++i) {
    float w[kVector], x[kVector];
    widen16(w, raw[i], args.w.type == Element::kF16);
    widen16(x, raw_x[i], args.x.type == Element::kF16);
#pragma unroll
    for (int j = 0; j < kVector; ++j) sum = fmaf(w[j], x[j], sum);
  }
  return sum;
}

template <int kTokens>
__global__ void __launch_bounds__(kThreads) gemv_kernel(GemvArgs args) {
  __shared__ float of_warp[kTokens][kWarps];
  let_successor_start();
  uint4 raw[kAhead];
  load_row(raw, args, 0);
  wait_for_predecessor();
#pragma unroll 1
  for (int token = 0; token < args.tokens; token += kTokens) {
    float sums[kTokens] = {};
#pragma unroll 1
    for (int chunk = 0; chunk < args.k; chunk += kChunk) {
      if (token + chunk > 0) load_row(raw, args, chunk);
#pragma unroll
      for (int t = 0; t < kTokens; ++t)
        if (token + t < args.tokens) sums[t] = multiply_row(raw, args, token + t, chunk, sums[t]);
    }
#pragma unroll
    for (int t = 0; t < kTokens; ++t) {
      const float sum = warp_reduce(sums[t], Sum{});
      if (threadIdx.x % kWarp == 0) of_warp[t][threadIdx.x / kWarp] = sum;
    }
    __syncthreads();
    const int t = static_cast<int>(threadIdx.x);
    if (t < kTokens && token + t < args.tokens) {
      float sum = 0.0f;
#pragma unroll
      for (int w = 0; w < kWarps; ++w) sum += of_warp[t][w];
      store_element(args.y.data, (token + t) * args.y.row_stride + blockIdx.x, args.y.type, sum);
    }
    __syncthreads();
  }
}

template <int kTokens>
cudaError_t run(const GemvArgs& args, cudaStream_t stream) {
  constexpr auto kKernel = &gemv_kernel<kTokens>;
  return launch(kKernel, {static_cast<unsigned>(args.n), kThreads, 0, can_depend<kKernel>()}, stream, args);
}

}  // namespace

cudaError_t gemv(const GemvArgs& args, cudaStream_t stream) {
  if (args.tokens == 0 || args.n == 0) return cudaSuccess;
  return args.tokens == 1 ? run<1>(args, stream) : run<4>(args, stream);
}

}  // namespace tamis::cuda
