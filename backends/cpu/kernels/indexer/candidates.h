// The best k of a stream of scores, in memory for 2k of them: candidates are appended until the buffer is
// full, then all but the best k are dropped, and what does not beat the k-th best is no longer appended.
//
// A candidate is one 64-bit sortable key (score, then lower index), so candidates are totally ordered and the
// result is a set: it depends neither on the order of the stream nor on how it was split and merged. Dropping
// costs O(1) per appended candidate; in random order k · ln(n / k) of n scores are appended after the first
// k.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>

#include "backends/cpu/kernels/indexer/tile.h"
#include "core/numeric/sortable_key.h"

namespace tamis::cpu::indexer {

constexpr std::int64_t candidate_capacity(std::int64_t k) { return k + std::max(k, 2 * kTileKeys); }

struct Candidates {
  std::uint64_t* keys = nullptr;  // [candidate_capacity(k)]
  std::int64_t size = 0;
  std::uint64_t floor = 0;  // keys at or below it are not among the best k
  SelectKeys select = nullptr;

  // At most kTileKeys scores of positions from run.first on; run.floor is not looked at.
  void push(ScoreRun run, std::int64_t k, AppendKeys append) {
    if (size + run.count > candidate_capacity(k)) keep_best(k);
    run.floor = floor;
    if (append != nullptr) {
      size += append(run, keys + size);
      return;
    }
    for (std::int64_t i = 0; i < run.count; ++i) {
      const std::uint64_t key =
          numeric::sortable_key(run.scores[i], static_cast<std::uint32_t>(run.first + i));
      keys[size] = key;
      size += key > floor ? 1 : 0;
    }
  }

  void keep_best(std::int64_t k) {
    if (size <= k) return;
    if (select != nullptr) {
      floor = select(keys, size, k);
      size = k;
      return;
    }
    std::nth_element(keys, keys + k - 1, keys + size, std::greater<>());
    floor = keys[k - 1];
    size = k;
  }

  // Takes over the best k of another buffer.
  void merge(Candidates& other, std::int64_t k) {
    other.keep_best(k);
    keep_best(k);
    std::copy_n(other.keys, other.size, keys + size);
    size += other.size;
    keep_best(k);
  }

  // Indices of the best k, ascending; returns how many.
  std::int64_t take(std::int64_t k, std::int32_t* idx) {
    keep_best(k);
    for (std::int64_t i = 0; i < size; ++i) {
      idx[i] = static_cast<std::int32_t>(0xffffffffu - static_cast<std::uint32_t>(keys[i]));
    }
    // Appended by position, and selected by a kernel that keeps the order, they are in it.
    if (!std::is_sorted(idx, idx + size)) std::sort(idx, idx + size);
    return size;
  }
};

}  // namespace tamis::cpu::indexer
