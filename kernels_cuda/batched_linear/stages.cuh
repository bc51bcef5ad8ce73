// What batched_linear on mma.sync multiplies: tiles of a head's tokens and outputs, and the stages of x,
// weights and scales that a block copies to shared memory, tile after tile.
#pragma once

#include <cuda_runtime.h>

#include "kernels_cuda/batched_linear/launch.h"
#include "kernels_cuda/common/mma_bf16.cuh"

namespace tamis::cuda::batched {

inline constexpr int kThreads = 256;
inline constexpr int kTokens = 128, kOutputs = 128, kColumns = 64;
inline constexpr int kXBytes = kTokens * kColumns * 2, kScaleBytes = kOutputs * 4;
inline constexpr int kScaleGroup = 128;

template <bool kF16_, bool kFp8_, bool kKn_>
struct Config {
  static constexpr bool kF16 = kF16_;  // the unit's type, else bf16
  static constexpr bool kFp8 = kFp8_;  // weights e4m3, else of the unit's type
  static constexpr bool kKn = kKn_;
  // Columns of two neighbouring n8 tiles take turns, so that a thread has four in a row.
  static constexpr bool kInterleaved = kFp8 || !kKn;
  static constexpr int kSize = kFp8 ? 1 : 2;  // of a weight
  static constexpr int kWeightBytes = kOutputs * kColumns * kSize;
  static constexpr int kScales = kXBytes + kWeightBytes;  // where they begin in a stage
  static constexpr int kStageBytes = kScales + (kFp8 ? kScaleBytes : 0);
  static constexpr int kStages = kFp8 ? 4 : 3;
  static constexpr int kShared = kStages * kStageBytes;
  static_assert(kShared <= 99 * 1024, "every device from sm_80 on gives a block that much");
  static constexpr int kBlocks = kFp8 ? 1 : 2;  // a unit: registers for two sums of e4m3
  // Chunks of 16 bytes of a row of weights in shared memory. [N, K]: 128 bytes of K, or of e4m3 rows r and
  // r + 64 a half each.
  static constexpr int kChunks = kKn ? kOutputs * kSize / 16 : 8;
};

// Tiles in the order of output, head, token; a block's next one is `stride` further.
struct Tile {
  int output, head, token;
  __device__ Tile(const BatchedMmaArgs& args, int index) {
    const int across = (args.n + kOutputs - 1) / kOutputs;
    output = index % across;
    head = index / across % args.heads;
    token = index / across / args.heads;
  }
  __device__ bool exists(const BatchedMmaArgs& args) const { return token * kTokens < args.tokens; }
  __device__ void advance(const BatchedMmaArgs& args, const Tile& stride) {
    output += stride.output;
    head += stride.head;
    token += stride.token;
    if (output * kOutputs >= args.n) {
      output -= (args.n + kOutputs - 1) / kOutputs;
      ++head;
    }
    if (head >= args.heads) {
      head -= args.heads;
      ++token;
    }
  }
};

// The first `bytes` of 16, zeros behind them; `spare` is readable.
__device__ __forceinline__ void copy16(unsigned to, const std::uint8_t* from, int bytes, const void* spare) {
  const int count = min(max(bytes, 0), 16);
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(to),
               "l"(count > 0 ? from : static_cast<const std::uint8_t*>(spare)), "r"(count)
               : "memory");
}
__device__ __forceinline__ void copy4(unsigned to, const float* from) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(to), "l"(from) : "memory");
}

// The place of a chunk of 16 bytes in a row of 128 of x: eight rows at one chunk, for ldmatrix, and four rows
// at two neighbouring ones lie in different banks.
__device__ __forceinline__ int x_chunk(int row, int chunk) {
  return chunk ^ ((row & 3) * 2 + (row >> 2 & 1));
}

// What a thread copies of the stages, one after the other, tile by tile.
template <class C>
struct Loader {
  static constexpr int kXStep = kThreads / 8, kWeightStep = kThreads / C::kChunks;  // rows
  Tile tile;
  int k = 0;
  const std::uint8_t *x = nullptr, *weights = nullptr;  // of this stage, first row
  const float* scales = nullptr;

  __device__ Loader(const BatchedMmaArgs& args, int index) : tile(args, index) {
    if (tile.exists(args)) begin(args);
  }

