// The best k of a row in one pass over its scores, in the usual case, over vectors V (select_avx2.cpp,
// select_avx512.cpp).
//
// Eight of every 128 scores (fewer in rows beyond 128 K) are a sample. Of the sample the score is found that
// the k best reach with near certainty, and not many more; one pass appends what reaches it, with its column,
// to a buffer, without a branch, in ascending order. The k-th key of the buffer is found bit by bit: a pass
// of compare and count for each of 32 bits over some 3000 keys that stay in L1; a last pass appends the
// chosen columns, of equal keys the first that fit. Nothing is sorted. Where the sample misled:
//   - too many reach the sampled score, which is itself the k-th (a plateau of equal scores, the usual case
//     when most keys score 0): two more passes, one that counts and one that takes.
//   - anything else: the k-th key is found over the whole row, 32 passes.
// Bytes: the scores once, and a 16th of them again; 64 K scores are 256 KiB, 7 us at what one core reads from
// memory. One Zen 5 core ("AMD EPYC"), 2026-11-22, top-2048 of 64 K normal scores in the cache, least CPU
// time of 200: 19 us with 16 lanes, 28 with 8; mostly zeros 30 and 65; from memory 24 and 26
// (TAMIS_THREADS=1 tamis bench op --op topk_select).
//
// V has kLanes, Float, Int; load load_some (n < kLanes) of either; set1; keys (sortable keys of floats);
// reach / beat (lanes where a >= b / a > b, as bits) of floats and of unsigned keys; append (the chosen lanes
// in order, kLanes numbers written) and store_some.
#pragma once

#include "backends/cpu/kernels/topk_select/vector.h"

