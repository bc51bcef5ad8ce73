// Products in AMX's own form: stripes of up to 32 weight rows, widened as they are stored, row after row, are
// the left operand; activations, packed once a call, the right one. So no weight is transposed, and a tile of
// sums holds 16 weight rows x 16 rows of activations.
//
// Columns are taken 32 at a time (a step). Widening an e4m3 vector by parity of bytes costs no permutation,
// so the two steps of 64 columns hold the even and the odd columns; packed activations follow that order.
#pragma once

#include "backends/cpu/kernels/product/weight_rows.h"

namespace tamis::cpu {

inline constexpr std::int64_t kStripeRows = 32;   // of weights
inline constexpr std::int64_t kStripeCols = 512;  // widened at a time: 32 KB, in L1 for all activations
inline constexpr std::int64_t kTileSize = 16;     // rows and columns of a tile of sums
inline constexpr std::int64_t kStepCols = 32;
inline constexpr std::int64_t kTileFloats = kTileSize * kTileSize;

// Weight rows at some column, e4m3 or bf16; null: a row of zeros. Widened to
// [step][half of the rows][16 rows][32].
struct StripeRows {
  const std::byte* const* rows;  // [16 halves]
  std::int64_t halves;           // 1 or 2
  std::int64_t cols;             // at most kStripeCols; rounded up to 64 by columns of zeros
  const std::byte* ahead;        // memory to fetch meanwhile, as many bytes as are read
  WeightFormat format;
  const int* exponents;  // e4m3: [group of 128 columns], times 2^exponent, which leaves all codes normal
                         // in bf16; null: none
};

// Up to 16 rows of bf16, `cols` of them, a multiple of 64: to [pair of columns][width][2]; rows behind the
// count-th are zero.
struct PackRows {
  const std::byte* rows;
  std::int64_t row_bytes, count, cols, width;
};

// sums += weights · x, where x is packed rows from the stripe's first column on. Tiles of sums lie
// [pair of groups of 16 rows of x][half][group][16 weight rows][16 rows of x].
struct StripeProduct {
  const std::uint16_t* weights;
  std::int64_t halves, steps;  // steps: even
  const std::byte* x;          // group g of 16 rows at x + g * group_bytes
  std::int64_t group_bytes, column, rows;
  float* sums;
  bool first;             // sums = weights · x; without w_scales only
  const float* w_scales;  // [group of 128 columns][32 weight rows], or null: none
  std::int64_t x_scales;  // where [group of 128 columns][rows of the group] f32 lie behind a group of
                          // full rows' start, per row, in bytes; 0: none. Only with w_scales.
  float* spare;           // 2048 floats
};

// Sums to c[t, 32 columns]; rows of c are ldc floats apart.
struct StripeSums {
  const float* sums;
  std::int64_t halves, rows;
  float* c;
  std::int64_t ldc;
};

void widen_stripe_avx512(const StripeRows& stripe, std::uint16_t* dst);
void pack_rows_avx512(const PackRows& rows, std::byte* dst);
void store_sums_avx512(const StripeSums& sums);
void multiply_stripe_amx(const StripeProduct& product);
void begin_stripes_amx();  // on a thread, around its products
void end_stripes_amx();

}  // namespace tamis::cpu
