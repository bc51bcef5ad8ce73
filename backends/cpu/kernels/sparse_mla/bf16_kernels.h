// What bf16 attention needs beside the products of kernels/product/bf16.h: values as blocks, softmax of a row
// of scores, and rows of outputs.
#pragma once

#include "backends/cpu/kernels/product/weight_rows.h"

namespace tamis::cpu::mla {

// Keys of a block: 147 KB of blocks as keys and 132 KB as values at C 512, R 64; with the outputs of 128
// heads, 256 KB, they fit a second-level cache of 1 MB.
inline constexpr std::int64_t kBlockKeys = 128;

// The latents of a block of keys, e4m3 or bf16 codes; null: a row of zeros.
struct ValueRows {
  const std::byte* const* rows;
  std::int64_t count;  // even
  std::int64_t cols;   // a multiple of 32
  WeightFormat format;
};

// Scores of one query row become weights.
struct ScoreRow {
  float* scores;   // [kBlockKeys], overwritten
  std::int64_t n;  // keys that are there
  float scale;
  float *max, *sum;           // state of the row's softmax
  const float* value_scales;  // [groups][kBlockKeys], or null: one group, not scaled
  std::int64_t groups;
  std::uint16_t* weights;  // [groups][kBlockKeys] bf16, weight_stride apart; 0 behind the n-th key
  std::int64_t weight_stride;
};

struct Bf16AttentionKernels {
  // Blocks of 16 columns, block_stride codes apart: [pair of keys][16 columns][2].
  void (*widen_values)(const ValueRows& values, std::uint16_t* dst, std::int64_t block_stride);
  // Returns the factor by which earlier outputs are to be scaled.
  float (*weigh)(const ScoreRow& row);
  // Rows of outputs; n is a multiple of 16.
  void (*scale)(float* row, std::int64_t n, float factor);
  void (*add_scaled)(const float* from, std::int64_t n, float factor, float* to);
  void (*store)(const float* row, std::int64_t n, float factor, std::byte* dst);  // bf16
};

extern const Bf16AttentionKernels kAttentionAvx512Bf16;

}  // namespace tamis::cpu::mla
