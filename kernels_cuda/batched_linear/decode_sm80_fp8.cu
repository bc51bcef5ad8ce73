// batched_linear of a few tokens with e4m3 weights: every warp has eight weight rows in flight, 16 bytes a
// lane, fetched before the predecessor is done, so that all 8.4 MB of 128 heads are asked for at once; the
// products are f32. w [h, N, K]: a warp makes eight outputs. w [h, K, N]: a lane makes 16 outputs of eight
// rows of K, the block's 16 warps are added through shared memory, in order. Bound by reading the weights,
// once per kTokens tokens.
#include "kernels_cuda/batched_linear/launch.h"
#include "kernels_cuda/common/codes.cuh"
#include "kernels_cuda/common/dependent_launch.cuh"
#include "kernels_cuda/common/elements.cuh"
#include "kernels_cuda/common/reduce.cuh"
#include "kernels_cuda/common/vectors.cuh"

namespace tamis::cuda {
namespace {

constexpr int kRows = 8;  // in flight, a warp
constexpr int kCodes = 16, kWarpCodes = kCodes * kWarp;
constexpr int kWarpsNk = 8, kWarpsKn = 16;
constexpr int kPassRows = kWarpsKn * kRows;  // of K

struct Rows {
  uint4 codes[kRows];
  float scales[kRows];
};

// Rows [first, first + kRows) of w, those below `end`, at this lane's column.
__device__ __forceinline__ void load_rows(Rows& rows, const BatchedFp8Args& args, std::int64_t first,
                                          std::int64_t end, int column, int columns) {
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
    const bool present = first + i < end && column < columns;
    const auto* codes = args.codes + (first + i) * args.row_bytes + column;
    rows.codes[i] = present ? load_early(reinterpret_cast<const uint4*>(codes)) : uint4{};
    rows.scales[i] = present ? load_early(args.scales + (first + i) * args.groups + column / 128) : 0.0f;
  }
}

// The sum over the warp of v[i], in the lanes of which lane / 4 is i.
__device__ __forceinline__ float transpose_sum(const float (&v)[kRows]) {
  const int lane = threadIdx.x % kWarp;
  float four[4], two[2];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const bool high = (lane & 16) != 0;
    four[i] = (high ? v[i + 4] : v[i]) + __shfl_xor_sync(0xffffffffu, high ? v[i] : v[i + 4], 16);
  }
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const bool high = (lane & 8) != 0;
    two[i] = (high ? four[i + 2] : four[i]) + __shfl_xor_sync(0xffffffffu, high ? four[i] : four[i + 2], 8);
  }
  const bool high = (lane & 4) != 0;
  float sum = (high ? two[1] : two[0]) + __shfl_xor_sync(0xffffffffu, high ? two[0] : two[1], 4);
  sum += __shfl_xor_sync(0xffffffffu, sum, 2);
  return sum + __shfl_xor_sync(0xffffffffu, sum, 1);
}

template <int kTokens>
__global__ void __launch_bounds__(kWarpsNk* kWarp, 1) decode_nk_kernel(BatchedFp8Args args) {
  let_successor_start();
  const int lane = threadIdx.x % kWarp, head = blockIdx.y;
  const int row = (static_cast<int>(blockIdx.x) * kWarpsNk + static_cast<int>(threadIdx.x) / kWarp) * kRows;
  const std::int64_t head_row = static_cast<std::int64_t>(head) * args.n;
  Rows rows;
  load_rows(rows, args, head_row + row, head_row + args.n, lane * kCodes, args.k);
  wait_for_predecessor();
#pragma unroll 1
  for (int token = 0; token < args.tokens; token += kTokens) {
    float sums[kTokens][kRows] = {};
#pragma unroll 1
    for (int k = 0; k < args.k; k += kWarpCodes) {
      const int column = k + lane * kCodes;
      if (token + k > 0) load_rows(rows, args, head_row + row, head_row + args.n, column, args.k);
      float x[kTokens][kCodes] = {};
#pragma unroll
      for (int t = 0; t < kTokens; ++t) {
        if (token + t >= args.tokens || column >= args.k) continue;
        const std::int64_t at = (token + t) * args.x.row_stride + head * args.x_head_stride + column;
        const auto* from =
            reinterpret_cast<const uint4*>(static_cast<const std::uint16_t*>(args.x.data) + at);
        const uint4 raw[2] = {from[0], from[1]};
        float low[kVector], high[kVector];
        widen16(low, raw[0], args.x.type == Element::kF16);
        widen16(high, raw[1], args.x.type == Element::kF16);
#pragma unroll
        for (int i = 0; i < kVector; ++i) x[t][i] = low[i], x[t][i + kVector] = high[i];
      }
#pragma unroll
      for (int r = 0; r < kRows; ++r) {
        float w[kCodes];
        widen_codes(w, rows.codes[r]);
#pragma unroll
        for (int t = 0; t < kTokens; ++t) {
          float even = 0.0f, odd = 0.0f;
#pragma unroll
          for (int i = 0; i < kCodes; i += 2) {
            even = fmaf(w[i], x[t][i], even);
            odd = fmaf(w[i + 1], x[t][i + 1], odd);
          }
          sums[t][r] = fmaf(even + odd, rows.scales[r], sums[t][r]);
        }
      }
    }
    const int mine = row + lane / 4;
#pragma unroll
    for (int t = 0; t < kTokens; ++t) {
      const float sum = transpose_sum(sums[t]);
      if (lane % 4 == 0 && mine < args.n && token + t < args.tokens)
        store_element(args.y.data, (token + t) * args.y.row_stride + head * args.y_head_stride + mine,
                      args.y.type, sum);
    }
  }
}

