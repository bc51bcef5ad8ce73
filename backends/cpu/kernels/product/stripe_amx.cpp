// Stripes of 32 weight rows by 32 rows of activations: four tiles of sums, two of weights, two of
// activations, 16 x 16 x 32 multiply-adds each. Where columns have scales, each 128 are summed by themselves,
// stored, and scaled and added by vectors while the tiles go on with the next.
#include "backends/cpu/kernels/common/amx.h"
#include "backends/cpu/kernels/product/stripe.h"

namespace tamis::cpu {
namespace {

#define TAMIS_INLINE inline __attribute__((always_inline))

constexpr std::int64_t kGroupSteps = kScaleGroup / kStepCols, kTileCodes = kTileSize * kStepCols;
constexpr std::int64_t kTileBytes = 4 * kTileSize;  // of a row

// Where two groups of 16 rows of x (or one) lie at a column, and the bytes of a pair of columns in either.
struct Operand {
  const std::byte* at[2];
  std::int64_t pair_bytes[2];
};

// Sums that wait to be scaled and added.
struct Pending {
  const float* from = nullptr;
  float* to;
  const float* w_scales;
  const float* x_scales[2];  // null: none
  std::int64_t x_rows[2];
};

TAMIS_INLINE void add_scaled_tile(const Pending& p, int half, int group) {
  const float* from = p.from + (2 * half + group) * kTileFloats;
  float* to = p.to + (2 * half + group) * kTileFloats;
  const float* w_scales = p.w_scales + half * kTileSize;
  if (p.x_scales[group] == nullptr) {
    for (int r = 0; r < kTileSize; ++r) {
      const __m512 sum = _mm512_load_ps(from + 16 * r), old = _mm512_load_ps(to + 16 * r);
      _mm512_store_ps(to + 16 * r, _mm512_fmadd_ps(sum, _mm512_set1_ps(w_scales[r]), old));
    }
    return;
  }
  const auto there = static_cast<__mmask16>((1 << p.x_rows[group]) - 1);
  const __m512 x_scale = _mm512_maskz_loadu_ps(there, p.x_scales[group]);
  for (int r = 0; r < kTileSize; ++r) {
    const __m512 sum = _mm512_mul_ps(_mm512_load_ps(from + 16 * r), x_scale);
    const __m512 old = _mm512_load_ps(to + 16 * r);
    _mm512_store_ps(to + 16 * r, _mm512_fmadd_ps(sum, _mm512_set1_ps(w_scales[r]), old));
  }
}

// H, G: two halves of weight rows, two groups of x.
template <bool H, bool G>
TAMIS_INLINE void add_scaled(const Pending& p, std::int64_t tile) {
  if (p.from == nullptr) return;
  const int half = static_cast<int>(tile / 2), group = static_cast<int>(tile % 2);
  if ((half == 0 || H) && (group == 0 || G)) add_scaled_tile(p, half, group);
}

template <bool H, bool G>
TAMIS_INLINE void zero_sums() {
  _tile_zero(0);
  if constexpr (G) _tile_zero(1);
  if constexpr (H) _tile_zero(2);
  if constexpr (H && G) _tile_zero(3);
}

template <bool H, bool G>
TAMIS_INLINE void load_sums(const float* sums) {
  _tile_loadd(0, sums, kTileBytes);
  if constexpr (G) _tile_loadd(1, sums + kTileFloats, kTileBytes);
  if constexpr (H) _tile_loadd(2, sums + 2 * kTileFloats, kTileBytes);
  if constexpr (H && G) _tile_loadd(3, sums + 3 * kTileFloats, kTileBytes);
}

template <bool H, bool G>
TAMIS_INLINE void store_sums(float* sums) {
  _tile_stored(0, sums, kTileBytes);
  if constexpr (G) _tile_stored(1, sums + kTileFloats, kTileBytes);
  if constexpr (H) _tile_stored(2, sums + 2 * kTileFloats, kTileBytes);
  if constexpr (H && G) _tile_stored(3, sums + 3 * kTileFloats, kTileBytes);
}

// All loads first: one Sapphire Rapids core, 512 / 64 rows of x, 518 / 476 GFLOPS with each load before its
// first product, 570 / 560 so, while something else held the core back; at full speed 1468 and 1475.
template <bool H, bool G>
TAMIS_INLINE void multiply_step(const std::uint16_t* weights, const Operand& x, std::int64_t step) {
  _tile_loadd(4, weights, 64);
  _tile_loadd(6, x.at[0] + 16 * step * x.pair_bytes[0], x.pair_bytes[0]);
  if constexpr (H) _tile_loadd(5, weights + kTileCodes, 64);
  if constexpr (G) _tile_loadd(7, x.at[1] + 16 * step * x.pair_bytes[1], x.pair_bytes[1]);
  _tile_dpbf16ps(0, 4, 6);
  if constexpr (H) _tile_dpbf16ps(2, 5, 6);
  if constexpr (G) _tile_dpbf16ps(1, 4, 7);
  if constexpr (H && G) _tile_dpbf16ps(3, 5, 7);
}

template <bool H>
constexpr std::int64_t kStepCodes = (H ? 2 : 1) * kTileCodes;

template <bool H, bool G>
void multiply_plain(const StripeProduct& p, const Operand& x, float* sums) {
  if (p.first) {
    zero_sums<H, G>();
  } else {
    load_sums<H, G>(sums);
  }
  for (std::int64_t i = 0; i < p.steps; ++i) multiply_step<H, G>(p.weights + i * kStepCodes<H>, x, i);
  store_sums<H, G>(sums);
}

// By groups of scales. Their scales of x lie `x_scales[g] + 128 columns' group * x_rows[g]`.
template <bool H, bool G>
void multiply_scaled(const StripeProduct& p, const Operand& x, Pending next, Pending& pending) {
  const float* const x_scales[2] = {next.x_scales[0], next.x_scales[1]};
  for (std::int64_t group = 0; group * kGroupSteps < p.steps; ++group) {
    const std::int64_t begin = group * kGroupSteps, left = p.steps - begin;
    zero_sums<H, G>();
    for (std::int64_t i = 0; i < (left < kGroupSteps ? left : kGroupSteps); ++i) {
      multiply_step<H, G>(p.weights + (begin + i) * kStepCodes<H>, x, begin + i);
      add_scaled<H, G>(pending, i);
    }
    for (std::int64_t i = left; i < kGroupSteps; ++i) add_scaled<H, G>(pending, i);
    // The other half of the spare floats than what has just been added.
    float* spare = pending.from == p.spare ? p.spare + 4 * kTileFloats : p.spare;
    store_sums<H, G>(spare);
    next.from = spare;
    next.w_scales = p.w_scales + group * kStripeRows;
    for (int g = 0; g < 2; ++g) {
      next.x_scales[g] = x_scales[g] == nullptr ? nullptr : x_scales[g] + group * next.x_rows[g];
    }
    pending = next;
  }
}

template <bool H, bool G>
void multiply_groups(const StripeProduct& p, std::int64_t row, Pending& pending) {
  float* sums = p.sums + row / (2 * kTileSize) * (2 * (H ? 2 : 1)) * kTileFloats;
  Operand x;
  Pending next{};
  next.to = sums;
  for (int g = 0; g < (G ? 2 : 1); ++g) {
    const std::int64_t first = row + g * kTileSize, left = p.rows - first;
    const std::int64_t rows = left < kTileSize ? left : kTileSize;
    const std::byte* group = p.x + first / kTileSize * p.group_bytes;
    x.at[g] = group + 2 * p.column * rows;
    x.pair_bytes[g] = 4 * rows;
    next.x_rows[g] = rows;
    if (p.x_scales == 0) continue;
    next.x_scales[g] =
        reinterpret_cast<const float*>(group + p.x_scales * rows) + p.column / kScaleGroup * rows;
  }
  if (p.w_scales == nullptr) return multiply_plain<H, G>(p, x, sums);
  multiply_scaled<H, G>(p, x, next, pending);
}

template <bool H, bool G>
void finish(Pending& pending) {
  for (std::int64_t tile = 0; tile < 4; ++tile) add_scaled<H, G>(pending, tile);
  pending.from = nullptr;
}

template <bool H>
void multiply(const StripeProduct& p) {
  Pending pending{};
  std::int64_t row = 0;
  for (; p.rows - row > kTileSize; row += 2 * kTileSize) multiply_groups<H, true>(p, row, pending);
  finish<H, true>(pending);
  if (row >= p.rows) return;
  multiply_groups<H, false>(p, row, pending);
  finish<H, false>(pending);
}

}  // namespace

void multiply_stripe_amx(const StripeProduct& p) {
  TAMIS_TILES_READ_MEMORY();
  if (p.halves == 2) {
    multiply<true>(p);
  } else {
    multiply<false>(p);
  }
}

void begin_stripes_amx() { amx::configure_whole_tiles(); }

void end_stripes_amx() { _tile_release(); }

}  // namespace tamis::cpu
