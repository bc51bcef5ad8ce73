// e4m3 and the scale rules of core/numeric/fp8.h, bit for bit. Vulkan's division may be 2.5 units in the last
// place off, so quotients that decide on a code are computed with integers.
#include "shaders/common/types.glsl"

float e4m3_to_float(uint code) {
  const uint sign = (code & 0x80u) << 24, magnitude = code & 0x7fu;
  if (magnitude == 0x7fu) return uintBitsToFloat(sign | 0x7fc00000u);
  if (magnitude >= 8u) return uintBitsToFloat(sign | ((magnitude << 20) + (120u << 23)));
  return uintBitsToFloat(sign | floatBitsToUint(float(magnitude) * 0.001953125));  // 2^-9
}

// Clamps to +-448, then rounds to nearest even. NaN gives NaN with its sign.
uint bits_to_e4m3(uint bits) {
  const uint sign = (bits >> 24) & 0x80u;
  uint magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return sign | 0x7fu;
  magnitude = min(magnitude, 0x43e00000u);  // 448
  if (magnitude < 0x3c800000u)              // below 2^-6: in units of 2^-9
    return sign | round_shift(full_mantissa(magnitude), 141u - (magnitude >> 23));
  return sign | ((magnitude + 0x7ffffu + ((magnitude >> 20) & 1u) - 0x3c000000u) >> 20);
}

// Bits of a / b rounded to nearest even, for finite a >= 0 and finite normal b > 0. Quotients below 2^-126
// give 0: no e4m3 code tells them apart.
uint divide_bits(uint a, uint b) {
  if ((a >> 23) == 0u) return 0u;
  const uint ma = full_mantissa(a), mb = full_mantissa(b);
  // The quotient's mantissa needs 24 bits: one more where a's mantissa is the smaller one.
  const uint less = ma < mb ? 1u : 0u;
  const int exponent = int(a >> 23) - int(b >> 23) + 127 - int(less);
  if (exponent <= 0) return 0u;
  if (exponent >= 255) return 0x7f800000u;
  const uint64_t numerator = uint64_t(ma) << (23u + less);
  // An estimate by float division, at most a few units off, then the exact floor.
  int64_t quotient = int64_t(float(ma) / float(mb) * float(1u << (23u + less)));
  int64_t rest = int64_t(numerator) - quotient * int64_t(mb);
  while (rest < 0) {
    --quotient;
    rest += int64_t(mb);
  }
  while (rest >= int64_t(mb)) {
    ++quotient;
    rest -= int64_t(mb);
  }
  const int64_t twice = 2 * rest;
  if (twice > int64_t(mb) || (twice == int64_t(mb) && (quotient & 1) != 0)) ++quotient;
  // A mantissa that rounds up to 2^24 carries into the exponent.
  return (uint(exponent - 1) << 23) + uint(quotient);
}

// Smallest power of two >= the value, for positive finite normal bits.
uint ceil_pow2_bits(uint bits) { return ((bits >> 23) + ((bits & 0x7fffffu) != 0u ? 1u : 0u)) << 23; }

bool is_pow2_bits(uint bits) { return (bits & 0x7fffffu) == 0u; }

// The scale of 128 latent values: 2^ceil(log2(max(amax / 448, 1e-4))). 448 is 1.75 * 2^8, so amax / 448 lies
// above a power of two exactly where amax's mantissa lies above 1.75; rounding the quotient does not change
// that.
uint latent_scale_bits(uint amax) {
  if (amax >= 0x7f800000u) return 0x7f800000u;
  const uint exponent = (amax >> 23) + ((amax & 0x7fffffu) > 0x600000u ? 1u : 0u);
  return max(exponent, 114u + 8u) - 8u << 23;  // 114: 2^-13
}

// The scale of 128 activations; the floor 1e-4 is on amax.
uint activation_scale_bits(uint amax, bool pow2) {
  const uint floored = max(amax, 0x38d1b717u);  // 1e-4f
  if (floored >= 0x7f800000u) return 0x7f800000u;
  if (!pow2) return divide_bits(floored, 0x43e00000u);
  precise float scaled = uintBitsToFloat(floored) * uintBitsToFloat(0x3b124925u);  // 1.0f / 448
  return ceil_pow2_bits(floatBitsToUint(scaled));
}

// e4m3 code of value / scale, for a scale made above.
uint quantize(uint value, uint scale) {
  const uint sign = value & 0x80000000u, magnitude = value & 0x7fffffffu;
  if (is_nan_bits(value)) return bits_to_e4m3(value);
  if (scale == 0x7f800000u) return bits_to_e4m3(sign | (magnitude == scale ? 0x7fc00000u : 0u));
  if (magnitude == 0x7f800000u) return bits_to_e4m3(value);
  return bits_to_e4m3(sign | divide_bits(magnitude, scale));
}