template <int kTokens>
__global__ void __launch_bounds__(kWarpsKn* kWarp) decode_kn_kernel(BatchedFp8Args args) {
  __shared__ float partial[kWarpsKn][kWarpCodes];
  __shared__ float xs[kTokens][kPassRows];
  let_successor_start();
  const int lane = threadIdx.x % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp, head = blockIdx.y;
  const int first = static_cast<int>(blockIdx.x) * kWarpCodes, column = first + lane * kCodes;
  const std::int64_t head_row = static_cast<std::int64_t>(head) * args.k;
  Rows rows;
  load_rows(rows, args, head_row + warp * kRows, head_row + args.k, column, args.n);
  wait_for_predecessor();
#pragma unroll 1
  for (int token = 0; token < args.tokens; token += kTokens) {
    float sums[kTokens][kCodes] = {};
#pragma unroll 1
    for (int chunk = 0; chunk < args.k; chunk += kPassRows) {
      const int k = chunk + warp * kRows, mine = static_cast<int>(threadIdx.x) % kPassRows;
      if (token + chunk > 0) load_rows(rows, args, head_row + k, head_row + args.k, column, args.n);
      __syncthreads();  // of the chunk before, xs has been read
      for (int t = static_cast<int>(threadIdx.x) / kPassRows; t < kTokens; t += kWarpsKn * kWarp / kPassRows)
        if (token + t < args.tokens && chunk + mine < args.k)
          xs[t][mine] = load_element(
              args.x.data, (token + t) * args.x.row_stride + head * args.x_head_stride + chunk + mine,
              args.x.type);
      __syncthreads();
#pragma unroll
      for (int r = 0; r < kRows; ++r) {
        float w[kCodes];
        widen_codes(w, rows.codes[r]);
#pragma unroll
        for (int t = 0; t < kTokens; ++t) {
          if (token + t >= args.tokens || k + r >= args.k) continue;
          const float x = rows.scales[r] * xs[t][warp * kRows + r];
#pragma unroll
          for (int i = 0; i < kCodes; ++i) sums[t][i] = fmaf(w[i], x, sums[t][i]);
        }
      }
    }
    // A lane's 16 columns lie 128 words apart in fours: no bank conflicts.
#pragma unroll
    for (int t = 0; t < kTokens; ++t) {
      __syncthreads();
#pragma unroll
      for (int i = 0; i < kCodes; i += 4)
        *reinterpret_cast<float4*>(&partial[warp][i / 4 * 128 + lane * 4]) = {sums[t][i], sums[t][i + 1],
                                                                              sums[t][i + 2], sums[t][i + 3]};
      __syncthreads();
      const int place = static_cast<int>(threadIdx.x);
      const int mine = first + place % 128 / 4 * kCodes + place / 128 * 4 + place % 4;
      float sum = 0.0f;
#pragma unroll
      for (int w = 0; w < kWarpsKn; ++w) sum += partial[w][place];
      if (mine < args.n && token + t < args.tokens)
        store_element(args.y.data, (token + t) * args.y.row_stride + head * args.y_head_stride + mine,
                      args.y.type, sum);
    }
  }
}

template <auto kKernel>
cudaError_t run(int outputs_per_block, unsigned threads, const BatchedFp8Args& args, cudaStream_t stream) {
  if (args.tokens == 0 || args.n == 0 || args.heads == 0) return cudaSuccess;
  const dim3 grid(static_cast<unsigned>((args.n + outputs_per_block - 1) / outputs_per_block),
                  static_cast<unsigned>(args.heads));
  return launch(kKernel, {grid, threads, 0, can_depend<kKernel>()}, stream, args);
}

}  // namespace

cudaError_t batched_decode_nk(const BatchedFp8Args& args, cudaStream_t stream) {
  constexpr int kOutputs = kWarpsNk * kRows, kThreads = kWarpsNk * kWarp;
  return args.tokens == 1 ? run<&decode_nk_kernel<1>>(kOutputs, kThreads, args, stream)
                          : run<&decode_nk_kernel<4>>(kOutputs, kThreads, args, stream);
}

cudaError_t batched_decode_kn(const BatchedFp8Args& args, cudaStream_t stream) {
  constexpr int kThreads = kWarpsKn * kWarp;
  return args.tokens == 1 ? run<&decode_kn_kernel<1>>(kWarpCodes, kThreads, args, stream)
                          : run<&decode_kn_kernel<2>>(kWarpCodes, kThreads, args, stream);
}

}  // namespace tamis::cuda
