// Any dtype, size and cut of the stored weights: 32 x 32 outputs a block, 32 columns of both operands at a
// time widened to f32 in shared memory. Each output adds its products in order of k whatever the tile, so a
// row's bits do not depend on its neighbours.
#include "kernels_cuda/common/elements.cuh"
#include "kernels_cuda/common/reduce.cuh"
#include "kernels_cuda/moe_grouped_gemm/launch.h"

namespace tamis::cuda {
namespace {

constexpr int kTile = 32;
constexpr int kThreads = kTile * kTile;
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

struct Operands {
  float x[kTile][kTile + 1];
  float w[kTile][kTile + 1];
};

// Rows [n0, n0 + count) of the piece times rows [t0, end) of x; `first` is n0's row in its expert.
__device__ void multiply(const GroupedPortableArgs& args, const GroupedPiece& piece, Operands& tile,
                         std::int64_t n0, std::int64_t count, std::int64_t t0, std::int64_t end,
                         std::int64_t first) {
  const int column = threadIdx.x, line = threadIdx.y;
  const std::int64_t groups = (args.columns + kBlock - 1) / kBlock;
  float sum = 0.0f;
  for (std::int64_t k0 = 0; k0 < args.columns; k0 += kTile) {
    const std::int64_t k = k0 + column, row = t0 + line;
    float x = 0.0f, w = 0.0f;
    if (k < args.columns && row < end) {
      x = load_element(args.x.data, row * args.x.row_stride + k, args.x.type);
      if (args.x_scales != nullptr) x *= args.x_scales[row * groups + k / kBlock];
    }
    if (k < args.columns && line < count) {
      w = load_element(piece.w.data, (n0 + line) * piece.w.row_stride + k, piece.w.type);
      if (piece.scales != nullptr)
        w *= piece.scales[(piece.scale_first_row + n0 + line) / kBlock * piece.scale_stride +
                          (piece.scale_first_col + k) / kBlock];
    }
    tile.x[line][column] = x;
    tile.w[line][column] = w;
    __syncthreads();
    float part = 0.0f;  // 32 products at a time: the long sum has a 32nd of the roundings
#pragma unroll
    for (int i = 0; i < kTile; ++i) part += tile.x[line][i] * tile.w[column][i];
    sum += part;
    __syncthreads();
  }
  if (t0 + line < end && column < count)
    store_element(args.y.data, (t0 + line) * args.y.row_stride + first + column, args.y.type, sum);
}

__global__ void __launch_bounds__(kThreads)
    grouped_portable_kernel(const __grid_constant__ GroupedPortableArgs args) {
  __shared__ Operands tile;
  __shared__ int scratch[kThreads / kWarp];
  const GroupedPiece& piece = args.pieces[blockIdx.z];
  std::int64_t n0 = static_cast<std::int64_t>(blockIdx.x) * kTile;
  const std::int64_t last = min(n0 + kTile, piece.rows);
  while (n0 < last) {  // the part of the tile that lies in one expert
    const std::int64_t expert = (piece.begin + n0) / args.expert_rows;
    const std::int64_t first = (piece.begin + n0) % args.expert_rows;
    const std::int64_t count = min(last - n0, args.expert_rows - first);
    const std::int64_t begin = first_row<kThreads>(args.offsets, expert, args.rows, scratch);
    const std::int64_t end = first_row<kThreads>(args.offsets, expert + 1, args.rows, scratch);
    for (std::int64_t t0 = begin + static_cast<std::int64_t>(blockIdx.y) * kTile; t0 < end;
         t0 += static_cast<std::int64_t>(gridDim.y) * kTile)
      multiply(args, piece, tile, n0, count, t0, end, first);
    n0 += count;
  }
}

// A warp per row and group.
__global__ void __launch_bounds__(kTile) quantize_dense_kernel(QuantizeDenseArgs args) {
  const std::int64_t row = blockIdx.x, group = blockIdx.y, groups = gridDim.y;
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

cudaError_t grouped_portable(const GroupedPortableArgs& args, cudaStream_t stream) {
  if (args.rows == 0 || args.n_pieces == 0) return cudaSuccess;
  constexpr std::int64_t kMaxRowTiles = 16;
  const std::int64_t row_tiles = (args.rows + kTile - 1) / kTile;
  const dim3 grid(static_cast<unsigned>((args.widest_piece + kTile - 1) / kTile),
                  static_cast<unsigned>(row_tiles < kMaxRowTiles ? row_tiles : kMaxRowTiles),
                  static_cast<unsigned>(args.n_pieces));
  grouped_portable_kernel<<<grid, dim3(kTile, kTile), 0, stream>>>(args);
  return cudaGetLastError();
}

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
