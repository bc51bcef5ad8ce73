// Exact selection of the k best of a row by a block, in one pass over the row in the usual case.
//
// Of a 16th of the row the score is found that the k best reach with near certainty, and not many more (2048
// of 64K: 2810 +- 210). One pass puts what reaches it into local memory, columns ascending; a search over
// the digits of their keys finds the k-th, and a pass over them gives the chosen ones their places. Where too
// few or too many reach the sampled score the row is read again: once where that score turns out to be the
// k-th itself (a plateau of equal ones, which most overflows are), else two to four times, a digit of the key
// each. Rows of up to kCapacity columns are not sampled. Places come of ballots and sums: no order of waves
// shows anywhere.
//
// 31 KB of local memory: two blocks of 512 threads find room on gfx942, 16 waves with four loads of 16 bytes
// a lane under way each.
#pragma once

#include "kernels_hip/common/select_limits.h"
#include "kernels_hip/common/select_walk.h"

namespace tamis::hip::topk {

inline constexpr unsigned kCapacity = 3584;  // candidates: 3.6 standard deviations more than expected of 2048
inline constexpr int kSampleBits = 11, kBits = 9;
// Of every 128 scores 8 are sampled, others in every run of 128.
inline constexpr unsigned kRun = 128, kSampled = 8;

struct Memory {
  union {
    struct {
      float scores[kCapacity];
      std::int32_t items[kCapacity];
    } candidates;
    unsigned bins[1 << kSampleBits];  // while there are no candidates
  };
  unsigned candidate_bins[1 << kBits];
  unsigned of_wave[2][gpu::kMaxWaves / 2];
};

// As integers of their order, larger = better.
struct SampleKeys {
  Row row;
  unsigned in_a, n;

  __device__ explicit SampleKeys(const Row& of)
      : row(of), in_a(of.a.n / kRun * kSampled), n(in_a + of.b.n / kRun * kSampled) {}
  __device__ float score(unsigned i) const {
    const bool first = i < in_a;
    const unsigned at = first ? i : i - in_a, run = at / kSampled;
    const unsigned column = run * kRun + run * 7 % (kRun / kSampled) * kSampled + at % kSampled;
    return (first ? row.a.scores : row.b.scores)[column];
  }
  template <class F>
  __device__ void each(const F& f) const {
    constexpr unsigned kBatch = 8;
#pragma unroll 1
    for (unsigned first = threadIdx.x; first < n; first += kBatch * kThreads) {
      float v[kBatch];
#pragma unroll
      for (unsigned u = 0; u < kBatch; ++u) {
        const unsigned i = first + u * kThreads;
        v[u] = score(i < n ? i : n - 1);
      }
#pragma unroll
      for (unsigned u = 0; u < kBatch; ++u) {
        if (first + u * kThreads < n) f(numeric::sortable_key(v[u]));
      }
    }
  }
};

struct RowKeys {
  Row row;
  template <class F>
  __device__ void each(const F& f) const {
    Part part = row.a;
#pragma unroll 1
    for (int p = 0; p < 2; ++p, part = row.b) {
#pragma unroll 1
      for (unsigned first = 0; first < part.n; first += kTile) {
        const Tile tile = load_tile(part, first);
#pragma unroll
        for (int i = 0; i < kEach; ++i) {
          if (tile.column(i) < part.n) f(numeric::sortable_key(tile.v[i]));
        }
      }
    }
  }
};

// Keys from `low` on, spread over all 32 bits: their digits differ from the first on.
struct CandidateKeys {
  const float* scores;
  unsigned n;
  std::uint32_t low;
  int spread;

