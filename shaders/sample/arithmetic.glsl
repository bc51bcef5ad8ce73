// The arithmetic of sample, bit for bit that of core/numeric/sampling.h and philox.h: probabilities are 64-bit
// integers in units of 2^-40 of the best token's.
#include "shaders/common/soft_double.glsl"

const uint kMinusInfinity = 0xff800000u;
const uint kWeightBits = 40;

struct Penalties {
  uint repetition, presence, frequency;  // f32 bits
};

uint penalised_logit(uint logit, int count, Penalties penalties) {
  if (count > 0) {
    const Double value = to_double(logit), repetition = to_double(penalties.repetition);
    const bool positive = !is_nan_bits(logit) && int(logit) > 0;
    Double repeated;
    if (positive) {
      repeated = divide(value, repetition);
    } else {
      repeated = multiply(value, repetition);
    }
    const Double times = round_double(false, uint64_t(min(count, 1 << 24)), 0, false);
    const Double subtracted =
        add(multiply(to_double(penalties.frequency), times), to_double(penalties.presence));
    logit = to_float_bits(add(repeated, negate(subtracted)));
  }
  if (is_nan_bits(logit)) return kMinusInfinity;
  return logit == 0x7f800000u ? 0x7f7fffffu : logit;
}

// 2^-y in units of 2^-32, y in units of 2^-32.
uint64_t exp2_fraction(uint64_t y) {
  // ln(2)^k / k! in units of 2^-32, k = 11 ... 1.
  const uint terms[11] = uint[11](2u, 30u, 437u, 5676u, 65510u, 661577u, 5726720u, 41309550u, 238388332u,
                                  1031764991u, 2977044472u);
  uint64_t sum = 0ul;
  for (uint k = 0u; k < 11u; ++k) sum = terms[k] - ((sum * y) >> 32);
  return (1ul << 32) - ((sum * y) >> 32);
}

// Of a logit that is not NaN, at most `largest`, which is finite; temperature > 0. All f32 bits.
uint64_t sample_weight(uint largest, uint logit, uint temperature) {
  const uint64_t end = 28ul << 32;
  if (logit == kMinusInfinity) return 0ul;
  const Double below = add(to_double(largest), negate(to_double(logit)));
  const uint64_t d = to_fixed32(divide(below, to_double(temperature)), end);
  if (d >= end) return 0ul;
  const uint64_t log2e_fraction = 1901360723ul;
  const uint64_t y = d + (d >> 32) * log2e_fraction + (((d & 0xfffffffful) * log2e_fraction) >> 32);
  const uint shift = uint(y >> 32);
  if (shift > kWeightBits) return 0ul;
  return (exp2_fraction(y & 0xfffffffful) << (kWeightBits - 32u)) >> shift;
}

// floor(total numerator / 2^24), for total < 2^62 and numerator < 2^24.
uint64_t scale24(uint64_t total, uint numerator) {
  return (total >> 24) * numerator + (((total & 0xfffffful) * numerator) >> 24);
}

// floor(value 2^bits) of the f32 bits of 0 < value < 1.
uint64_t fraction_bits(uint value, uint bits) {
  const int shift = int(max(value >> 23, 1u)) - 150 + int(bits);
  const uint64_t mantissa = uint64_t(full_mantissa(value));
  return shift >= 0 ? mantissa << shift : shift > -24 ? mantissa >> -shift : 0ul;
}

bool is_positive(uint bits) { return bits != 0u && bits <= 0x7f800000u; }

// Least sum that top-p's prefix must reach, for a top_p below 1.
uint64_t top_p_sum(uint64_t total, uint top_p) {
  const uint numerator = is_positive(top_p) ? uint(fraction_bits(top_p, 24u)) : 0u;
  const uint64_t sum =
      (total >> 24) * numerator + (((total & 0xfffffful) * numerator + 0xfffffful) >> 24);
  return max(sum, 1ul);
}

// Least weight that min-p keeps.
uint64_t min_p_weight(uint min_p) {
  if (!is_positive(min_p)) return 0ul;
  return min_p < 0x3f800000u ? fraction_bits(min_p, kWeightBits) : 1ul << kWeightBits;
}

// The first word of philox4x32_10.
uint philox(uvec2 key, uint counter) {
  uvec4 c = uvec4(counter, 0u, 0u, 0u);
  for (uint round = 0u; round < 10u; ++round) {
    uint high0, low0, high1, low1;
    umulExtended(0xd2511f53u, c.x, high0, low0);
    umulExtended(0xcd9e8d57u, c.z, high1, low1);
    c = uvec4(high1 ^ c.y ^ key.x, low1, high0 ^ c.w ^ key.y, low0);
    key += uvec2(0x9e3779b9u, 0xbb67ae85u);
  }
  return c.x;
}

// ln(1 + x) for -0.5 <= x <= 0.42, by the series of 2 artanh(x / (2 + x)).
float log_of_one_plus(float x) {
  const float s = x / (2.0 + x), square = s * s;
  float sum = 1.0 / 17.0;
  for (float k = 15.0; k > 0.0; k -= 2.0) sum = fma(sum, square, 1.0 / k);
  return 2.0 * s * sum;
}

// ln(weight / total) for 0 < weight <= total. Close to 1 the difference decides, which is exact.
float log_ratio(uint64_t weight, uint64_t total) {
  if (weight >= total - weight) return log_of_one_plus(-(float(total - weight) / float(total)));
  // Mantissas in [1, 2), exponents apart; their quotient is brought to [0.71, 1.42].
  const int weight_top = top_bit(weight), total_top = top_bit(total);
  float ratio = (float(weight) * uintBitsToFloat(uint(127 - weight_top) << 23)) /
                (float(total) * uintBitsToFloat(uint(127 - total_top) << 23));
  int exponent = weight_top - total_top;
  if (ratio < 0.70710678) {
    ratio *= 2.0;
    --exponent;
  }
  return float(exponent) * 0.69314718 + log_of_one_plus(ratio - 1.0);
}
