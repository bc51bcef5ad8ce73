#include "backends/cpu/kernels/common/expert_panels.h"

#include "backends/cpu/weight_access.h"

namespace tamis::cpu {

void multiply_weight_rows(const TileProduct& product, std::initializer_list<std::int64_t> first_rows,
                          std::int64_t count, float* c) {
  const std::int64_t n = count * static_cast<std::int64_t>(first_rows.size());
  std::fill_n(c, product.m * n, 0.0f);
  for (std::int64_t col = 0; col < product.k; col += kTileCols) {
    const std::int64_t cols = std::min(kTileCols, product.k - col);
    float* tile = product.tile;
    for (std::int64_t row : first_rows) {
      widen_weight(*product.weight, {row, count, col, cols}, tile);
      tile += count * cols;
    }
    product.add_product({product.m, n, cols, product.k, cols, n}, product.x + col, product.tile, c);
  }
}

}  // namespace tamis::cpu
