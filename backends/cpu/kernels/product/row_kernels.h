// Rows of activations around a product, in AVX-512: rounded before it, stored behind it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tamis::cpu {

// Groups of 128 activations to e4m3, as bf16.
struct QuantizeRow {
  const float* row;
  std::int64_t n;
  std::uint16_t* codes;
  float* scales;  // a group's, beside codes that are not multiplied with it; null: multiplied
  bool pow2;
};

struct RowKernels {
  void (*codes)(const float* row, std::int64_t n, std::uint16_t* codes);  // of bf16 numbers
  void (*quantize)(const QuantizeRow& row);
  void (*store_bf16)(const float* row, std::int64_t n, std::byte* dst);
  // product = silu(gate) * up, rounded to bf16 like gate and up before it.
  void (*silu_mul_bf16)(const float* gate, const float* up, std::int64_t n, float* product);
  // sums += weight * row, rounded to bf16.
  void (*add_weighted_bf16)(const float* row, std::int64_t n, float weight, float* sums);
};

extern const RowKernels kRowsAvx512;

}  // namespace tamis::cpu
