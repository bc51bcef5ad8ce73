// Walks over a row of scores by a block, a tile of 16 scores a thread at a time, and the places of what it
// finds among all that is found: columns ascending, by ballots and one barrier a tile.
#pragma once

#include "core/numeric/sortable_key.h"
#include "kernels_hip/common/select_rank.h"

namespace tamis::hip::topk {

inline constexpr int kVectors = 4, kEach = 4 * kVectors;  // of a thread; loads of 16 bytes under way
inline constexpr unsigned kTile = kThreads * kEach;       // below 2^16: two counts fit into a register

// Scores that lie side by side. Item i is items[i] or, without, first + i.
struct Part {
  const float* scores;
  unsigned n;
  const std::int32_t* items;
  std::int32_t first;

  __device__ std::int32_t item(unsigned i) const {
    return items != nullptr ? items[i] : first + static_cast<std::int32_t>(i);
  }
};

// A row: one part behind another.
struct Row {
  Part a, b;

  __device__ unsigned n() const { return a.n + b.n; }
};

// What a thread holds of a tile: vector j of 4 scores lies `wave` vectors behind vector j - 1.
struct Tile {
  float v[kEach];
  unsigned first;  // column of v[0]
  __device__ unsigned column(int i) const {
    return first + static_cast<unsigned>(i / 4 * 4 * gpu::wave_size() + i % 4);
  }
};

// Columns behind the part read as NaN.
__device__ inline Tile load_tile(const Part& part, unsigned first) {
  Tile tile;
  const auto wave = static_cast<unsigned>(gpu::wave_size()), lane = static_cast<unsigned>(gpu::lane_id());
  tile.first = first + wave_id() * kEach * wave + lane * 4;
  if (part.n - first >= kTile) {
    // Of any alignment: gfx9 and later read 16 bytes from any address.
#pragma unroll
    for (int j = 0; j < kVectors; ++j) {
      Floats<4> loaded;
      __builtin_memcpy(&loaded, part.scores + tile.column(4 * j), 16);
#pragma unroll
      for (int e = 0; e < 4; ++e) tile.v[4 * j + e] = loaded[e];
    }
  } else {
#pragma unroll
    for (int i = 0; i < kEach; ++i) {
      const unsigned column = tile.column(i);
      tile.v[i] = column < part.n ? part.scores[column] : numeric::bits_float(0x7fc00000u);
    }
  }
  return tile;
}

// Lanes of `mask` below this one.
__device__ inline unsigned lanes_below(unsigned long long mask) {
#if defined(__AMDGCN__)
  return __builtin_amdgcn_mbcnt_hi(static_cast<unsigned>(mask >> 32),
                                   __builtin_amdgcn_mbcnt_lo(static_cast<unsigned>(mask), 0));
#else
  return static_cast<unsigned>(__popcll(mask & ((1ull << gpu::lane_id()) - 1)));
#endif
}

// What a wave found in a tile. Counts are of two kinds, in the low and the high half.
struct Found {
  unsigned bits[2] = {0, 0};  // of this thread's scores
  unsigned before[kVectors];  // this lane's first of vector j: those before it in the wave
  unsigned count = 0;         // in the wave

  // Of score i: those before it in the wave.
  __device__ unsigned place(int i) const {
    const unsigned own = ((1u << i % 4) - 1) << i / 4 * 4;
    return before[i / 4] + static_cast<unsigned>(__popc(bits[0] & own)) +
           (static_cast<unsigned>(__popc(bits[1] & own)) << 16);
  }
};

// `kinds` predicates of (score, column): holds<0>, holds<1>. By all lanes of the wave.
template <int kinds, class Test>
__device__ inline Found find(const Tile& tile, const Test& test) {
  Found found;
#pragma unroll
  for (int j = 0; j < kVectors; ++j) {
    unsigned below = 0, all = 0;
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      const int i = 4 * j + e;
#pragma unroll
      for (int kind = 0; kind < kinds; ++kind) {
        const bool holds = test(kind, tile.v[i], tile.column(i));
        const unsigned long long mask = __ballot(holds ? 1 : 0);
        found.bits[kind] |= holds ? 1u << i : 0u;
        below += lanes_below(mask) << 16 * kind;
        all += static_cast<unsigned>(__popcll(mask)) << 16 * kind;
      }
    }
    found.before[j] = found.count + below;
    found.count += all;
  }
  // Else the compiler keeps what it made them of, a scalar pair for each score.
#pragma unroll
  for (int kind = 0; kind < kinds; ++kind)
    found.bits[kind] = static_cast<unsigned>(here(static_cast<int>(found.bits[kind])));
  return found;
}

// Sums over the waves of a block, one barrier a call: `of_wave` is written by turns.
struct Order {
  unsigned (*of_wave)[gpu::kMaxWaves / 2];
  int turn = 0;

  // Of the counts of the waves before this one; `total` becomes the sum of all. `count` is the wave's.
  __device__ unsigned before(unsigned count, unsigned& total) {
    const unsigned wave = wave_id();
    if (gpu::lane_id() == 0) of_wave[turn][wave] = count;
    __syncthreads();
    unsigned sum = 0;
    total = 0;
    for (unsigned other = 0; other < static_cast<unsigned>(kThreads / gpu::wave_size()); ++other) {
      const unsigned of_other = of_wave[turn][other];
      sum += other < wave ? of_other : 0;
      total += of_other;
    }
    total = uniform(total);
    turn ^= 1;
    return uniform(sum);
  }
};

// What is taken so far: better ones and, of the equal ones, the first that still fit.
struct Taken {
  unsigned count = 0, ties_left = 0;

  // Where one goes that has `before` (both counts) found before it, and whether it does.
  __device__ unsigned place(unsigned before) const {
    const unsigned ties = before >> 16;
    return count + (before & 0xffffu) + (ties < ties_left ? ties : ties_left);
  }
  __device__ bool takes(unsigned before, bool tie) const { return !tie || before >> 16 < ties_left; }
  __device__ void add(unsigned total) {
    const unsigned ties = total >> 16, fit = ties < ties_left ? ties : ties_left;
    count += (total & 0xffffu) + fit;
    ties_left -= fit;
  }
};

}  // namespace tamis::hip::topk
