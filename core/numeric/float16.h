// bf16 and IEEE f16 as raw 16-bit codes, converted with round-to-nearest-even. Every backend stores these
// codes.
#pragma once

#include "core/numeric/host_device.h"

namespace tamis::numeric {

TAMIS_HD float bf16_to_float(std::uint16_t code) {
  return bits_float(static_cast<std::uint32_t>(code) << 16);
}

// RNE; overflow rounds to infinity; any NaN becomes a quiet NaN with its sign kept (the carry of the rounding
// add could otherwise turn a NaN payload into infinity).
TAMIS_HD std::uint16_t float_to_bf16(float value) {
  const std::uint32_t bits = float_bits(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>((bits >> 16) | 0x0040u);
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

TAMIS_HD float f16_to_float(std::uint16_t code) {
  const std::uint32_t sign = static_cast<std::uint32_t>(code & 0x8000u) << 16;
  const std::uint32_t exponent = (code >> 10) & 0x1fu;
  const std::uint32_t mantissa = code & 0x3ffu;
  if (exponent == 0x1f) return bits_float(sign | 0x7f800000u | (mantissa << 13));
  if (exponent != 0) return bits_float(sign | ((exponent + 112u) << 23) | (mantissa << 13));
  const float magnitude =
      static_cast<float>(mantissa) * 5.9604644775390625e-8f;  // 2^-24: subnormals are exact
  return sign != 0 ? -magnitude : magnitude;
}

TAMIS_HD std::uint16_t float_to_f16(float value) {
  const std::uint32_t bits = float_bits(value);
  const std::uint16_t sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u);
  if (magnitude >= 0x477ff000u)
    return static_cast<std::uint16_t>(sign | 0x7c00u);  // >= 65520 rounds to infinity
  if (magnitude < 0x38800000u) {                        // < 2^-14: subnormal or zero
    // Adding 0.5 aligns the value so that the float unit itself rounds (RNE) at 2^-24.
    const float aligned = bits_float(magnitude) + 0.5f;
    return static_cast<std::uint16_t>(sign | (float_bits(aligned) - 0x3f000000u));
  }
  const std::uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
  return static_cast<std::uint16_t>(sign | ((rounded - 0x38000000u) >> 13));
}

}  // namespace tamis::numeric
