// FP8 grouped GEMM of Hopper: weights on M, tokens on N, so that one row costs eight columns and not 64.
//
// A persistent block has a warp that copies (bulk copies of whole 8 KB weight tiles and of the rows' plane, a
// ring of 3 to 6 stages of 128 columns) and two warpgroups that multiply, 2 x 64 weight rows each. Every 128
// of K the sums are promoted to f32 with x scale * w scale. The gate_up kernel gives each warpgroup a gate
// tile and its up tile, so that silu(gate) * up and the rounding to e4m3 happen in the epilogue.
// Tiles of more than 96 rows have them on M, 64 at a time, and two weight tiles on N: a thread then has two
// rows' scales to read and four products of scales to make every 128 of K, not a pair for every 8 rows, and
// gives the stage back before it promotes.
// Neither the tile's width nor its side changes bits: every element is summed alike.
//
// Bytes: each expert's weights once while its rows fit one token tile (16, 64 or 128 rows); below 9000 tokens
// of DeepSeek-V3.2 (256 experts, H 7168, I 2048, top-8) that is the bound. Measured on an NVIDIA H100 80GB
// HBM3, driver 580, CUDA 13.0, i.i.d. uniform routing, cold L2, medians, moe_experts of `tamis bench op
// --case v3_e256`, 2026-11-23:
//   tokens           1      8     32    128   1024   8192
//   experts hit      8     58    170    252    256    256
//   ms           0.146  0.875   2.45   3.66   4.03   9.17
// (weights once at 3.02 TB/s: 0.117 ms at one token, 3.73 ms for all). 8192 tokens, 256 rows for each expert:
// gate_up 3.75 ms, down 1.99 ms (967 TFLOPS); uneven rows as they come 2.35 ms. One matrix, 7168 x 16384 by
// 4096 rows: 0.745 ms, 1291 TFLOPS, where cuBLASLt's block-scaled product takes 0.737 ms.
#include "core/numeric/fp8.h"
#include "kernels_cuda/common/dependent_launch.cuh"
#include "kernels_cuda/moe_grouped_gemm/fp8_tile.cuh"
#include "kernels_cuda/moe_grouped_gemm/launch.h"
#include "kernels_cuda/moe_grouped_gemm/schedule.cuh"

