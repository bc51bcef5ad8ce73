// Grouped GEMM on mma.sync (sm_80 on): 64 weight rows by 16 or 64 rows of x a block of four warps, weights in
// the layout `tiles`, cp.async in 3 to 6 stages of 128 bytes of K. Every lane reads 16 bytes of K at once;
// both operands are permuted alike, so the fragments need no ldmatrix. e4m3 weights are widened exactly in
// registers and promoted every 128 of K with x scale * w scale. Bound by reading the weights while few rows
// share them. A NaN weight code (0x7f) reads as 480 here: checkpoints have none.
// Measured on an NVIDIA H100 80GB HBM3, driver 580, 2026-11-22, `tamis bench op --device cuda --op linear
// --row mma`, cold, medians, bf16 times e4m3: [7168, 16384] 119 us at one token (0.99 TB/s: one block of four
// warps a unit), 271 us at 128, 1.86 ms at 1024 (129 TFLOPS); [24576, 1536] 33 us, 94 us, 0.67 ms.
#include "kernels_cuda/common/elements.cuh"
#include "kernels_cuda/common/mma16.cuh"
#include "kernels_cuda/moe_grouped_gemm/launch.h"
#include "kernels_cuda/moe_grouped_gemm/schedule.cuh"

namespace tamis::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kTileBytes = 8192;

template <bool kF16_, bool kFp8_, int kWidth_>
struct Config {
  static constexpr bool kF16 = kF16_;  // the unit's type, else bf16
  static constexpr bool kFp8 = kFp8_;  // weights e4m3, else of the unit's type
  static constexpr int kWidth = kWidth_;
  static constexpr int kStages = kWidth == 16 ? 6 : 3;
  static constexpr int kColumns = kFp8 ? 128 : 64;              // of K in a stage
  static constexpr int kRowBytes = kFp8 ? 256 + 16 : 128 + 64;  // of x in shared memory: no bank conflicts
  static constexpr int kStageBytes = kTileBytes + kWidth * kRowBytes;
  static constexpr int kShared = kStages * kStageBytes;
};

__device__ __forceinline__ void copy16(void* shared, const void* global, bool present) {
  const auto address = static_cast<std::uint32_t>(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(global),
               "r"(present ? 16 : 0)
               : "memory");
}

template <class C>
__device__ __forceinline__ void load_stage(const GroupedMmaArgs& args, const GroupedTile& tile, int group,
                                           std::uint8_t* stage) {
  const auto* weights =
      args.w.codes +
      ((static_cast<std::int64_t>(tile.expert) * args.w.tiles + tile.block) * args.w.groups + group) *
          kTileBytes;
#pragma unroll
  for (int i = threadIdx.x; i < kTileBytes / 16; i += kThreads)
    copy16(stage + i * 16, weights + i * 16, true);
  constexpr int kChunks = C::kColumns / 8;
  for (int i = threadIdx.x; i < C::kWidth * kChunks; i += kThreads) {
    const int row = tile.begin + i / kChunks, column = group * C::kColumns + i % kChunks * 8;
    const bool present = row >= tile.low && row < tile.high && column < args.columns;
    const auto* source = args.x + (present ? row * args.x_stride + column : 0);
    copy16(stage + kTileBytes + i / kChunks * C::kRowBytes + i % kChunks * 16, source, present);
  }
}

// One stage: 16 rows a warp.
template <class C>
__device__ __forceinline__ void multiply_stage(const std::uint8_t* stage, float (&sums)[C::kWidth / 8][4]) {
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, row = warp * 16 + lane / 4, q = lane % 4;
  const std::uint8_t* x = stage + kTileBytes + lane / 4 * C::kRowBytes;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int chunk = ((half * 4 + q) ^ (lane / 4)) * 16;  // row % 8 is lane / 4
    const uint4 low = *reinterpret_cast<const uint4*>(stage + row * 128 + chunk);
    const uint4 high = *reinterpret_cast<const uint4*>(stage + (row + 8) * 128 + chunk);
    const std::uint32_t lows[4] = {low.x, low.y, low.z, low.w}, highs[4] = {high.x, high.y, high.z, high.w};
#pragma unroll
    for (int pair = 0; pair < (C::kFp8 ? 2 : 1); ++pair) {  // two steps of 16
      std::uint32_t a[2][4];
#pragma unroll
      for (int s = 0; s < 2; ++s) {
        if constexpr (C::kFp8) {
          const std::uint32_t l = lows[pair * 2 + s], h = highs[pair * 2 + s];
          a[s][0] = widen_pair<C::kF16>(__byte_perm(l, 0, 0x1404));
          a[s][1] = widen_pair<C::kF16>(__byte_perm(h, 0, 0x1404));
          a[s][2] = widen_pair<C::kF16>(__byte_perm(l, 0, 0x3424));
          a[s][3] = widen_pair<C::kF16>(__byte_perm(h, 0, 0x3424));
        } else {
          a[s][0] = lows[2 * s];
          a[s][1] = highs[2 * s];
          a[s][2] = lows[2 * s + 1];
          a[s][3] = highs[2 * s + 1];
        }
      }
      const int at = C::kFp8 ? (half * 8 + q * 2 + pair) * 16 : (half * 4 + q) * 16;
#pragma unroll
      for (int j = 0; j < C::kWidth / 8; ++j) {
        const uint4 b = *reinterpret_cast<const uint4*>(x + j * 8 * C::kRowBytes + at);
        mma16<C::kF16>(sums[j], a[0], b.x, b.y);
        mma16<C::kF16>(sums[j], a[1], b.z, b.w);
      }
    }
  }
}

