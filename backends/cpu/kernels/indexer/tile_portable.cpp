// Portable tile scoring: panels of 8 keys, blocks of 4 heads.
//
// The tile is stored as panels [dim][8 keys], so that the inner loop reads 8 keys of one dimension with two
// vector loads and multiplies them with a broadcast query element: 4 heads x 8 keys of running sums are 8 of
// the 16 SSE registers, and every sum runs over the dimensions in order. ReLU, head weight and head sum
// follow from registers; no dot product is stored. 2 Hi Di FLOP a key against 4 Di bytes from L2: compute
// bound. The vectors are spelled out (a GNU extension that every target compiles): GCC 12 keeps the sums of
// the same loops over float arrays in memory, 3 times slower.
#include <cstring>

#include "backends/cpu/kernels/indexer/tile.h"

namespace tamis::cpu::indexer {
namespace {

constexpr std::int64_t kPanel = 8;
static_assert(kTileKeys % kPanel == 0);

void place(const float* key, const TileShape& shape, std::int64_t column, float* tile) {
  float* panel = tile + column / kPanel * kPanel * shape.dim + column % kPanel;
  for (std::int64_t i = 0; i < shape.dim; ++i) panel[i * kPanel] = key[i];
}

using Float4 = float __attribute__((vector_size(16)));
using UnalignedFloat4 = float __attribute__((vector_size(16), aligned(4), may_alias));

Float4 relu(Float4 x) { return x > 0.0f ? x : Float4{}; }

// The block's head sums of 8 keys, added to sums in head order.
void score_heads(const float* q, const float* weights, std::int64_t dim, const float* panel, Float4* sums) {
  Float4 dots[kHeadBlock][2] = {};
  const float *q0 = q, *q1 = q + dim, *q2 = q + 2 * dim, *q3 = q + 3 * dim;
  for (std::int64_t i = 0; i < dim; ++i) {
    const auto* keys = reinterpret_cast<const UnalignedFloat4*>(panel + i * kPanel);
    const Float4 low = keys[0], high = keys[1];
    dots[0][0] += q0[i] * low, dots[0][1] += q0[i] * high;
    dots[1][0] += q1[i] * low, dots[1][1] += q1[i] * high;
    dots[2][0] += q2[i] * low, dots[2][1] += q2[i] * high;
    dots[3][0] += q3[i] * low, dots[3][1] += q3[i] * high;
  }
  for (int h = 0; h < kHeadBlock; ++h) {
    sums[0] += weights[h] * relu(dots[h][0]);
    sums[1] += weights[h] * relu(dots[h][1]);
  }
}

void score(const Query& query, const TileShape& shape, const float* tile, float*, float* out) {
  const std::int64_t heads = kPortableTile.padded_heads(shape.heads);
  for (std::int64_t first = 0; first < kTileKeys; first += kPanel) {
    Float4 sums[2] = {};
    for (std::int64_t h = 0; h < heads; h += kHeadBlock) {
      score_heads(query.q + h * shape.dim, query.weights + h, shape.dim, tile + first * shape.dim, sums);
    }
    std::memcpy(out + first, sums, sizeof sums);
  }
}

std::int64_t scratch_floats(const TileShape&) { return 0; }

}  // namespace

const TileKernel kPortableTile{.place = place, .score = score, .scratch_floats = scratch_floats};

}  // namespace tamis::cpu::indexer
