// Tokens of one sequence that stand next to each other and can share keys.
#pragma once

#include <algorithm>
#include <cstdint>

#include "backends/cpu/host_tensor.h"

namespace tamis::cpu {

// Visible keys of a token, clamped to [0, limit].
inline std::int64_t visible_keys(const Tensor& ke, std::int64_t t, std::int64_t limit) {
  return std::clamp<std::int64_t>(data<std::int32_t>(ke)[t], 0, limit);
}

struct TokenRun {
  std::int64_t first, count;
  std::int64_t seq;
};

// The run that begins at token t, inside [t, end).
inline TokenRun token_run(const Tensor& seq_of_token, std::int64_t t, std::int64_t end) {
  const auto* seqs = data<std::int32_t>(seq_of_token);
  std::int64_t next = t + 1;
  while (next < end && seqs[next] == seqs[t]) ++next;
  return {t, next - t, seqs[t]};
}

}  // namespace tamis::cpu
