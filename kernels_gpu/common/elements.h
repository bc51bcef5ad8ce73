// Elements in memory to f32 and back. The switch is on a kernel argument, so it is the same for all lanes and
// costs a scalar branch.
#pragma once

#include "core/numeric/float16.h"
#include "core/numeric/fp8.h"
#include "kernels_gpu/common/runtime.h"

namespace tamis::gpu {

template <Element element>
__device__ inline float load_element(const void* data, std::int64_t i) {
  if constexpr (element == Element::kF32) {
    return static_cast<const float*>(data)[i];
  } else if constexpr (element == Element::kBF16) {
    return numeric::bf16_to_float(static_cast<const std::uint16_t*>(data)[i]);
  } else if constexpr (element == Element::kF16) {
    return numeric::f16_to_float(static_cast<const std::uint16_t*>(data)[i]);
  } else {
    return numeric::e4m3_to_float(static_cast<const std::uint8_t*>(data)[i]);
  }
}

__device__ inline float load_element(Element element, const void* data, std::int64_t i) {
  switch (element) {
    case Element::kF32: return load_element<Element::kF32>(data, i);
    case Element::kBF16: return load_element<Element::kBF16>(data, i);
    case Element::kF16: return load_element<Element::kF16>(data, i);
    case Element::kE4M3: return load_element<Element::kE4M3>(data, i);
  }
  return 0;
}

// Rounds once, to nearest even.
__device__ inline void store_element(Element element, void* data, std::int64_t i, float value) {
  switch (element) {
    case Element::kF32: static_cast<float*>(data)[i] = value; break;
    case Element::kBF16: static_cast<std::uint16_t*>(data)[i] = numeric::float_to_bf16(value); break;
    case Element::kF16: static_cast<std::uint16_t*>(data)[i] = numeric::float_to_f16(value); break;
    case Element::kE4M3: static_cast<std::uint8_t*>(data)[i] = numeric::float_to_e4m3(value); break;
  }
}

__device__ inline float load_element(const Rows& rows, std::int64_t row, std::int64_t i) {
  return load_element(rows.element, rows.data, row * rows.stride + i);
}

__device__ inline void store_element(const Rows& rows, std::int64_t row, std::int64_t i, float value) {
  store_element(rows.element, rows.data, row * rows.stride + i, value);
}

// The value that storing leaves: where a contract rounds between two steps.
__device__ inline float rounded(Element element, float value) {
  switch (element) {
    case Element::kF32: return value;
    case Element::kBF16: return numeric::bf16_to_float(numeric::float_to_bf16(value));
    case Element::kF16: return numeric::f16_to_float(numeric::float_to_f16(value));
    case Element::kE4M3: return numeric::e4m3_to_float(numeric::float_to_e4m3(value));
  }
  return 0;
}

// e4m3 code of value / scale. A NaN keeps its sign whatever the divider does with it.
__device__ inline std::uint8_t scaled_code(float value, float scale) {
  return numeric::float_to_e4m3(value == value ? value / scale : value);
}

// a * b + c in one rounding where the hardware has it in one instruction. Kernels are compiled without
// contraction, so that a fused product appears only where it is written.
__device__ inline float multiply_add(float a, float b, float c) {
#if defined(__NVCC__) || defined(__HIP_DEVICE_COMPILE__)
  return fmaf(a, b, c);
#else
  return a * b + c;
#endif
}

}  // namespace tamis::gpu