namespace tamis::cuda {
namespace {

// kGroups warpgroups multiply kPerGroup weight tiles each with at most kWidth rows.
template <int kWidth_, int kStages_, int kGroups_, int kPerGroup_>
struct Config {
  static constexpr int kWidth = kWidth_, kStages = kStages_, kGroups = kGroups_, kPerGroup = kPerGroup_;
  static constexpr int kTiles = kGroups * kPerGroup;
  static constexpr int kMathThreads = kGroups * 128, kThreads = kMathThreads + 128;
};

template <class C>
struct Shared {
  static constexpr int kWidth = C::kWidth, kStages = C::kStages;
  static constexpr int kRowsBytes = kWidth * 128;
  static constexpr int kStaged = kWidth < 32 ? 32 : kWidth;
  alignas(1024) std::uint8_t weights[kStages][C::kTiles * kTileBytes];
  alignas(1024) std::uint8_t rows[kStages][kRowsBytes];
  alignas(1024) std::uint16_t staged[kStaged * 64 * C::kGroups];
  alignas(16) float scales[kStages][kWidth];
  std::uint64_t full[kStages];
  std::uint64_t empty[kStages];
  int schedule[1];  // starts and tiles, 2 * (experts + 1)
};

// Index in its expert of the j-th weight tile of a block; gate_up pairs a gate tile with its up tile.
template <class C, bool kGateUp>
__device__ __forceinline__ int weight_tile(const GroupedFp8Args& args, int block, int j) {
  if (!kGateUp) return block * C::kTiles + j;
  return block * 2 + j / 2 + j % 2 * (args.w.tiles / 2);
}

[[maybe_unused]] __device__ __forceinline__ float silu(float x) { return __fdividef(x, 1.0f + __expf(-x)); }
[[maybe_unused]] __device__ __forceinline__ float round_bf16(float x) {
  return __bfloat162float(__float2bfloat16_rn(x));
}

template <class C, bool kGateUp>
__device__ void copy_loop(const GroupedFp8Args& args, Shared<C>& shared, const GroupedSchedule& schedule) {
  Ring weights, rows;  // weights run ahead of rows by up to kStages before the predecessor is done
  const auto copy_weights = [&](const GroupedTile& tile, int group) {
    std::uint64_t* full = &shared.full[weights.stage];
    int present = 0;
    for (int j = 0; j < C::kTiles; ++j)
      present += weight_tile<C, kGateUp>(args, tile.block, j) < args.w.tiles;
    barrier_expect(full, static_cast<std::uint32_t>(present * kTileBytes + tile.eights * (1024 + 32)));
    for (int j = 0; j < C::kTiles; ++j) {
      const int index = weight_tile<C, kGateUp>(args, tile.block, j);
      if (index >= args.w.tiles) continue;
      const std::int64_t at =
          (static_cast<std::int64_t>(tile.expert) * args.w.tiles + index) * args.w.groups + group;
      bulk_copy(shared.weights[weights.stage] + j * kTileBytes, args.w.codes + at * kTileBytes, kTileBytes,
                full);
    }
    weights.template advance<C::kStages>();
  };
  const auto copy_rows = [&](const GroupedTile& tile, int group) {
    const std::int64_t first = tile.begin + group * args.x.capacity;
    std::uint64_t* full = &shared.full[rows.stage];
    const auto eights = static_cast<std::uint32_t>(tile.eights);
    bulk_copy(shared.rows[rows.stage], args.x.codes + first * 128, eights * 1024, full);
    bulk_copy(shared.scales[rows.stage], args.x.scales + first, eights * 32, full);
    rows.template advance<C::kStages>();
  };
  const std::int64_t total = schedule.total();
  int ahead = 0;  // stages whose weights are on their way already
  if (blockIdx.x < total) {
    const GroupedTile tile = schedule.at(blockIdx.x);
    for (; ahead < C::kStages && ahead < args.w.groups; ++ahead) copy_weights(tile, ahead);
  }
  wait_for_predecessor();
  for (std::int64_t w = blockIdx.x; w < total; w += gridDim.x) {
    const GroupedTile tile = schedule.at(w);
    for (int group = 0; group < args.w.groups; ++group) {
      if (ahead > 0) {
        --ahead;
      } else {
        barrier_wait(&shared.empty[weights.stage], weights.phase ^ 1);
        copy_weights(tile, group);
      }
      copy_rows(tile, group);
    }
  }
}

// Eight warps, a token each: 128 values to e4m3 and their scale.
template <class S>
__device__ __forceinline__ void quantize_staged(const GroupedFp8Args& args, const S& shared,
                                                const GroupedTile& tile) {
  const int lane = threadIdx.x % 32;
  const int first = tile.low - tile.begin + static_cast<int>(threadIdx.x) / 32;
  for (int token = first; token < tile.high - tile.begin; token += 8) {
    const int chunk = lane / 2 ^ (token & 7);
    const uint2 raw = *reinterpret_cast<const uint2*>(shared.staged + token * 128 + chunk * 8 + lane % 2 * 4);
    const float v[4] = {__uint_as_float(raw.x << 16), __uint_as_float(raw.x & 0xffff0000u),
                        __uint_as_float(raw.y << 16), __uint_as_float(raw.y & 0xffff0000u)};
    float amax = fmaxf(fmaxf(fabsf(v[0]), fabsf(v[1])), fmaxf(fabsf(v[2]), fabsf(v[3])));
    amax = warp_reduce(amax, MaxMagnitude{});
    const float scale = numeric::activation_scale(amax, args.pow2);
    std::uint32_t codes = 0;
#pragma unroll
    for (int i = 0; i < 4; ++i)
      codes |= static_cast<std::uint32_t>(numeric::float_to_e4m3(__fdiv_rn(v[i], scale))) << (8 * i);
    const std::int64_t row = tile.begin + token + tile.block * args.product.capacity;
    *reinterpret_cast<std::uint32_t*>(args.product.codes + row * 128 + ((lane / 4) ^ (token & 7)) * 16 +
                                      lane % 4 * 4) = codes;
    if (lane == 0) args.product.scales[row] = scale;
  }
}

template <int kN, class S>
__device__ __forceinline__ void finish_gate_up(const GroupedFp8Args& args, S& shared, const GroupedTile& tile,
                                               const float (&gate)[kN / 2], const float (&up)[kN / 2]) {
  std::uint32_t low[kN / 8], high[kN / 8];
  const auto product = [&](int i) { return silu(round_bf16(gate[i])) * round_bf16(up[i]); };
#pragma unroll
  for (int j = 0; j < kN / 8; ++j) {
    low[j] = pack_bf16(product(4 * j), product(4 * j + 1));
    high[j] = pack_bf16(product(4 * j + 2), product(4 * j + 3));
  }
  stage_transposed(low, high, shared.staged, threadIdx.x / 32 * 16);
  named_barrier(1, 256);
  quantize_staged(args, shared, tile);
  named_barrier(1, 256);
}

// y by shared memory, half of the tile's width at a time.
template <class C, int kN>
__device__ __forceinline__ void store_rows(const GroupedFp8Args& args, Shared<C>& shared,
                                           const GroupedTile& tile, int column0,
                                           const float (&sums)[C::kPerGroup][kN / 2]) {
  constexpr int kPass = Shared<C>::kStaged / 2;  // rows
  constexpr int kCount = (kN < kPass ? kN : kPass) / 8;
  const int group = threadIdx.x / 128, warp = threadIdx.x / 32 % 4, lane = threadIdx.x % 32;
  std::uint16_t* staged = shared.staged + group * kPass * 128;
  auto* y = static_cast<std::uint16_t*>(args.y.data);
  const int chunk = lane % 16, column = column0 + chunk * 8;
#pragma unroll
  for (int first = 0; first < kN; first += kPass) {
#pragma unroll
    for (int i = 0; i < C::kPerGroup; ++i) {
      std::uint32_t low[kCount], high[kCount];
#pragma unroll
      for (int j = 0; j < kCount; ++j) {
        const int at = 4 * (first / 8 + j);
        low[j] = at < kN / 2 ? pack_bf16(sums[i][at], sums[i][at + 1]) : 0;
        high[j] = at < kN / 2 ? pack_bf16(sums[i][at + 2], sums[i][at + 3]) : 0;
      }
      stage_transposed(low, high, staged, i * 64 + warp * 16);
    }
    named_barrier(2 + group, 128);
    for (int token = warp * 2 + lane / 16; token < 8 * kCount; token += 8) {
      const int row = tile.begin + first + token;
      if (row < tile.low || row >= tile.high || column >= args.w.rows || chunk * 8 >= C::kPerGroup * 64)
        continue;
      *reinterpret_cast<uint4*>(y + row * args.y.row_stride + column) =
          *reinterpret_cast<const uint4*>(staged + token * 128 + (chunk ^ (token & 7)) * 8);
    }
    named_barrier(2 + group, 128);
  }
}

template <class C, int kN, bool kGateUp>
__device__ __forceinline__ void multiply(const GroupedFp8Args& args, Shared<C>& shared,
                                         const GroupedTile& tile, Ring& ring) {
  constexpr int kPerGroup = C::kPerGroup;
  const int group = threadIdx.x / 128, lane = threadIdx.x % 32;
  float sums[kPerGroup][kN / 2];
  const float* w_scales[kPerGroup];
  float scales[kPerGroup], next[kPerGroup];
#pragma unroll
  for (int i = 0; i < kPerGroup; ++i) {
#pragma unroll
    for (int j = 0; j < kN / 2; ++j) sums[i][j] = 0.0f;
    const int index = min(weight_tile<C, kGateUp>(args, tile.block, group * kPerGroup + i), args.w.tiles - 1);
    w_scales[i] =
        args.w.scales + (static_cast<std::int64_t>(tile.expert) * args.w.tiles + index) * args.w.groups;
    scales[i] = __ldg(w_scales[i]);
  }
  for (int k = 0; k < args.w.groups; ++k) {
#pragma unroll
    for (int i = 0; i < kPerGroup; ++i) next[i] = __ldg(w_scales[i] + min(k + 1, args.w.groups - 1));
    barrier_wait(&shared.full[ring.stage], ring.phase);
    const std::uint8_t* weights = shared.weights[ring.stage] + group * kPerGroup * kTileBytes;
    const float* row_scales = shared.scales[ring.stage] + lane % 4 * 2;
    if constexpr (kN <= 96 && kPerGroup == 2) {
      float part0[kN / 2], part1[kN / 2];
      wgmma_fence();
      multiply_tile<kN>(part0, weights, shared.rows[ring.stage]);
      multiply_tile<kN>(part1, weights + kTileBytes, shared.rows[ring.stage]);
      wgmma_wait<1>();
      promote<kN>(sums[0], part0, row_scales, scales[0]);
      wgmma_wait<0>();
      promote<kN>(sums[1], part1, row_scales, scales[1]);
    } else {
#pragma unroll
      for (int i = 0; i < kPerGroup; ++i) {
        float part[kN / 2];
        wgmma_fence();
        multiply_tile<kN>(part, weights + i * kTileBytes, shared.rows[ring.stage]);
        wgmma_wait<0>();
        promote<kN>(sums[i], part, row_scales, scales[i]);
      }
    }
    __syncwarp();
    if (lane == 0) barrier_arrive(&shared.empty[ring.stage]);
    ring.advance<C::kStages>();
#pragma unroll
    for (int i = 0; i < kPerGroup; ++i) scales[i] = next[i];
  }
  const int column0 = (tile.block * C::kTiles + group * kPerGroup) * 64;
  if constexpr (kGateUp) {
    finish_gate_up<kN>(args, shared, tile, sums[0], sums[1]);
  } else {
    store_rows<C, kN>(args, shared, tile, column0, sums);
  }
}

// silu(gate) * up of tiles that have rows on M.
template <class C>
__device__ __forceinline__ void finish_gate_up_rows(const GroupedFp8Args& args, Shared<C>& shared,
                                                    const GroupedTile& tile, const float (&sums)[2][64]) {
  const int group = threadIdx.x / 128, warp = threadIdx.x / 32 % 4, lane = threadIdx.x % 32;
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const int token = i * 64 + warp * 16 + lane / 4;
    const auto product = [&](int at) { return silu(round_bf16(sums[i][at])) * round_bf16(sums[i][at + 32]); };
#pragma unroll
    for (int j = 0; j < 8; ++j) {
      std::uint16_t* to = shared.staged + token * 128 + ((group * 8 + j) ^ (token & 7)) * 8 + lane % 4 * 2;
      *reinterpret_cast<std::uint32_t*>(to) = pack_bf16(product(4 * j), product(4 * j + 1));
      *reinterpret_cast<std::uint32_t*>(to + 8 * 128) = pack_bf16(product(4 * j + 2), product(4 * j + 3));
    }
  }
  named_barrier(1, 256);
  quantize_staged(args, shared, tile);
  named_barrier(1, 256);
}

// y of 64 rows on M and 128 columns of weights; each warp by its own part of shared memory.
template <class C>
__device__ __forceinline__ void store_row_tile(const GroupedFp8Args& args, Shared<C>& shared,
                                               const GroupedTile& tile, int first, int column0,
                                               const float (&sums)[64]) {
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, r = lane / 4;
  std::uint16_t* staged = shared.staged + warp * 16 * 128;
#pragma unroll
  for (int j = 0; j < 16; ++j) {
    std::uint16_t* to = staged + r * 128 + (j ^ r) * 8 + lane % 4 * 2;
    *reinterpret_cast<std::uint32_t*>(to) = pack_bf16(sums[4 * j], sums[4 * j + 1]);
    *reinterpret_cast<std::uint32_t*>(to + 8 * 128) = pack_bf16(sums[4 * j + 2], sums[4 * j + 3]);
  }
  __syncwarp();
  auto* y = static_cast<std::uint16_t*>(args.y.data);
  const int chunk = lane % 16, column = column0 + chunk * 8;
#pragma unroll
  for (int token = lane / 16; token < 16; token += 2) {
    const int row = tile.begin + first + warp % 4 * 16 + token;
    if (row < tile.low || row >= tile.high || column >= args.w.rows) continue;
    *reinterpret_cast<uint4*>(y + row * args.y.row_stride + column) =
        *reinterpret_cast<const uint4*>(staged + token * 128 + (chunk ^ (token & 7)) * 8);
  }
  __syncwarp();
}

// A tile of 97 to 128 rows, which are on M: a warpgroup takes both halves of them and two weight tiles of its
// own, or, where the block has but two, one half and both.
template <class C, bool kGateUp>
__device__ __forceinline__ void multiply_rows(const GroupedFp8Args& args, Shared<C>& shared,
                                              const GroupedTile& tile, Ring& ring) {
  static_assert(C::kWidth == 128 && C::kGroups == 2);
  constexpr int kHalves = C::kPerGroup;
  const int group = threadIdx.x / 128, warp = threadIdx.x / 32 % 4, lane = threadIdx.x % 32;
  const int half0 = kHalves == 2 ? 0 : group, tile0 = kHalves == 2 ? group * 2 : 0;
  float sums[kHalves][64];
  const float* w_scales[2];
  float scales[2], next[2];
#pragma unroll
  for (int i = 0; i < kHalves * 64; ++i) sums[i / 64][i % 64] = 0.0f;
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const int index = min(weight_tile<C, kGateUp>(args, tile.block, tile0 + i), args.w.tiles - 1);
    w_scales[i] =
        args.w.scales + (static_cast<std::int64_t>(tile.expert) * args.w.tiles + index) * args.w.groups;
    scales[i] = __ldg(w_scales[i]);
  }
  for (int k = 0; k < args.w.groups; ++k) {
#pragma unroll
    for (int i = 0; i < 2; ++i) next[i] = __ldg(w_scales[i] + min(k + 1, args.w.groups - 1));
    barrier_wait(&shared.full[ring.stage], ring.phase);
    const float* row_scales = shared.scales[ring.stage] + half0 * 64 + warp * 16 + lane / 4;
    RowScales of_rows[kHalves];
#pragma unroll
    for (int i = 0; i < kHalves; ++i) of_rows[i] = {row_scales[i * 64], row_scales[i * 64 + 8]};
#pragma unroll
    for (int i = 0; i < kHalves; ++i) {
      float part[64];
      wgmma_fence();
      multiply_tile<128>(part, shared.rows[ring.stage] + (half0 + i) * kTileBytes,
                         shared.weights[ring.stage] + tile0 * kTileBytes);
      wgmma_wait<0>();
      if (i + 1 == kHalves) {
        __syncwarp();
        if (lane == 0) barrier_arrive(&shared.empty[ring.stage]);
      }
      promote_rows(sums[i], part, of_rows[i], scales);
    }
    ring.advance<C::kStages>();
#pragma unroll
    for (int i = 0; i < 2; ++i) scales[i] = next[i];
  }
  if constexpr (kGateUp) {
    finish_gate_up_rows(args, shared, tile, sums);
  } else {
#pragma unroll
    for (int i = 0; i < kHalves; ++i)
      store_row_tile(args, shared, tile, (half0 + i) * 64, (tile.block * C::kTiles + tile0) * 64, sums[i]);
    named_barrier(2 + group, 128);  // the next tile's rows may be staged by other warps
  }
}