  __device__ std::uint32_t key(unsigned i) const {
    return (numeric::sortable_key(scores[i]) - low) << spread;
  }
  template <class F>
  __device__ void each(const F& f) const {
    for (unsigned i = threadIdx.x; i < n; i += kThreads) f(key(i));
  }
};

// A key that the k best of the row very likely reach, and few others; all of its bits are right where it
// stands on a plateau.
__device__ inline std::uint32_t sampled_key(const Row& row, unsigned k, Memory& m) {
  const SampleKeys sample(row);
  const float expected = static_cast<float>(k) * static_cast<float>(sample.n) / static_cast<float>(row.n());
  const auto wanted = static_cast<unsigned>(expected + 4.0f * sqrtf(expected) + 2.0f);
  return find_rank<kSampleBits>(sample, wanted < sample.n ? wanted : sample.n, kSampled - 1, m.bins).prefix;
}

// How many scores reach the threshold, and how many exceed it.
struct Reached {
  unsigned count, better;
};

// Makes candidates of what reaches the threshold, as far as there is room.
__device__ inline Reached collect(const Row& row, float threshold, Memory& m) {
  unsigned count = 0, better = 0;
  Order order{m.of_wave};
  Part part = row.a;
#pragma unroll 1
  for (int p = 0; p < 2; ++p, part = row.b) {
#pragma unroll 1
    for (unsigned first = 0; first < part.n; first += kTile) {
      const Tile tile = load_tile(part, first);
      const Found found = find<1>(tile, [&](int, float score, unsigned) { return score >= threshold; });
#pragma unroll
      for (int i = 0; i < kEach; ++i) better += tile.v[i] > threshold ? 1 : 0;
      unsigned total;
      const unsigned base = count + order.before(found.count, total);
#pragma unroll
      for (int i = 0; i < kEach; ++i) {
        const unsigned place = base + found.place(i);
        if ((found.bits[0] >> i & 1u) == 0 || place >= kCapacity) continue;
        m.candidates.scores[place] = tile.v[i];
        m.candidates.items[place] = part.item(tile.column(i));
      }
      count += total;
    }
  }
  return {count, uniform(gpu::block_reduce<gpu::Sum>(better))};
}

__device__ inline void collect_all(const Row& row, Memory& m) {
  Part part = row.a;
  for (int p = 0; p < 2; ++p, part = row.b) {
    const unsigned base = p == 0 ? 0 : row.a.n;
    for (unsigned i = threadIdx.x; i < part.n; i += kThreads) {
      m.candidates.scores[base + i] = part.scores[i];
      m.candidates.items[base + i] = part.item(i);
    }
  }
}

// put(place, item, score) of the k best of n candidates, whose keys are `low` or better.
template <class Put>
__device__ inline void choose_candidates(unsigned n, std::uint32_t low, unsigned k, Memory& m,
                                         const Put& put) {
  std::uint32_t best = low;
  for (unsigned i = threadIdx.x; i < n; i += kThreads) {
    const std::uint32_t key = numeric::sortable_key(m.candidates.scores[i]);
    best = key > best ? key : best;
  }
  best = uniform(gpu::block_reduce<gpu::Max>(best));
  const CandidateKeys keys{m.candidates.scores, n, low,
                           best == low ? 31 : __clz(static_cast<int>(best - low))};
  const Rank rank = find_rank<kBits>(keys, k, 0, m.candidate_bins);
  Taken taken{0, rank.wanted};
  Order order{m.of_wave};
#pragma unroll 1
  for (unsigned first = 0; first < n && taken.count < k; first += kThreads) {
    const unsigned i = first + threadIdx.x;
    const std::uint32_t key = i < n ? keys.key(i) & rank.known : 0;
    const bool better = i < n && key > rank.prefix, tie = i < n && key == rank.prefix;
    const unsigned long long betters = __ballot(better ? 1 : 0), ties = __ballot(tie ? 1 : 0);
    const auto mine = static_cast<unsigned>(__popcll(betters) | __popcll(ties) << 16);
    unsigned total;
    const unsigned before = order.before(mine, total) + lanes_below(betters) + (lanes_below(ties) << 16);
    if ((better || tie) && taken.takes(before, tie))
      put(taken.place(before), m.candidates.items[i], m.candidates.scores[i]);
    taken.add(total);
  }
}

// The same of a row in memory, into the room of the candidates: what is put may overlay the row.
__device__ inline void choose_scanned(const Row& row, const Rank& rank, unsigned k, Memory& m) {
  Taken taken{0, rank.wanted};
  Order order{m.of_wave};
  Part part = row.a;
#pragma unroll 1
  for (int p = 0; p < 2; ++p, part = row.b) {
#pragma unroll 1
    for (unsigned first = 0; first < part.n && taken.count < k; first += kTile) {
      const Tile tile = load_tile(part, first);
      const Found found = find<2>(tile, [&](int kind, float score, unsigned column) {
        const std::uint32_t key = numeric::sortable_key(score) & rank.known;
        return column < part.n && (kind == 0 ? key > rank.prefix : key == rank.prefix);
      });
      unsigned total;
      const unsigned base = order.before(found.count, total);
#pragma unroll
      for (int i = 0; i < kEach; ++i) {
        const bool tie = (found.bits[1] >> i & 1u) != 0;
        const unsigned before = base + found.place(i);
        if (((found.bits[0] >> i & 1u) == 0 && !tie) || !taken.takes(before, tie)) continue;
        m.candidates.scores[taken.place(before)] = tile.v[i];
        m.candidates.items[taken.place(before)] = part.item(tile.column(i));
      }
      taken.add(total);
    }
  }
}

// put(place, item, score) of the k best of more than k items, in their order; k is at most kMaxSampledK.
// Nothing of the row is read after the first is put. Begins with a barrier, ends without.
template <class Put>
__device__ inline void select(const Row& row, unsigned k, Memory& m, const Put& put) {
  __syncthreads();
  Reached reached{row.n(), 0};
  std::uint32_t low = 0;
  if (row.n() <= kCapacity) {
    collect_all(row, m);
    __syncthreads();
  } else {
    low = sampled_key(row, k, m);
    const float threshold = numeric::bits_float((low & 0x80000000u) != 0 ? low & 0x7fffffffu : ~low);
    reached = collect(row, threshold, m);
  }
  if (reached.count >= k && reached.count <= kCapacity)
    return choose_candidates(reached.count, low, k, m, put);
  Rank rank{low, ~0u, k - reached.better, 0};
  if (reached.count < k || reached.better >= k) rank = find_rank<kSampleBits>(RowKeys{row}, k, 0, m.bins);
  choose_scanned(row, rank, k, m);
  __syncthreads();
  for (unsigned i = threadIdx.x; i < k; i += kThreads) put(i, m.candidates.items[i], m.candidates.scores[i]);
}

}  // namespace tamis::hip::topk
