// topk_select of one row with vectors (vector_select.h has the method).
#pragma once

#include <cstdint>

namespace tamis::cpu::topk {

inline constexpr std::int64_t kMaxSamples = 8192;

// The best k of n > k scores, ascending, to idx[k].
struct Row {
  const float* scores;
  std::int64_t n, k;
  std::int32_t* idx;
  // Working memory: capacity + kPadding keys, as many indices, kMaxSamples + kPadding samples.
  std::uint32_t* memory;
  std::int64_t capacity;
};
inline constexpr std::int64_t kPadding = 16;  // lanes of the widest vector

using Select = void(const Row& row);
Select select_avx2, select_avx512;

}  // namespace tamis::cpu::topk
