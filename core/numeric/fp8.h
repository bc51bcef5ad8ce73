// OCP FP8 e4m3fn: 1 sign, 4 exponent (bias 7), 3 mantissa bits; max 448, min normal 2^-6, min subnormal 2^-9,
// no infinity, NaN 0x7f and 0xff. And the scale rules of DeepSeek's FP8 (DeepSeek-V3.2 inference/kernel.py,
// act_quant; FlashMLA tests/quant.py). Scales are multipliers: value = e4m3 x scale.
#pragma once

#include "core/numeric/host_device.h"

namespace tamis::numeric {

inline constexpr float kE4M3Max = 448.0f;

TAMIS_HD float e4m3_to_float(std::uint8_t code) {
  const std::uint32_t sign = static_cast<std::uint32_t>(code & 0x80u) << 24;
  const std::uint32_t magnitude = code & 0x7fu;
  if (magnitude == 0x7f) return bits_float(sign | 0x7fc00000u);
  if (magnitude >= 8) return bits_float(sign | ((magnitude << 20) + (120u << 23)));
  const float subnormal = static_cast<float>(magnitude) * 0.001953125f;  // 2^-9
  return sign != 0 ? -subnormal : subnormal;
}

// Clamp to +-448, then RNE (infinities clamp too). NaN gives NaN with its sign.
TAMIS_HD std::uint8_t float_to_e4m3(float value) {
  const std::uint32_t bits = float_bits(value);
  const std::uint8_t sign = static_cast<std::uint8_t>((bits >> 24) & 0x80u);
  std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<std::uint8_t>(sign | 0x7fu);
  if (magnitude > 0x43e00000u) magnitude = 0x43e00000u;  // 448
  if (magnitude < 0x3c800000u) {                         // < 2^-6: subnormal
    // Adding 2^14 leaves the ulp at 2^-9, so the float unit itself rounds to nearest even.
    const float aligned = bits_float(magnitude) + 16384.0f;
    return static_cast<std::uint8_t>(sign | (float_bits(aligned) - 0x46800000u));
  }
  const std::uint32_t rounded = magnitude + 0x7ffffu + ((magnitude >> 20) & 1u);
  return static_cast<std::uint8_t>(sign | ((rounded - 0x3c000000u) >> 20));
}

// Smallest power of two >= value, for positive finite normal value. Exact: reads the exponent field, no log2.
TAMIS_HD float ceil_pow2(float value) {
  const std::uint32_t bits = float_bits(value);
  const std::uint32_t exponent = (bits >> 23) + ((bits & 0x7fffffu) != 0 ? 1u : 0u);
  return bits_float(exponent << 23);
}

// Scale of a group of activations, index queries or index keys with the given largest magnitude. The floor
// 1e-4 is on amax: an all-zero group gets 2^-22 (pow2).
TAMIS_HD float activation_scale(float amax, bool pow2) {
  const float floored = amax > 1e-4f ? amax : 1e-4f;
  return pow2 ? ceil_pow2(floored * (1.0f / kE4M3Max)) : floored / kE4M3Max;
}

// Scale of 128 latent values in the packed FP8 cache: the floor 1e-4 is on the scale (so at least 2^-13).
TAMIS_HD float latent_scale(float amax) {
  const float scale = amax / kE4M3Max;
  return ceil_pow2(scale > 1e-4f ? scale : 1e-4f);
}

}  // namespace tamis::numeric
