// Rows of the latent cache on their way to local memory, as bf16.
#pragma once

#include "kernels_gpu/common/latent_keys.h"
#include "kernels_hip/common/matrix_operand.h"
#include "kernels_hip/common/widen.h"
#include "kernels_hip/sparse_mla/launch.h"

namespace tamis::hip {

using gpu::LatentAttention;

inline constexpr int kTileKeys = 16;
inline constexpr std::int64_t kManyKeys = 1024;  // entries of a list
inline constexpr int kLatentBytes = static_cast<int>(kMatrixLatent) * 2;
inline constexpr int kRopeBytes = static_cast<int>(kMatrixRope) * 2;
// 16 bytes more than a row has: eight neighbouring rows lie in different banks.
inline constexpr int kTileRowBytes = kLatentBytes + kRopeBytes + 16;

struct LatentRows {
  alignas(16) unsigned char rows[kTileKeys][kTileRowBytes];
  std::int32_t present[kTileKeys];  // of holes 0; their rows are zero
};

// 16 e4m3 codes times a power of two as bf16: exact. A code at its place in f16 is 2^-8 of its value. With a
// NaN code all 16 are NaN: a row with one makes all outputs of its token NaN anyway.
__device__ inline void widen_scaled(const Run<Element::kE4M3>& run, float scale, unsigned* words) {
  unsigned nans = 0;
#pragma unroll
  for (int i = 0; i < 4; ++i) nans |= (run.parts[0][i] & 0x7f7f7f7fu) + 0x01010101u;
  const float factor = (nans & 0x80808080u) != 0 ? numeric::bits_float(0x7fc00000u) : scale * 256;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const unsigned codes = run.parts[0][i];
    const unsigned pairs[2] = {(codes << 8 & 0xff00u) | (codes << 16 & 0xff000000u),
                               (codes >> 8 & 0xff00u) | (codes & 0xff000000u)};
#pragma unroll
    for (int j = 0; j < 2; ++j) {
      const unsigned moved = (pairs[j] & 0x80008000u) | (pairs[j] >> 1 & 0x3f803f80u);
      const auto halves = operand<Halves<2>>(&moved);
      const float low = gpu::multiply_add(static_cast<float>(halves[0]), factor, -0.0f);
      const float high = gpu::multiply_add(static_cast<float>(halves[1]), factor, -0.0f);
      words[i * 2 + j] = numeric::float_bits(low) >> 16 | (numeric::float_bits(high) & 0xffff0000u);
    }
  }
}

// What one of the `threads` that read a row has of it.
template <Element element, int threads>
struct FetchedRow;

template <int threads>
struct FetchedRow<Element::kBF16, threads> {
  static constexpr int kQuads = (kLatentBytes + kRopeBytes) / 16, kEach = (kQuads + threads - 1) / threads;
  Quad quads[kEach];
  bool present = false;

  __device__ __forceinline__ void fetch(const LatentAttention& args, std::int64_t slot, int part) {
    present = slot >= 0;
#pragma unroll
    for (int i = 0; i < kEach; ++i) quads[i] = Quad{};
    if (!present) return;
    const auto* row = static_cast<const unsigned char*>(args.cache.data) + slot * args.cache.stride * 2;
#pragma unroll
    for (int i = 0; i < kEach; ++i) __builtin_memcpy(&quads[i], row + quad(part, i) * 16, 16);
  }
  __device__ __forceinline__ void put(unsigned char* row, int part) const {
#pragma unroll
    for (int i = 0; i < kEach; ++i) *reinterpret_cast<Quad*>(row + quad(part, i) * 16) = quads[i];
  }
  // Behind the last of the row the last again: no branch.
  __device__ static int quad(int part, int i) {
    const int quad = part + i * threads;
    return quad < kQuads ? quad : kQuads - 1;
  }
};

template <int threads>
struct FetchedRow<Element::kE4M3, threads> {
  static constexpr int kRuns = static_cast<int>(kMatrixLatent) / kRun, kEach = kRuns / threads;
  static constexpr int kRunsOfScale = static_cast<int>(gpu::kLatentGroup) / kRun;
  static constexpr int kScales = static_cast<int>(kMatrixLatent);  // bytes before the scales
  static constexpr int kRope = kScales + kScales / static_cast<int>(gpu::kLatentGroup) * 4;
  static constexpr int kRopeQuads = kRopeBytes / 16;  // read more than once where there are more threads
  static_assert(threads % kRopeQuads == 0 && kRuns % threads == 0);
  Run<Element::kE4M3> runs[kEach];
  float scales[kEach];
  Quad rope;
  bool present = false;

  __device__ __forceinline__ void fetch(const LatentAttention& args, std::int64_t slot, int part) {
    present = slot >= 0;
    rope = Quad{};
#pragma unroll
    for (int i = 0; i < kEach; ++i) runs[i] = {}, scales[i] = 0;
    if (!present) return;
    const auto* row = static_cast<const unsigned char*>(args.cache.data) + slot * args.cache.stride;
    __builtin_memcpy(&rope, row + kRope + part % kRopeQuads * 16, 16);
#pragma unroll
    for (int i = 0; i < kEach; ++i) {
      const int run = part + i * threads;
      runs[i] = load_run<Element::kE4M3>(row + run * kRun);
      __builtin_memcpy(&scales[i], row + kScales + run / kRunsOfScale * 4, 4);
    }
  }
  __device__ __forceinline__ void put(unsigned char* row, int part) const {
#pragma unroll
    for (int i = 0; i < kEach; ++i) {
      unsigned words[8];
      widen_scaled(runs[i], scales[i], words);
      auto* at = reinterpret_cast<Quad*>(row + (part + i * threads) * kRun * 2);
      at[0] = Quad{words[0], words[1], words[2], words[3]};
      at[1] = Quad{words[4], words[5], words[6], words[7]};
    }
    *reinterpret_cast<Quad*>(row + kLatentBytes + part % kRopeQuads * 16) = rope;
  }
};

// The rows of a token's entries [., end), a tile of kTileKeys at a time: those of one tile in registers, the
// slots of the next known.
template <class Keys, Element element, int block_threads>
struct Gather {
  static constexpr int kThreads = block_threads / kTileKeys;  // of a row
  const LatentAttention& args;
  std::int64_t token;
  int end, slot = -1;
  FetchedRow<element, kThreads> row;

  __device__ __forceinline__ Gather(const LatentAttention& arguments, std::int64_t t, int first, int last)
      : args(arguments), token(t), end(last) {
    find(first);
  }
  // Computed where it is wanted: what follows from it does not wait in registers.
  __device__ static int thread() { return here(static_cast<int>(threadIdx.x)) & (block_threads - 1); }
  __device__ __forceinline__ void find(int first) {
    const int i = first + thread() / kThreads;
    const std::int64_t at = i < end ? Keys::at(args, token, i) : -1;
    slot = at < args.cache.slots ? static_cast<int>(at) : -1;
  }
  // Tile `first`, whose slots are known.
  __device__ __forceinline__ void fetch(int first) {
    row.fetch(args, slot, thread() % kThreads);
    find(first + kTileKeys);
  }
  __device__ __forceinline__ void put(LatentRows& tile) const {
    const int key = thread() / kThreads, part = thread() % kThreads;
    row.put(tile.rows[key], part);
    if (part == 0) tile.present[key] = row.present ? 1 : 0;
  }
};

}  // namespace tamis::hip