namespace tamis::cpu::topk {

// Where keys come from: a buffer, or the scores themselves.
template <class V>
struct Buffer {
  const std::uint32_t* keys;
  typename V::Int at(std::int64_t i, std::int64_t n) const {
    return n - i >= V::kLanes ? V::load(keys + i) : V::load_some(keys + i, n - i);
  }
};
template <class V>
struct Scores {
  const float* scores;
  typename V::Int at(std::int64_t i, std::int64_t n) const {
    return V::keys(n - i >= V::kLanes ? V::load(scores + i) : V::load_some(scores + i, n - i));
  }
};

template <class V>
unsigned first_lanes(std::int64_t n) {
  return n >= V::kLanes ? (1u << V::kLanes) - 1 : (1u << n) - 1;
}

template <class V>
std::int64_t count_bits(unsigned mask) {
  return __builtin_popcount(mask);
}

// How many of n keys are `key` or better. Keys loaded behind the end are 0, and key is not.
template <class V, class Source>
std::int64_t count_reaching(const Source& source, std::int64_t n, std::uint32_t key) {
  const typename V::Int bound = V::set1(key);
  std::int64_t counts[4] = {};
  std::int64_t i = 0;
  for (; i + 4 * V::kLanes <= n; i += 4 * V::kLanes) {
    for (int j = 0; j < 4; ++j) counts[j] += count_bits<V>(V::reach(source.at(i + j * V::kLanes, n), bound));
  }
  for (; i < n; i += V::kLanes) counts[0] += count_bits<V>(V::reach(source.at(i, n), bound));
  return counts[0] + counts[1] + counts[2] + counts[3];
}

// A key that k of n >= k keys reach and beyond which fewer than k lie, or that exactly k reach.
template <class V, class Source>
std::uint32_t kth_key(const Source& source, std::int64_t n, std::int64_t k) {
  std::uint32_t key = 0;
  for (std::uint32_t bit = 1u << 31; bit != 0; bit >>= 1) {
    const std::int64_t reaching = count_reaching<V>(source, n, key | bit);
    if (reaching >= k) key |= bit;
    if (reaching == k) break;
  }
  return key;
}

// Of `equal` the lowest `count` bits.
template <class V>
unsigned lowest_bits(unsigned equal, std::int64_t count) {
  unsigned taken = 0;
  for (; count > 0 && equal != 0; --count) {
    taken |= equal & (0 - equal);
    equal &= equal - 1;
  }
  return taken;
}

// Appends to idx[k] the columns of all keys better than `key` and of the first that equal it; `columns` null:
// columns are positions.
template <class V, class Source>
void take(const Source& source, std::int64_t n, const std::int32_t* columns, std::uint32_t key,
          const Row& row) {
  const typename V::Int bound = V::set1(key);
  std::int64_t better = 0;
  for (std::int64_t i = 0; i < n; i += V::kLanes) {
    better += count_bits<V>(V::beat(source.at(i, n), bound));
  }
  std::int64_t ties = row.k - better, chosen = 0;
  for (std::int64_t i = 0; i < n && chosen < row.k; i += V::kLanes) {
    const typename V::Int keys = source.at(i, n);
    const unsigned above = V::beat(keys, bound);
    unsigned equal = V::reach(keys, bound) & ~above & first_lanes<V>(n - i);
    if (count_bits<V>(equal) > ties) equal = lowest_bits<V>(equal, ties);
    ties -= count_bits<V>(equal);
    const unsigned lanes = above | equal;
    const typename V::Int at =
        columns != nullptr ? V::load(columns + i) : V::iota(static_cast<std::int32_t>(i));
    if (chosen + V::kLanes <= row.k) {
      V::append(row.idx + chosen, at, lanes);
    } else {
      V::append_some(row.idx + chosen, at, lanes, count_bits<V>(lanes));
    }
    chosen += count_bits<V>(lanes);
  }
}

inline constexpr std::int64_t kBlock = 128, kRun = 8;  // a run of each block is sampled

// Copies the sample as keys; returns how many.
template <class V>
std::int64_t sample(const Row& row, std::uint32_t* samples) {
  const std::int64_t blocks = row.n / kBlock, runs = kMaxSamples / kRun;
  const std::int64_t step = (blocks + runs - 1) / runs;
  std::int64_t count = 0;
  auto* copied = reinterpret_cast<float*>(samples);
  for (std::int64_t b = 0; b < blocks; b += step, count += kRun) {
    V::copy_run(row.scores + b * kBlock + b * 7 % (kBlock / kRun) * kRun, copied + count);
  }
  for (std::int64_t i = 0; i < count; i += V::kLanes) V::store(samples + i, V::keys(V::load(copied + i)));
  return count;
}

// A key that few more than k scores should reach: the mean of the rank in the sample, and four times its
// deviation.
template <class V>
std::uint32_t sampled_key(const Row& row, std::uint32_t* samples) {
  const std::int64_t count = sample<V>(row, samples);
  const std::int64_t mean = row.k * count / row.n;
  std::int64_t root = 0;
  while (root * root < mean) ++root;
  const std::int64_t rank = mean + 4 * root + 4;
  if (rank >= count) return 0;
  return kth_key<V>(Buffer<V>{samples}, count, rank);
}

template <class V>
float score_of(std::uint32_t key) {
  const std::uint32_t bits = (key & 0x80000000u) != 0 ? key & 0x7fffffffu : ~key;
  float score;
  __builtin_memcpy(&score, &bits, 4);
  return score;
}

// Appends what reaches `score`, bits and columns; stops beyond row.capacity. Returns how many.
template <class V>
std::int64_t gather(const Row& row, float score, std::uint32_t* found, std::int32_t* columns) {
  const typename V::Float bound = V::set1(score);
  std::int64_t count = 0, i = 0;
  const auto add = [&](typename V::Float scores, unsigned lanes) __attribute__((always_inline)) {
    V::append(found + count, V::bits(scores), lanes);
    V::append(columns + count, V::iota(static_cast<std::int32_t>(i)), lanes);
    count += count_bits<V>(lanes);
  };
  for (; i + V::kLanes <= row.n && count <= row.capacity; i += V::kLanes) {
    const typename V::Float scores = V::load(row.scores + i);
    add(scores, V::reach(scores, bound));
  }
  if (i < row.n && count <= row.capacity) {
    const typename V::Float scores = V::load_some(row.scores + i, row.n - i);
    add(scores, V::reach(scores, bound) & first_lanes<V>(row.n - i));
  }
  return count;
}

// The k-th key of a row whose sample was of no use, but perhaps its k-th key.
template <class V>
std::uint32_t key_of_row(const Row& row, std::uint32_t guess) {
  const Scores<V> source{row.scores};
  if (guess != 0 && count_reaching<V>(source, row.n, guess) >= row.k &&
      count_reaching<V>(source, row.n, guess + 1) < row.k) {
    return guess;
  }
  return kth_key<V>(source, row.n, row.k);
}

template <class V>
void select(const Row& row) {
  std::uint32_t* keys = row.memory;
  auto* columns = reinterpret_cast<std::int32_t*>(keys + row.capacity + kPadding);
  if (row.n <= row.capacity) {
    const Scores<V> source{row.scores};
    for (std::int64_t i = 0; i < row.n; i += V::kLanes) V::store(keys + i, source.at(i, row.n));
    take<V>(Buffer<V>{keys}, row.n, nullptr, kth_key<V>(Buffer<V>{keys}, row.n, row.k), row);
    return;
  }
  const std::uint32_t guess =
      sampled_key<V>(row, reinterpret_cast<std::uint32_t*>(columns + row.capacity + kPadding));
  const std::int64_t count = guess == 0 ? 0 : gather<V>(row, score_of<V>(guess), keys, columns);
  if (count < row.k || count > row.capacity) {
    take<V>(Scores<V>{row.scores}, row.n, nullptr, key_of_row<V>(row, guess), row);
    return;
  }
  const Scores<V> found{reinterpret_cast<const float*>(keys)};
  for (std::int64_t i = 0; i < count; i += V::kLanes) V::store(keys + i, found.at(i, count));
  take<V>(Buffer<V>{keys}, count, columns, kth_key<V>(Buffer<V>{keys}, count, row.k), row);
}

}  // namespace tamis::cpu::topk