template <class C, bool kGateUp>
__device__ __forceinline__ void math_loop(const GroupedFp8Args& args, Shared<C>& shared,
                                          const GroupedSchedule& schedule) {
  Ring ring;
  wait_for_predecessor();  // what it reads may be overwritten by the epilogue
  for (std::int64_t w = blockIdx.x; w < schedule.total(); w += gridDim.x) {
    const GroupedTile tile = schedule.at(w);
    if constexpr (C::kWidth == 128) {
      if (tile.eights <= 8)
        multiply<C, 64, kGateUp>(args, shared, tile, ring);
      else if (tile.eights <= 12)
        multiply<C, 96, kGateUp>(args, shared, tile, ring);
      else
        multiply_rows<C, kGateUp>(args, shared, tile, ring);
    } else if constexpr (C::kWidth == 64) {
      if (tile.eights <= 4)
        multiply<C, 32, kGateUp>(args, shared, tile, ring);
      else
        multiply<C, 64, kGateUp>(args, shared, tile, ring);
    } else {
      multiply<C, C::kWidth, kGateUp>(args, shared, tile, ring);
    }
  }
}

template <class C, bool kGateUp>
__global__ void __launch_bounds__(C::kThreads, 1)
    grouped_kernel(const __grid_constant__ GroupedFp8Args args) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  extern __shared__ std::uint8_t raw[];
  const std::uint32_t misaligned = shared_address(raw) % 1024;
  auto& shared = *reinterpret_cast<Shared<C>*>(raw + (misaligned == 0 ? 0 : 1024 - misaligned));
  GroupedSchedule schedule{shared.schedule, shared.schedule + args.w.experts + 1, args.w.experts,
                           kGateUp ? args.w.tiles / 4 : (args.w.tiles + C::kTiles - 1) / C::kTiles,
                           C::kWidth};
  if (threadIdx.x == C::kMathThreads) {
    for (int i = 0; i < C::kStages; ++i) {
      barrier_init(&shared.full[i], 1);
      barrier_init(&shared.empty[i], C::kMathThreads / 32);
    }
    barrier_init_fence();
  }
  if (threadIdx.x < kWarp) schedule.make(args.offsets, args.rows);
  __syncthreads();
  let_successor_start();
  if (threadIdx.x >= C::kMathThreads) {
    if constexpr (C::kGroups == 2) registers_down<56>();
    if (threadIdx.x == C::kMathThreads) copy_loop<C, kGateUp>(args, shared, schedule);
  } else {
    if constexpr (C::kGroups == 2) registers_up<224>();
    math_loop<C, kGateUp>(args, shared, schedule);
  }