  __device__ void begin(const BatchedMmaArgs& args) {
    const int thread = static_cast<int>(threadIdx.x);
    x = static_cast<const std::uint8_t*>(args.x.data) +
        ((tile.token * kTokens + thread / 8) * args.x.row_stride + tile.head * args.x_head_stride +
         thread % 8 * 8) *
            2;
    const int row = thread / C::kChunks, chunk = thread % C::kChunks, output = tile.output * kOutputs;
    weights = args.heads_at[tile.head];
    if constexpr (C::kKn) {
      weights += row * args.w_stride + output * C::kSize + chunk * 16;
    } else {
      const int half = C::kFp8 ? chunk / 4 * 64 : 0;
      weights += (output + row + half) * args.w_stride + (C::kFp8 ? chunk % 4 : chunk) * 16;
    }
    if constexpr (C::kFp8) {
      const std::int64_t first = static_cast<std::int64_t>(tile.head) * (C::kKn ? args.k : args.n);
      scales = args.scales + (C::kKn ? first * args.groups + output / kScaleGroup : first * args.groups);
    }
  }

  __device__ void load_x(const BatchedMmaArgs& args, unsigned stage) const {
    const int row = static_cast<int>(threadIdx.x) / 8, chunk = static_cast<int>(threadIdx.x) % 8;
    const int bytes = (args.k - k - chunk * 8) * 2;
    const unsigned to = stage + row * 128 + x_chunk(row, chunk) * 16;
    const int rows = args.tokens - tile.token * kTokens - row;
#pragma unroll
    for (int i = 0; i < kTokens / kXStep; ++i)
      copy16(to + i * kXStep * 128, x + i * kXStep * 2 * args.x.row_stride, i * kXStep < rows ? bytes : 0,
             args.x.data);
  }

  __device__ void load_weights(const BatchedMmaArgs& args, unsigned stage) const {
    const int row = static_cast<int>(threadIdx.x) / C::kChunks;
    const int chunk = static_cast<int>(threadIdx.x) % C::kChunks, output = tile.output * kOutputs;
    const int width = C::kFp8 ? args.row_bytes : (C::kKn ? args.n : args.k) * 2;  // of a row, in bytes
    int bytes, rows;
    unsigned to = stage + kXBytes + row * C::kChunks * 16;
    if constexpr (C::kKn) {
      bytes = width - output * C::kSize - chunk * 16;
      rows = args.k - k - row;
      to += (chunk ^ (row & 7)) * 16;
    } else {
      bytes = width - k * C::kSize - (C::kFp8 ? chunk % 4 : chunk) * 16;
      rows = args.n - output - row - (C::kFp8 ? chunk / 4 * 64 : 0);
      to += (chunk ^ (row >> 1 & 7)) * 16;
    }
#pragma unroll
    for (int i = 0; i < C::kWeightBytes / 16 / kThreads; ++i)
      copy16(to + i * kWeightStep * C::kChunks * 16, weights + i * kWeightStep * args.w_stride,
             i * kWeightStep < rows ? bytes : 0, args.heads_at[0]);
  }

  // Of the stage's rows of K at the tile's columns, or of the tile's outputs. Behind the last: its own.
  __device__ void load_scales(const BatchedMmaArgs& args, unsigned stage) const {
    const int i = static_cast<int>(threadIdx.x);
    if (i >= (C::kKn ? kColumns : kOutputs)) return;
    const int row = C::kKn ? min(k + i, args.k - 1) : min(tile.output * kOutputs + i, args.n - 1);
    copy4(stage + C::kScales + i * 4, scales + row * args.groups + (C::kKn ? 0 : k / kScaleGroup));
  }

  // Starts the copies of a stage, if there is one, and goes on.
  __device__ void load(const BatchedMmaArgs& args, const Tile& stride, unsigned stage) {
    if (tile.exists(args)) {
      load_x(args, stage);
      load_weights(args, stage);
      if constexpr (C::kFp8) load_scales(args, stage);
      k += kColumns;
      x += kColumns * 2;
      weights += C::kKn ? kColumns * args.w_stride : kColumns * C::kSize;
      if (k >= args.k) {
        k = 0;
        tile.advance(args, stride);
        if (tile.exists(args)) begin(args);
      }
    }
    mma_bf16::commit_copies();
  }
};

}  // namespace tamis::cuda::batched
