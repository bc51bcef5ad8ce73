// FP8 e4m3fnuz, which gfx942's matrix instructions read: 1 sign, 4 exponent (bias 8), 3 mantissa bits; max
// 240, min normal 2^-7, min subnormal 2^-10, no infinity, no -0; 0x80 is the one NaN. A code of OCP's e4m3fn
// (fp8.h) means half as much here, so weights are re-encoded exactly: the same code with twice the scale, but
// for -0 and NaN.
#pragma once

#include "core/numeric/host_device.h"

namespace tamis::numeric {

inline constexpr float kE4M3FnuzMax = 240.0f;
inline constexpr std::uint8_t kE4M3FnuzNan = 0x80;

TAMIS_HD float e4m3fnuz_to_float(std::uint8_t code) {
  if (code == kE4M3FnuzNan) return bits_float(0x7fc00000u);
  const std::uint32_t sign = static_cast<std::uint32_t>(code & 0x80u) << 24;
  const std::uint32_t magnitude = code & 0x7fu;
  if (magnitude >= 8) return bits_float(sign | ((magnitude << 20) + (119u << 23)));
  const float subnormal = static_cast<float>(magnitude) * 0.0009765625f;  // 2^-10
  return sign != 0 ? -subnormal : subnormal;
}

// Clamp to +-240, then RNE (infinities clamp too). What rounds to zero has no sign.
TAMIS_HD std::uint8_t float_to_e4m3fnuz(float value) {
  const std::uint32_t bits = float_bits(value);
  const std::uint8_t sign = static_cast<std::uint8_t>((bits >> 24) & 0x80u);
  std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return kE4M3FnuzNan;
  if (magnitude > 0x43700000u) magnitude = 0x43700000u;  // 240
  if (magnitude < 0x3c000000u) {                         // < 2^-7: subnormal
    // Adding 2^13 leaves the ulp at 2^-10, so the float unit itself rounds to nearest even.
    const float aligned = bits_float(magnitude) + 8192.0f;
    const std::uint32_t code = float_bits(aligned) - 0x46000000u;
    return static_cast<std::uint8_t>(code == 0 ? 0u : sign | code);
  }
  const std::uint32_t rounded = magnitude + 0x7ffffu + ((magnitude >> 20) & 1u);
  return static_cast<std::uint8_t>(sign | ((rounded - 0x3b800000u) >> 20));
}

// The e4m3fnuz code of half the value of an e4m3fn code: exact for all 256. -0 becomes 0.
TAMIS_HD std::uint8_t e4m3_to_half_e4m3fnuz(std::uint8_t code) {
  if ((code & 0x7fu) == 0x7fu) return kE4M3FnuzNan;
  return code == 0x80u ? static_cast<std::uint8_t>(0) : code;
}

}  // namespace tamis::numeric
