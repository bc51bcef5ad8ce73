// fp64 arithmetic on values that came from f32, with integers: not every device has fp64, and Vulkan promises
// no more accuracy of it than of f32. Every operation rounds once, to nearest even, as IEEE does. The
// exponents that arise from a few operations on f32 values stay far inside of fp64's, so a finite value is
// sign, `mantissa` 2^exponent with mantissa in [2^52, 2^53), or mantissa 0; no zero has a sign.
#include "shaders/common/types.glsl"

const uint kFinite = 0;
const uint kInfinite = 1;
const uint kNan = 2;

struct Double {
  uint kind;
  bool negative;
  int exponent;
  uint64_t mantissa;
};

Double nan_double() { return Double(kNan, false, 0, 0ul); }
Double infinite_double(bool negative) { return Double(kInfinite, negative, 0, 0ul); }
Double zero_double() { return Double(kFinite, false, 0, 0ul); }

int top_bit(uint64_t value) {
  const uint high = uint(value >> 32);
  return high != 0u ? 32 + findMSB(high) : findMSB(uint(value));
}

// value 2^exponent; `more`: a little larger than that, by less than 1. Then value has more than 54 bits.
Double round_double(bool negative, uint64_t value, int exponent, bool more) {
  if (value == 0ul) return zero_double();
  const int dropped = top_bit(value) - 52;
  if (dropped <= 0) return Double(kFinite, negative, exponent + dropped, value << -dropped);
  const uint64_t half_way = 1ul << (dropped - 1), rest = value & ((1ul << dropped) - 1ul);
  uint64_t mantissa = value >> dropped;
  if (rest > half_way || (rest == half_way && (more || (mantissa & 1ul) != 0ul))) ++mantissa;
  const int carry = mantissa >> 53 != 0ul ? 1 : 0;
  return Double(kFinite, negative, exponent + dropped + carry, mantissa >> carry);
}

Double to_double(uint bits) {
  const bool negative = (bits & 0x80000000u) != 0u;
  const uint exponent = (bits >> 23) & 0xffu;
  if (is_nan_bits(bits)) return nan_double();
  if (exponent == 0xffu) return infinite_double(negative);
  return round_double(negative, uint64_t(full_mantissa(bits)), int(max(exponent, 1u)) - 150, false);
}

bool is_zero(Double a) { return a.kind == kFinite && a.mantissa == 0ul; }

// Of two values of at most 24 and 29 bits: exact, as it is for f32 times f32.
Double multiply(Double a, Double b) {
  const bool negative = a.negative != b.negative;
  if (a.kind == kNan || b.kind == kNan) return nan_double();
  if (a.kind == kInfinite || b.kind == kInfinite) {
    return is_zero(a) || is_zero(b) ? nan_double() : infinite_double(negative);
  }
  return round_double(negative, (a.mantissa >> 29) * (b.mantissa >> 24), a.exponent + b.exponent + 53, false);
}

// By a value of at most 24 bits, from f32.
Double divide(Double a, Double b) {
  const bool negative = a.negative != b.negative;
  if (a.kind == kNan || b.kind == kNan) return nan_double();
  if (a.kind == kInfinite) return b.kind == kInfinite ? nan_double() : infinite_double(negative);
  if (b.kind == kInfinite) return zero_double();
  if (b.mantissa == 0ul) return a.mantissa == 0ul ? nan_double() : infinite_double(negative);
  if (a.mantissa == 0ul) return zero_double();
  // Two digits of a long division: 29 or 30 bits, then 32.
  const uint64_t divisor = b.mantissa >> 29;
  const uint64_t high = a.mantissa / divisor, rest = (a.mantissa % divisor) << 32;
  return round_double(negative, (high << 32) + rest / divisor, a.exponent - b.exponent - 29 - 32,
                      rest % divisor != 0ul);
}

Double add(Double a, Double b) {
  if (a.kind == kNan || b.kind == kNan) return nan_double();
  if (a.kind == kInfinite) return b.kind == kInfinite && a.negative != b.negative ? nan_double() : a;
  if (b.kind == kInfinite || a.mantissa == 0ul) return b;
  if (b.mantissa == 0ul) return a;
  if (a.exponent < b.exponent || (a.exponent == b.exponent && a.mantissa < b.mantissa)) {
    const Double swapped = a;
    a = b;
    b = swapped;
  }
  // Ten bits more than the result keeps; what lies below them only says on which side it is.
  const int apart = a.exponent - b.exponent;
  const uint64_t large = a.mantissa << 10, wide = b.mantissa << 10;
  const uint64_t small = apart < 64 ? wide >> apart : 0ul;
  const bool more = apart >= 64 || (small << apart) != wide;
  if (a.negative == b.negative) return round_double(a.negative, large + small, a.exponent - 10, more);
  return round_double(a.negative, large - small - (more ? 1ul : 0ul), a.exponent - 10, more);
}

Double negate(Double a) { return Double(a.kind, !a.negative, a.exponent, a.mantissa); }

// Rounded to f32, with its subnormals and infinities.
uint to_float_bits(Double a) {
  const uint sign = a.negative ? 0x80000000u : 0u;
  if (a.kind == kNan) return 0x7fc00000u;
  if (a.kind == kInfinite) return sign | 0x7f800000u;
  if (a.mantissa == 0ul) return 0u;
  const int exponent = a.exponent + 52 + 127;  // biased
  if (exponent >= 255) return sign | 0x7f800000u;
  const int dropped = 29 + max(1 - exponent, 0);
  if (dropped > 54) return sign;
  const uint64_t half_way = 1ul << (dropped - 1);
  const uint64_t rounded = (a.mantissa + half_way - 1ul + ((a.mantissa >> dropped) & 1ul)) >> dropped;
  return sign | (uint(rounded) + (exponent > 1 ? uint(exponent - 1) << 23 : 0u));
}

// floor(a 2^32) of a >= 0, at most `most`.
uint64_t to_fixed32(Double a, uint64_t most) {
  if (a.kind != kFinite) return most;
  const int shift = a.exponent + 32;
  if (a.mantissa == 0ul || shift <= -53) return 0ul;
  if (shift > 10) return most;
  const uint64_t value = shift >= 0 ? a.mantissa << shift : a.mantissa >> -shift;
  return min(value, most);
}