#endif
}

template <class C, bool kGateUp>
cudaError_t run(const GroupedFp8Args& args, int units, cudaStream_t stream) {
  const std::size_t bytes =
      sizeof(Shared<C>) + 1024 + sizeof(int) * 2 * (static_cast<std::size_t>(args.w.experts) + 1);
  const auto kernel = grouped_kernel<C, kGateUp>;
  static const cudaError_t allowed = allow_shared_memory(reinterpret_cast<const void*>(kernel));
  if (allowed != cudaSuccess) return allowed;
  return launch(kernel, {static_cast<unsigned>(units), C::kThreads, bytes, args.dependent}, stream, args);
}

cudaError_t count_units(int* units) {
  int device = 0;
  if (const cudaError_t error = cudaGetDevice(&device); error != cudaSuccess) return error;
  return cudaDeviceGetAttribute(units, cudaDevAttrMultiProcessorCount, device);
}

// A block's tile of one matrix, and the time that it takes for 128 of K, in units of 10 ns: medians on the
// H100 of the head over 7168 x 16384 and 2240 x 7168 by 128 to 4096 rows, 2026-11-23.
// Only their ratios matter.
struct MatrixTile {
  int weights, rows;
  std::int64_t cost;
};
constexpr MatrixTile kWide{256, 128, 87}, kMiddle{128, 128, 56}, kFlat{128, 64, 44}, kSmall{64, 64, 31};

