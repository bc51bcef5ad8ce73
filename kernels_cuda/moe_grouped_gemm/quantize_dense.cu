// What the products of the experts need around them: activations rounded to e4m3, and zeros behind the last
// expert's rows. Both are bound by memory.
#include "kernels_cuda/common/elements.cuh"
#include "kernels_cuda/common/reduce.cuh"
#include "kernels_cuda/moe_grouped_gemm/launch.h"

namespace tamis::cuda {
namespace {

constexpr int kTile = 32;
constexpr std::int64_t kBlock = 128;  // of scales

// One past the last row of the experts before `expert`: offsets clamped and made ascending. The whole block
// calls it.
template <int kBlockThreads>
__device__ std::int64_t first_row(const std::int32_t* offsets, std::int64_t expert, std::int64_t rows,
                                  int* scratch) {
  int largest = 0;
  for (std::int64_t e = 1 + threadIdx.x + static_cast<std::int64_t>(threadIdx.y) * blockDim.x; e <= expert;
       e += kBlockThreads)
    largest = max(largest, offsets[e]);
  const int thread = static_cast<int>(threadIdx.x + threadIdx.y * blockDim.x);
  largest = warp_reduce(largest, Max{});
  if (thread % kWarp == 0) scratch[thread / kWarp] = largest;
  __syncthreads();
  for (int w = 0; w < kBlockThreads / kWarp; ++w) largest = max(largest, scratch[w]);
  __syncthreads();
  return min(static_cast<std::int64_t>(largest), rows);
}

// A warp per row and group.
__global__ void __launch_bounds__(kTile) quantize_dense_kernel(QuantizeDenseArgs args) {
  const std::int64_t row = blockIdx.x, group = blockIdx.y, groups = gridDim.y;
  if (args.used != nullptr && row >= *args.used) return;
  const std::int64_t column = group * kBlock + threadIdx.x * 4;
  float v[4], amax = 0.0f;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    v[i] = column + i < args.columns
               ? load_element(args.x.data, row * args.x.row_stride + column + i, args.x.type)
               : 0.0f;
    amax = fmaxf(amax, fabsf(v[i]));
  }
  const float scale = numeric::activation_scale(warp_reduce(amax, MaxMagnitude{}), args.pow2);
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const float value = numeric::e4m3_to_float(numeric::float_to_e4m3(__fdiv_rn(v[i], scale)));
    args.values[row * groups * kBlock + column + i] = numeric::float_to_f16(value);
  }
  if (threadIdx.x == 0) args.scales[row * groups + group] = scale;
}

__global__ void __launch_bounds__(256)
    zero_tail_kernel(Matrix y, const std::int32_t* offsets, std::int64_t experts, std::int64_t rows,
                     std::int64_t columns) {
  __shared__ int scratch[256 / kWarp];
  const std::int64_t end = first_row<256>(offsets, experts, rows, scratch);
  for (std::int64_t row = end + blockIdx.x; row < rows; row += gridDim.x)
    for (std::int64_t i = threadIdx.x; i < columns; i += blockDim.x)
      store_element(y.data, row * y.row_stride + i, y.type, 0.0f);
}

}  // namespace

cudaError_t quantize_dense(const QuantizeDenseArgs& args, cudaStream_t stream) {
  if (args.rows == 0 || args.columns == 0) return cudaSuccess;
  const dim3 grid(static_cast<unsigned>(args.rows),
                  static_cast<unsigned>((args.columns + kBlock - 1) / kBlock));
  quantize_dense_kernel<<<grid, kTile, 0, stream>>>(args);
  return cudaGetLastError();
}

cudaError_t zero_tail(const Matrix& y, const std::int32_t* offsets, std::int64_t experts, std::int64_t rows,
                      std::int64_t columns, cudaStream_t stream) {
  if (rows == 0) return cudaSuccess;
  constexpr std::int64_t kMaxBlocks = 1024;
  zero_tail_kernel<<<static_cast<unsigned>(rows < kMaxBlocks ? rows : kMaxBlocks), 256, 0, stream>>>(
      y, offsets, experts, rows, columns);
  return cudaGetLastError();
}

}  // namespace tamis::cuda
