// Launches of moe_grouped_gemm; contract in core/ops/moe_grouped_gemm/moe_grouped_gemm.h. The FP8 kernels
// also serve moe_experts and, with one expert, linear.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels_cuda/common/matrix.h"

namespace tamis::cuda {

// Layout `tiles` (backends/cuda/weight_tiles.h): tiles of 64 rows x 128 bytes (128 columns of e4m3, 64 of
// 16-bit elements), in the order that wgmma reads with the 128-byte swizzle: the byte (r, c) of a tile lies
// at r * 128 + (c / 16 ^ r % 8) * 16 + c % 16.
struct WeightTiles {
  const std::uint8_t* codes;  // [experts, tiles, groups, 8192]
  const float* scales;        // [experts, tiles, groups]; null unless e4m3
  int experts;
  int rows;    // of an expert
  int tiles;   // ceil(rows / 64)
  int groups;  // ceil(bytes of a row / 128)
  Element type;
};

// Quantised activations, one plane of 128 columns after the other, rows swizzled as in WeightTiles.
struct Fp8Planes {
  std::uint8_t* codes;    // [groups, capacity, 128]
  float* scales;          // [groups, capacity]
  std::int64_t capacity;  // rows, rounded up to 8
};
constexpr std::int64_t fp8_plane_capacity(std::int64_t rows) { return (rows + 7) / 8 * 8; }

// Rows of x rounded to e4m3 per 128 columns and copied to the planes that the FP8 grouped GEMM reads: token t
// to rows row_of[t, :], or, without row_of, row t to row t.
struct QuantizeRowsArgs {
  ConstMatrix x;  // [tokens, columns]
  std::int64_t tokens;
  std::int64_t columns;
  const std::int32_t* row_of;  // [tokens, topk]; null: the identity
  std::int64_t topk;
  Fp8Planes planes;
  bool pow2;
  bool dependent;  // launched behind the kernel that wrote row_of
  // Whether the kernel behind this one may start at once: before it waits it reads nothing that kernels
  // wrote.
  bool early;
  // Rows in use, on the device; those behind them were never written and are left out. null: all.
  const std::int32_t* used = nullptr;
  // codes [tokens, columns] in place of planes; columns in 128s. Scales stay [groups, capacity].
  bool row_major = false;
};
cudaError_t quantize_rows(const QuantizeRowsArgs& args, cudaStream_t stream);

// silu(gate) * up of the same rows, rounded to bf16 and then to e4m3 per 128 columns.
struct SiluQuantizeArgs {
  ConstMatrix gate_up;  // bf16, [rows, 2 * width]: gate, then up
  std::int64_t rows;
  std::int64_t width;
  Fp8Planes planes;
  bool pow2;
  const std::int32_t* used;  // rows in use, on the device; those behind them were never written
};
cudaError_t silu_quantize(const SiluQuantizeArgs& args, cudaStream_t stream);

struct GroupedFp8Args {
  WeightTiles w;
  Fp8Planes x;
  const std::int32_t* offsets;  // [experts + 1], clamped and made ascending; null: one expert has all rows
  std::int64_t rows;            // bound of the offsets
  // Rows per expert that the caller expects: steers the tile width, not the result.
  std::int64_t expected_rows;
  Matrix y;           // bf16, of all but gate_up: [rows, w.rows]
  Fp8Planes product;  // grouped_fp8_gate_up_sm90: silu(gate) * up, rounded to bf16, quantised
  bool pow2;          // its scales
  bool dependent;     // launched right behind the kernel that wrote x, which lets successors start
};

// x in 16 bits, sorted by expert, times weights in tiles.
struct GroupedMmaArgs {
  WeightTiles w;
  const std::uint16_t* x;  // [rows, columns], rows 16-byte aligned; e4m3 values where act_quant rounds x
  std::int64_t x_stride;
  const float* x_scales;  // [rows, groups]: of those values; null: 1
  bool f16;               // type of x, and of 16-bit weights; else bf16
  const std::int32_t* offsets;
  std::int64_t rows;
  std::int64_t columns;  // a multiple of 8
  std::int64_t expected_rows;
  Matrix y;
};
cudaError_t grouped_mma(const GroupedMmaArgs& args, cudaStream_t stream);

// Rows of x rounded to e4m3 per 128 columns: the codes' values in 16 bits, [rows, groups * 128], zero behind
// the last column, and their scales [rows, groups].
struct QuantizeDenseArgs {
  ConstMatrix x;
  std::int64_t rows;
  std::int64_t columns;
  std::uint16_t* values;  // f16
  float* scales;
  bool pow2;
  // Rows in use, on the device; those behind them were never written and are left out. null: all.
  const std::int32_t* used = nullptr;
};
cudaError_t quantize_dense(const QuantizeDenseArgs& args, cudaStream_t stream);

// Zeroes the rows of y that belong to no expert.
cudaError_t zero_tail(const Matrix& y, const std::int32_t* offsets, std::int64_t experts, std::int64_t rows,
                      std::int64_t columns, cudaStream_t stream);

inline constexpr int kMaxGroupedExperts = 1024;

// y = x . W^T of each expert, by mma.sync, not launched dependent. Compiled for sm_89 and, as PTX, for later.
cudaError_t grouped_fp8_sm89(const GroupedFp8Args& args, cudaStream_t stream);
// The same by wgmma. Compiled for sm_90a.
cudaError_t grouped_fp8_sm90(const GroupedFp8Args& args, cudaStream_t stream);
// One matrix and at most kDecodeRows rows, K split over a cluster of blocks: the sums' order differs from
// grouped_fp8_sm90.
inline constexpr int kDecodeRows = 16;
struct DecodeFp8Args {
  GroupedFp8Args product;
  // Its rows as stored, of at most kRoundedRows: the kernel rounds them itself, every block the columns that
  // it multiplies. data null: product.x holds them, rounded.
  ConstMatrix x;
  std::int64_t columns;
};
inline constexpr int kRoundedRows = 2;
cudaError_t decode_fp8_sm90(const DecodeFp8Args& args, cudaStream_t stream);
// The first half of w's rows is the gate, the second up; each a multiple of 128.
cudaError_t grouped_fp8_gate_up_sm90(const GroupedFp8Args& args, cudaStream_t stream);

}  // namespace tamis::cuda
