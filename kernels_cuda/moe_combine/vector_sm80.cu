// A thread per token and eight columns, or one where rows are not aligned to 16 bytes. Bound by reading y
// once: 940 MB at 8192 tokens of DeepSeek-V3.2.
#include "kernels_cuda/common/dependent_launch.cuh"
#include "kernels_cuda/common/elements.cuh"
#include "kernels_cuda/common/vectors.cuh"
#include "kernels_cuda/moe_combine/launch.h"

namespace tamis::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kAhead = 8;

// kVector columns, or one.
template <int kColumns>
__device__ __forceinline__ void load_columns(float (&v)[kColumns], const ConstMatrix& m, std::int64_t at) {
  if constexpr (kColumns == kVector) {
    load_vector(v, m.data, at, m.type);
  } else {
    v[0] = load_element(m.data, at, m.type);
  }
}

template <int kColumns>
__global__ void __launch_bounds__(kThreads) moe_combine_kernel(MoeCombineArgs args) {
  const std::int64_t token = blockIdx.x;
  const std::int64_t column = (static_cast<std::int64_t>(blockIdx.y) * kThreads + threadIdx.x) * kColumns;
  let_successor_start();
  wait_for_predecessor();
  if (column >= args.hidden) return;
  float sums[kColumns] = {}, v[kColumns];
  // Eight experts at a time, so that their rows are in flight together; they are added in order.
  for (std::int64_t first = 0; first < args.topk; first += kAhead) {
    std::int64_t rows[kAhead];
    float weights[kAhead], values[kAhead][kColumns];
#pragma unroll
    for (int j = 0; j < kAhead; ++j) {
      const std::int64_t k = first + j < args.topk ? first + j : args.topk - 1;
      rows[j] = args.row_of[token * args.row_of_stride + k];
      weights[j] = args.weights[token * args.weights_stride + k];
      if (first + j >= args.topk || rows[j] >= args.rows) rows[j] = -1;
    }
#pragma unroll
    for (int j = 0; j < kAhead; ++j)
      if (rows[j] >= 0) load_columns<kColumns>(values[j], args.y, rows[j] * args.y.row_stride + column);
#pragma unroll
    for (int j = 0; j < kAhead; ++j) {
#pragma unroll
      for (int i = 0; i < kColumns; ++i)
        if (rows[j] >= 0) sums[i] += weights[j] * values[j][i];
    }
  }
  if (args.shared.data != nullptr) {
    load_columns<kColumns>(v, args.shared, token * args.shared.row_stride + column);
#pragma unroll
    for (int i = 0; i < kColumns; ++i) sums[i] += v[i];
  }
  const std::int64_t at = token * args.out.row_stride + column;
  if constexpr (kColumns == kVector) {
    store_vector(sums, args.out.data, at, args.out.type);
  } else {
    store_element(args.out.data, at, args.out.type, sums[0]);
  }
}

bool aligned(const void* data, std::int64_t row_stride) {
  return reinterpret_cast<std::uintptr_t>(data) % 16 == 0 && row_stride % 8 == 0;
}

}  // namespace

cudaError_t moe_combine(const MoeCombineArgs& args, cudaStream_t stream) {
  if (args.tokens == 0 || args.hidden == 0) return cudaSuccess;
  const bool wide = args.hidden % 8 == 0 && aligned(args.y.data, args.y.row_stride) &&
                    aligned(args.shared.data, args.shared.row_stride) &&
                    aligned(args.out.data, args.out.row_stride);
  const std::int64_t columns = kThreads * (wide ? 8 : 1);
  const dim3 grid(static_cast<unsigned>(args.tokens),
                  static_cast<unsigned>((args.hidden + columns - 1) / columns));
  return launch(wide ? moe_combine_kernel<8> : moe_combine_kernel<1>, {grid, kThreads, 0, args.dependent},
                stream, args);
}

}  // namespace tamis::cuda
