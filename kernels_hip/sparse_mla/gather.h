// Rows of the latent cache on their way to local memory, as bf16.
#pragma once

#include "kernels_gpu/common/latent_keys.h"
#include "kernels_hip/common/matrix_operand.h"
#include "kernels_hip/common/widen.h"
#include "kernels_hip/sparse_mla/launch.h"

namespace tamis::hip {

using gpu::LatentAttention;

inline constexpr int kTileKeys = 16;
inline constexpr int kLatentBytes = static_cast<int>(kMatrixLatent) * 2;
inline constexpr int kRopeBytes = static_cast<int>(kMatrixRope) * 2;
// 16 bytes more than a row has: eight neighbouring rows lie in different banks.
inline constexpr int kTileRowBytes = kLatentBytes + kRopeBytes + 16;

struct LatentRows {
  alignas(16) unsigned char rows[kTileKeys][kTileRowBytes];
  std::int32_t present[kTileKeys];  // of holes 0; their rows are zero
};

// What one of the `threads` that read a row has of it: latent dimensions as its element type wants them, and
// its share of the rope dimensions.
template <int threads>
struct FetchedRope {
  static constexpr int kEach = kRopeBytes / threads;
  unsigned words[kEach / 4];

  __device__ __forceinline__ void clear() {
#pragma unroll
    for (unsigned& word : words) word = 0;
  }
  __device__ __forceinline__ void fetch(const unsigned char* rope, int part) {
    __builtin_memcpy(words, rope + part * kEach, kEach);
  }
  __device__ __forceinline__ void put(unsigned char* row, int part) const {
    __builtin_memcpy(__builtin_assume_aligned(row + kLatentBytes + part * kEach, kEach), words, kEach);
  }
};

template <Element element, int threads>
struct FetchedRow;

template <int threads>
struct FetchedRow<Element::kBF16, threads> {
  static constexpr int kEach = kLatentBytes / 16 / threads;
  Quad quads[kEach];
  FetchedRope<threads> rope;
  bool present = false;

  __device__ __forceinline__ void fetch(const LatentAttention& args, std::int64_t slot, int part) {
    present = slot >= 0;
    rope.clear();
#pragma unroll
    for (int i = 0; i < kEach; ++i) quads[i] = Quad{};
    if (!present) return;
    const auto* row = static_cast<const unsigned char*>(args.cache.data) + slot * args.cache.stride * 2;
#pragma unroll
    for (int i = 0; i < kEach; ++i) __builtin_memcpy(&quads[i], row + (part + i * threads) * 16, 16);
    rope.fetch(row + kLatentBytes, part);
  }
  __device__ __forceinline__ void put(unsigned char* row, int part) const {
#pragma unroll
    for (int i = 0; i < kEach; ++i) *reinterpret_cast<Quad*>(row + (part + i * threads) * 16) = quads[i];
    rope.put(row, part);
  }
};

template <int threads>
struct FetchedRow<Element::kE4M3, threads> {
  static constexpr int kEach = static_cast<int>(kMatrixLatent) / kRun / threads;
  static constexpr int kRunsOfScale = static_cast<int>(gpu::kLatentGroup) / kRun;
  static constexpr int kScales = static_cast<int>(kMatrixLatent);  // bytes before the scales
  static constexpr int kRope = kScales + kScales / static_cast<int>(gpu::kLatentGroup) * 4;
  Run<Element::kE4M3> runs[kEach];
  float scales[kEach];
  FetchedRope<threads> rope;
  bool present = false;

  __device__ __forceinline__ void fetch(const LatentAttention& args, std::int64_t slot, int part) {
    present = slot >= 0;
    rope.clear();
#pragma unroll
    for (int i = 0; i < kEach; ++i) runs[i] = {}, scales[i] = 0;
    if (!present) return;
    const auto* row = static_cast<const unsigned char*>(args.cache.data) + slot * args.cache.stride;
#pragma unroll
    for (int i = 0; i < kEach; ++i) {
      const int run = part + i * threads;
      runs[i] = load_run<Element::kE4M3>(row + run * kRun);
      __builtin_memcpy(&scales[i], row + kScales + run / kRunsOfScale * 4, 4);
    }
    rope.fetch(row + kRope, part);
  }
  __device__ __forceinline__ void put(unsigned char* row, int part) const {
#pragma unroll
    for (int i = 0; i < kEach; ++i) {
      unsigned words[8];
      widen_scaled<true>(runs[i], scales[i], words);
      auto* at = reinterpret_cast<Quad*>(row + (part + i * threads) * kRun * 2);
      at[0] = Quad{words[0], words[1], words[2], words[3]};
      at[1] = Quad{words[4], words[5], words[6], words[7]};
    }
    rope.put(row, part);
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
    const std::int64_t own = slot;
    find(first + kTileKeys);
    schedule_barrier();  // what finding takes is free again for the row
    row.fetch(args, own, thread() % kThreads);
  }
  __device__ __forceinline__ void put(LatentRows& tile) const {
    const int key = thread() / kThreads, part = thread() % kThreads;
    row.put(tile.rows[key], part);
    if (part == 0) tile.present[key] = row.present ? 1 : 0;
  }
};

}  // namespace tamis::hip
