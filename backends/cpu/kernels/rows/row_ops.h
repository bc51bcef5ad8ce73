// What the row-wise ops do to a row of f32, once per level of vectors: plain code, AVX2, AVX-512. An op is
// written over these and has a kernel row for each level (row_levels.h). All work in place unless they have a
// destination; a result depends on its own row alone.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/dtype.h"

namespace tamis::cpu {

struct RowOps {
  // n consecutive elements to f32, and f32 rounded to them; activations and e4m3.
  void (*load)(DType dtype, const std::byte* src, std::int64_t n, float* dst);
  void (*store)(DType dtype, const float* src, std::int64_t n, std::byte* dst);
  // To what `dtype` stores: a rounding point inside a composite op.
  void (*round)(DType dtype, float* row, std::int64_t n);
  void (*add)(const float* other, std::int64_t n, float* row);
  float (*sum_of_squares)(const float* row, std::int64_t n);
  void (*scale)(const float* weight, float factor, std::int64_t n, float* row);  // row · factor · weight
  void (*multiply)(float factor, std::int64_t n, float* row);
  // Pairs (2 i, 2 i + 1), or (i, i + half), by cosines[i] and sines[i].
  void (*rotate_pairs)(const float* cosines, const float* sines, std::int64_t half, float* row);
  void (*rotate_halves)(const float* cosines, const float* sines, std::int64_t half, float* row);
  void (*butterflies)(float* row, std::int64_t n);     // of the Hadamard transform; n is a power of two
  float (*largest)(const float* row, std::int64_t n);  // magnitude; NaN does not count
  void (*divide)(float divisor, std::int64_t n, float* row);
  void (*quantize)(float scale, std::int64_t n, float* row);         // e4m3(row / scale) · scale
  void (*silu_mul)(const float* up, std::int64_t n, float* gate);    // silu(gate) · up
  void (*sigmoid)(const float* logits, std::int64_t n, float* dst);  // from 40 good bits or more
  // Of a softmax: row · factor, of which it returns the largest (-inf of none; NaN does not count); exp(row -
  // reference) for values up to reference, of which it returns the sum.
  float (*scaled_max)(float factor, std::int64_t n, float* row);
  float (*exp_sum)(float reference, std::int64_t n, float* row);
  // First index of the largest key; -1 if all are 0.
  std::int64_t (*best)(const std::uint32_t* keys, std::int64_t n);
};

extern const RowOps kPortableRowOps;
#if defined(__x86_64__)
extern const RowOps kAvx2RowOps, kAvx512RowOps;
#endif

}  // namespace tamis::cpu
