// How the MoE rows walk over experts. Rows sorted by expert are taken in panels of at most kPanelRows rows:
// whole experts, as many as fit, or a cut of one that is larger. The activations of a panel are prepared
// once; every block of weight rows is read once per panel and multiplied with all the rows of its expert
// there. So workspace stays bounded and widening a weight is shared by all of an expert's tokens.
//
// Within a panel the parallel tasks are ranges of output columns, for all its experts: equal work for every
// task however uneven the experts' loads are, both cores busy at one token, and no two tasks write the same
// sums.
#pragma once

#include <algorithm>
#include <cstdint>

namespace tamis::cpu {

inline constexpr std::int64_t kPanelRows = 512;  // 14 MiB of f32 activations at 7168 columns

struct Panel {
  std::int64_t begin = 0, end = 0;  // rows
  std::int64_t first_expert = 0, end_expert = 0;

  // Rows of expert e in this panel, counted from the panel's first row.
  struct Rows {
    std::int64_t first, count;
  };
  Rows rows(const std::int32_t* offsets, std::int64_t e) const {
    const std::int64_t from = std::max<std::int64_t>(offsets[e], begin);
    const std::int64_t to = std::min<std::int64_t>(offsets[e + 1], end);
    return {from - begin, std::max<std::int64_t>(0, to - from)};
  }
};

// The panel that starts at `row`; empty (begin == end) behind the last row.
inline Panel next_panel(const std::int32_t* offsets, std::int64_t experts, std::int64_t row) {
  Panel panel{row, row, 0, 0};
  std::int64_t e = 0;
  while (e < experts && offsets[e + 1] <= row) ++e;
  panel.first_expert = e;
  for (; e < experts && offsets[e + 1] - row <= kPanelRows; ++e) panel.end = offsets[e + 1];
  if (e < experts && panel.end == row) {
    panel.end = row + kPanelRows;
    ++e;
  }
  panel.end_expert = e;
  return panel;
}

}  // namespace tamis::cpu
