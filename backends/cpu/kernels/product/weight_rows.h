// Rows of a stored weight as the vector kernels see them. Included by files that are compiled for more than
// the baseline: those may share no inline function with the rest of the library, or the linker could keep
// their copy of it, and a CPU without those instructions would die in it. So: plain structs, and templates
// that are instantiated with types of an anonymous namespace.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tamis::cpu {

enum class WeightFormat : std::uint8_t { kF32, kBF16, kF16, kE4M3 };

inline constexpr std::int64_t kScaleGroup = 128;  // columns that share a scale

// Rows that lie `row_bytes` apart and share their scales.
struct WeightRows {
  const std::byte* data;  // first row, column 0
  std::int64_t row_bytes;
  std::int64_t rows;
  std::int64_t cols;
  // E4M3: the scale of the group that holds column 0, and how many columns of that group lie before it.
  const float* scales;
  std::int64_t group_offset;
  WeightFormat format;
};

// f32 tiles: c[m, n] += a[m, k] · b[n, k]ᵀ, or b[k, n]; strides in elements.
struct TileShape {
  std::int64_t m, n, k;
  std::int64_t lda, ldb, ldc;
};

// out[t, r] = x[t] · weights[r].
struct DotRows {
  WeightRows weights;
  const std::byte* x;     // prepared activations, zeros up to a multiple of 64 columns
  std::int64_t x_stride;  // bytes
  std::int64_t tokens;
  const float* x_scales;  // bf16 kernels: [token, group], stride x_stride; null: none
  float* out;
  std::int64_t out_stride;  // floats
};

}  // namespace tamis::cpu
