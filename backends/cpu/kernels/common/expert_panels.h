// How the MoE rows walk over experts. Rows sorted by expert are taken in panels of at most kPanelRows rows:
// whole experts, as many as fit, or a cut of one that is larger. The activations of a panel are widened (and
// rounded, with act_quant) once; every weight tile is widened once per panel and multiplied with all the rows
// of its expert there. So workspace stays bounded and widening a weight, about 1 ns an element, is shared by
// all of an expert's tokens.
//
// Within a panel the parallel tasks are ranges of output columns, for all its experts: equal work for every
// task however uneven the experts' loads are, both cores busy at one token, and no two tasks write the same
// sums.
#pragma once

#include <algorithm>
#include <cstdint>

#include "backends/cpu/kernels/common/tile_product.h"
#include "core/graph/op_call.h"

namespace tamis::cpu {

inline constexpr std::int64_t kPanelRows = 512;  // 14 MiB of f32 activations at 7168 columns
inline constexpr std::int64_t kTileRows = 64;    // weight rows widened at a time …
inline constexpr std::int64_t kTileCols = 1024;  // … by this many columns: 256 KiB, half of a small L2

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

// Weight rows a tile: fewer than kTileRows where the columns would not give every thread four tasks.
inline std::int64_t tile_rows(std::int64_t columns, std::int64_t threads) {
  const std::int64_t even = columns / (4 * threads) / 16 * 16;
  return std::clamp<std::int64_t>(even, 16, kTileRows);
}

// A product of gathered rows with rows of a weight: c[m, rows of all blocks] = x · Wᵀ.
struct TileProduct {
  const Weight* weight;
  const float* x;  // [m, k] rows of stride k
  std::int64_t m, k;
  AddProductFn add_product;
  float* tile;  // kTileRows x kTileCols floats of workspace
};

// Up to two runs of `count` weight rows (gate and up), stacked in c: c[m, n], n = count x number of runs.
void multiply_weight_rows(const TileProduct& product, std::initializer_list<std::int64_t> first_rows,
                          std::int64_t count, float* c);

}  // namespace tamis::cpu