template <class C>
__device__ __forceinline__ void store(const GroupedMmaArgs& args, const GroupedTile& tile,
                                      const float (&sums)[C::kWidth / 8][4]) {
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
#pragma unroll
  for (int j = 0; j < C::kWidth / 8; ++j) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int row = tile.begin + j * 8 + lane % 4 * 2 + i % 2;
      const int column = tile.block * 64 + warp * 16 + i / 2 * 8 + lane / 4;
      if (row >= tile.low && row < tile.high && column < args.w.rows)
        store_element(args.y.data, row * args.y.row_stride + column, args.y.type, sums[j][i]);
    }
  }
}

template <class C>
__device__ __forceinline__ void multiply_tile(const GroupedMmaArgs& args, const GroupedTile& tile,
                                              std::uint8_t* shared) {
  float sums[C::kWidth / 8][4] = {};
  const int groups = args.w.groups, lane = threadIdx.x % 32;
#pragma unroll
  for (int s = 0; s < C::kStages - 1; ++s) {
    if (s < groups) load_stage<C>(args, tile, s, shared + s * C::kStageBytes);
    asm volatile("cp.async.commit_group;" ::: "memory");
  }
  for (int group = 0; group < groups; ++group) {
    asm volatile("cp.async.wait_group %0;" ::"n"(C::kStages - 2) : "memory");
    __syncthreads();
    const int next = group + C::kStages - 1;
    if (next < groups) load_stage<C>(args, tile, next, shared + next % C::kStages * C::kStageBytes);
    asm volatile("cp.async.commit_group;" ::: "memory");
    const std::uint8_t* stage = shared + group % C::kStages * C::kStageBytes;
    if constexpr (C::kFp8) {
      float part[C::kWidth / 8][4] = {};
      multiply_stage<C>(stage, part);
      const float w_scale =
          args.w
              .scales[(static_cast<std::int64_t>(tile.expert) * args.w.tiles + tile.block) * groups + group];
#pragma unroll
      for (int j = 0; j < C::kWidth / 8; ++j) {
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          const int row = tile.begin + j * 8 + lane % 4 * 2 + i;
          float scale = w_scale;
          if (args.x_scales != nullptr && row < tile.high)
            scale *= args.x_scales[static_cast<std::int64_t>(row) * groups + group];
          sums[j][i] += part[j][i] * scale;
          sums[j][i + 2] += part[j][i + 2] * scale;
        }
      }
    } else {
      multiply_stage<C>(stage, sums);
    }
  }
  store<C>(args, tile, sums);
  __syncthreads();  // the next tile's copies overwrite what others still read
}

template <class C>
__global__ void __launch_bounds__(kThreads) grouped_mma_kernel(const __grid_constant__ GroupedMmaArgs args) {
  extern __shared__ __align__(128) std::uint8_t shared[];
  GroupedSchedule schedule{reinterpret_cast<int*>(shared + C::kShared),
                           reinterpret_cast<int*>(shared + C::kShared) + args.w.experts + 1, args.w.experts,
                           args.w.tiles, C::kWidth};
  if (threadIdx.x < kWarp) schedule.make(args.offsets, args.rows);
  __syncthreads();
  for (std::int64_t w = blockIdx.x; w < schedule.total(); w += gridDim.x)
    multiply_tile<C>(args, schedule.at(w), shared);
}

template <class C>
cudaError_t run(const GroupedMmaArgs& args, cudaStream_t stream) {
  static const cudaError_t allowed =
      cudaFuncSetAttribute(grouped_mma_kernel<C>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                           C::kShared + 8 * (kMaxGroupedExperts + 1));
  if (allowed != cudaSuccess) return allowed;
  int device = 0, units = 0;
  if (const cudaError_t error = cudaGetDevice(&device); error != cudaSuccess) return error;
  if (const cudaError_t error = cudaDeviceGetAttribute(&units, cudaDevAttrMultiProcessorCount, device);
      error != cudaSuccess)
    return error;
  const int bytes = C::kShared + 8 * (args.w.experts + 1);
  constexpr int kBlocks = 2;  // a unit
  grouped_mma_kernel<C><<<static_cast<unsigned>(kBlocks * units), kThreads, bytes, stream>>>(args);
  return cudaGetLastError();
}

template <bool kF16, bool kFp8>
cudaError_t run_width(const GroupedMmaArgs& args, cudaStream_t stream) {
  return args.expected_rows <= 9 || args.rows <= 16 ? run<Config<kF16, kFp8, 16>>(args, stream)
                                                    : run<Config<kF16, kFp8, 64>>(args, stream);
}

}  // namespace

cudaError_t grouped_mma(const GroupedMmaArgs& args, cudaStream_t stream) {
  if (args.rows == 0) return cudaSuccess;
  if (args.w.type == Element::kE4M3)
    return args.f16 ? run_width<true, true>(args, stream) : run_width<false, true>(args, stream);
  return args.f16 ? run_width<true, false>(args, stream) : run_width<false, false>(args, stream);
}

}  // namespace tamis::cuda