// Blocks run in waves over the units, and a wave takes as long for one block as for all.
std::int64_t matrix_cost(const MatrixTile& tile, const GroupedFp8Args& args, int units) {
  const std::int64_t blocks =
      (args.w.rows + tile.weights - 1) / tile.weights * ((args.expected_rows + tile.rows - 1) / tile.rows);
  return (blocks + units - 1) / units * tile.cost;
}

cudaError_t run_matrix(const GroupedFp8Args& args, int units, cudaStream_t stream) {
  const MatrixTile* best = &kWide;
  for (const MatrixTile* tile : {&kMiddle, &kFlat, &kSmall})
    if (matrix_cost(*tile, args, units) < matrix_cost(*best, args, units)) best = tile;
  if (best == &kWide) return run<Config<128, 3, 2, 2>, false>(args, units, stream);
  if (best == &kMiddle) return run<Config<128, 5, 2, 1>, false>(args, units, stream);
  if (best == &kFlat) return run<Config<64, 8, 2, 1>, false>(args, units, stream);
  return run<Config<64, 12, 1, 1>, false>(args, units, stream);
}

}  // namespace

cudaError_t grouped_fp8_sm90(const GroupedFp8Args& args, cudaStream_t stream) {
  int units = 0;
  if (const cudaError_t error = count_units(&units); error != cudaSuccess) return error;
  if (args.w.experts == 1) {
    // Few rows of x: bound by the weights' bytes. Blocks of 64 of their rows where more would leave units
    // idle.
    const bool many = (args.w.tiles + 3) / 4 >= units;
    if (args.expected_rows <= 16 && !many) return run<Config<16, 20, 1, 1>, false>(args, units, stream);
    if (args.expected_rows > 48 || !many) return run_matrix(args, units, stream);
  }
  if (args.expected_rows <= 6) return run<Config<16, 6, 2, 2>, false>(args, units, stream);
  if (args.expected_rows <= 48) return run<Config<64, 4, 2, 2>, false>(args, units, stream);
  return run<Config<128, 3, 2, 2>, false>(args, units, stream);
}

cudaError_t grouped_fp8_gate_up_sm90(const GroupedFp8Args& args, cudaStream_t stream) {
  int units = 0;
  if (const cudaError_t error = count_units(&units); error != cudaSuccess) return error;
  if (args.expected_rows <= 6) return run<Config<16, 6, 2, 2>, true>(args, units, stream);
  if (args.expected_rows <= 48) return run<Config<64, 4, 2, 2>, true>(args, units, stream);
  return run<Config<128, 3, 2, 2>, true>(args, units, stream);
}

}  // namespace tamis::cuda
