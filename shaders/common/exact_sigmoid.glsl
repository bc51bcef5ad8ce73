// The sigmoid of an f32 as f32 bits, rounded once from at least 44 good bits: fp64's result on any device, but
// for values that lie within 2^-44 of a rounding boundary. All with integers, since not every device has fp64
// and Vulkan promises no accuracy of it.
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require

// The high half of a 64 x 64 bit product.
uint64_t multiply_high(uint64_t a, uint64_t b) {
  const uint64_t a0 = a & 0xfffffffful, a1 = a >> 32, b0 = b & 0xfffffffful, b1 = b >> 32;
  const uint64_t low = a0 * b0, left = a1 * b0 + (low >> 32), right = a0 * b1 + (left & 0xfffffffful);
  return a1 * b1 + (left >> 32) + (right >> 32);
}

// 2^-y, y in units of 2^-64, in units of 2^-63. Taylor series of exp(-ln 2 y) in 17 terms by Horner; the first
// one left out is below 2^-57.
uint64_t exp2_of_fraction(uint64_t y) {
  // ln(2)^k / k! in units of 2^-64, k = 17 ... 1.
  const uint64_t terms[17] = uint64_t[17](
      102ul, 2503ul, 57783ul, 1250454ul,
      25256339ul, 473683537ul, 8200570677ul, 130140149132ul,
      1877525477726ul, 24378270262728ul, 281363276907910ul, 2841449829983172ul,
      24596073471909060ul, 177423166116318949ul, 1023870087579328454ul, 4431396893595737425ul,
      12786308645202655660ul);
  uint64_t sum = 0ul;
  for (uint k = 0u; k < 17u; ++k) sum = terms[k] - multiply_high(sum, y);
  return (1ul << 63) - (multiply_high(sum, y) >> 1);
}

// e^-x as `mantissa` 2^-63 2^-shift, mantissa in [2^62, 2^63], for the f32 bits of 0 <= x < 104.
uint64_t exp_of_negative(uint bits, out uint shift) {
  const uint exponent = max(bits >> 23, 1u);
  const uint64_t mantissa = uint64_t((bits & 0x7fffffu) | (bits >= 0x800000u ? 0x800000u : 0u));
  // x = mantissa 2^(exponent - 150), in units of 2^-56: seven bits above the point.
  const int left = int(exponent) - 150 + 56;
  const uint64_t x = left >= 0 ? mantissa << left : left > -64 ? mantissa >> -left : 0ul;
  // x log2 e, in units of 2^-56; log2 e = 1 + 0.4427.
  const uint64_t y = x + multiply_high(x, 8166282121979093367ul);
  shift = uint(y >> 56);
  return exp2_of_fraction(y << 8);
}

// numerator 2^48 / denominator, truncated, for numerator <= denominator < 2^48: three digits of 16 bits.
uint64_t divide_fraction(uint64_t numerator, uint64_t denominator) {
  uint64_t quotient = 0ul, rest = numerator;
  for (uint digit = 0u; digit < 3u; ++digit) {
    rest <<= 16;
    quotient = (quotient << 16) + rest / denominator;
    rest %= denominator;
  }
  return quotient;
}

// f32 bits of value 2^(-63 - shift), value in [2^62, 2^63], to nearest even.
uint round_to_float(uint64_t value, uint shift) {
  // Bits dropped: 24 stay of 63 or 64, fewer below 2^-126.
  const uint top = (value >> 63) != 0ul ? 63u : 62u;
  const int exponent = int(top) - 63 - int(shift) + 127;  // biased
  const uint dropped = top - 23u + (exponent < 1 ? uint(1 - exponent) : 0u);
  if (dropped > 63u) return 0u;
  const uint64_t half_way = 1ul << (dropped - 1u);
  const uint64_t rounded = (value + half_way - 1ul + ((value >> dropped) & 1ul)) >> dropped;
  return uint(rounded) + (exponent > 1 ? uint(exponent - 1) << 23 : 0u);
}

uint sigmoid_bits(uint logit) {
  const uint magnitude = logit & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return logit;  // NaN
  const bool negative = (logit & 0x80000000u) != 0u;
  if (magnitude >= 0x42d00000u) return negative ? 0u : 0x3f800000u;  // 104
  uint shift;
  // Below 2^63, so that it can be doubled.
  const uint64_t power = min(exp_of_negative(magnitude, shift), (1ul << 63) - 1ul);
  // 1 / (1 + e^-|x|), of 48 bits.
  const uint64_t one = 1ul << 46;
  const uint64_t z = shift < 47u ? power >> (17u + shift) : 0ul;
  const uint64_t quotient = divide_fraction(one, one + z);
  // p = q for x >= 0, e^-|x| q below.
  if (!negative) return round_to_float(quotient << 15, 0u);
  const uint64_t product = multiply_high(power << 1, quotient << 15);  // power 2^-63, quotient 2^-48: 2^-63
  const bool small = product < (1ul << 62);
  return round_to_float(small ? product << 1 : product, small ? shift + 1u : shift);
}
