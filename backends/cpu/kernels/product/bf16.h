// The bf16 kernels, by address: codes and activations enter the multiplication exactly, sums are f32.
//
// A block is 16 weight rows, widened: [pair of columns][16 rows][2], the operand that vdpbf16ps takes as it
// is and AMX loads as tiles of 16 pairs.
#pragma once

#include "backends/cpu/kernels/product/weight_rows.h"

namespace tamis::cpu {

inline constexpr std::int64_t kBlockRows = 16;

// 16 weight rows of e4m3 or bf16 at some column; null: a row of zeros.
struct BlockRows {
  const std::byte* rows[kBlockRows];
  WeightFormat format;
  std::int64_t cols;  // rounded up to 32 by columns of zeros
  int exponent;       // e4m3: times 2^exponent, which keeps all codes normal in bf16
};

// Rows of codes to bring to the second-level cache during a product.
struct FetchRows {
  const std::byte* const* rows;
  std::int64_t count;          // 0: nothing
  std::int64_t offset, bytes;  // of each row
};

// c[t, 16 b + r] += x[t] · block b's row r, times the scales where given.
struct BlockProduct {
  const std::uint16_t* x;
  std::int64_t x_stride;  // codes
  std::int64_t rows;      // of x
  const std::uint16_t* blocks;
  std::int64_t block_stride;  // codes
  std::int64_t block_count;   // 1 to 4
  std::int64_t pairs;         // of columns; a multiple of 16
  float* c;
  std::int64_t ldc;
  const float* w_scales;  // [16 block_count], or null: none
  const float* x_scales;  // of row t at x_scales[t * x_scale_stride]; null: none. Only with w_scales.
  std::int64_t x_scale_stride;
  float* spare;  // AMX: 1024 floats
  // AVX-512 only. Pairs that share scales, a multiple of 16: those of group g lie at w_scales[64 g] and g
  // floats behind x_scales. 0: all pairs.
  std::int64_t group_pairs;
  bool fresh;  // c += is c =
  FetchRows ahead;
};

struct Bf16Kernels {
  // Activations are bf16 rows; see DotRows.
  void (*dot)(const DotRows& d);
  void (*widen)(const BlockRows& block, std::uint16_t* dst);
  void (*add)(const BlockProduct& product);
};

extern const Bf16Kernels kBf16Avx512;
void add_blocks_amx(const BlockProduct& product);

}  // namespace tamis::cpu
