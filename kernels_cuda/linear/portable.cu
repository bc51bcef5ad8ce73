// Weights as stored, any dtype and size: a tile of 32 x 32 outputs, 32 columns of both operands at a time
// widened to f32 in shared memory, one output per thread. Each output adds its products in order of k
// whatever the tile, so a token's bits do not depend on its neighbours.
#include "kernels_cuda/common/elements.cuh"
#include "kernels_cuda/linear/launch.h"

namespace tamis::cuda {
namespace {

constexpr int kTile = 32;
constexpr std::int64_t kBlock = 128;  // of the stored tensor's scales

struct StoredWeight {
  const LinearArgs& args;
  __device__ float operator()(std::int64_t row, std::int64_t col) const {
    const float value = load_element(args.w.data, row * args.w.row_stride + col, args.w.type);
    if (args.scales == nullptr) return value;
    const std::int64_t block_row = (args.scale_first_row + row) / kBlock;
    return value * args.scales[block_row * args.scale_stride + (args.scale_first_col + col) / kBlock];
  }
};

struct PackedWeight {
  const LinearPackedArgs& args;
  __device__ float operator()(std::int64_t row, std::int64_t col) const {
    return numeric::e4m3_to_float(args.codes[row * args.row_bytes + col]) *
           args.scales[row * args.groups + col / kBlock];
  }
};

template <class Args, class WeightAt>
__device__ void multiply_tile(const Args& args, const WeightAt& weight_at) {
  __shared__ float x[kTile][kTile + 1], w[kTile][kTile + 1];
  const std::int64_t n0 = static_cast<std::int64_t>(blockIdx.x) * kTile,
                     t0 = static_cast<std::int64_t>(blockIdx.y) * kTile;
  const int column = threadIdx.x, line = threadIdx.y;
  float sum = 0.0f;
  for (std::int64_t k0 = 0; k0 < args.k; k0 += kTile) {
    const bool inside = k0 + column < args.k;
    x[line][column] =
        inside && t0 + line < args.tokens
            ? load_element(args.x.data, (t0 + line) * args.x.row_stride + k0 + column, args.x.type)
            : 0.0f;
    w[line][column] = inside && n0 + line < args.n ? weight_at(n0 + line, k0 + column) : 0.0f;
    __syncthreads();
    float part = 0.0f;  // 32 products at a time: the long sum has a 32nd of the roundings
#pragma unroll
    for (int k = 0; k < kTile; ++k) part += x[line][k] * w[column][k];
    sum += part;
    __syncthreads();
  }
  if (t0 + line < args.tokens && n0 + column < args.n) {
    store_element(args.y.data, (t0 + line) * args.y.row_stride + n0 + column, args.y.type, sum);
  }
}

__global__ void __launch_bounds__(kTile* kTile) linear_portable_kernel(LinearArgs args) {
  multiply_tile(args, StoredWeight{args});
}

__global__ void __launch_bounds__(kTile* kTile) linear_packed_kernel(LinearPackedArgs args) {
  multiply_tile(args, PackedWeight{args});
}

dim3 tiles(std::int64_t n, std::int64_t tokens) {
  return {static_cast<unsigned>((n + kTile - 1) / kTile),
          static_cast<unsigned>((tokens + kTile - 1) / kTile)};
}

}  // namespace

cudaError_t linear_portable(const LinearArgs& args, cudaStream_t stream) {
  if (args.tokens == 0 || args.n == 0) return cudaSuccess;
  linear_portable_kernel<<<tiles(args.n, args.tokens), dim3(kTile, kTile), 0, stream>>>(args);
  return cudaGetLastError();
}

cudaError_t linear_packed(const LinearPackedArgs& args, cudaStream_t stream) {
  if (args.tokens == 0 || args.n == 0) return cudaSuccess;
  linear_packed_kernel<<<tiles(args.n, args.tokens), dim3(kTile, kTile), 0, stream>>>(args);
  return cudaGetLastError();
}

}  // namespace tamis::cuda
