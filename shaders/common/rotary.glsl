// Rotating pairs of a vector by a position, as the contract of rope says (core/ops/rope/rope.h): the angle is
// rounded to f32, its sine and cosine are f32-accurate. Vulkan promises those only to 2^-11 and within
// [-pi, pi], so the angle is reduced exactly, with integers, and two polynomials do the rest.
// Include after shaders/common/types.glsl.

// 32 zero bits, then 2 / pi in fixed point.
const uint kTwoOverPi[8] = uint[8](0u, 0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, 0xf534ddc0u, 0xdb629599u,
                                   0x3c439041u, 0xfe5163abu);

// 32 bits of it from bit `at` on.
uint two_over_pi(uint at) {
  const uint word = at / 32u, shift = at % 32u;
  if (shift == 0u) return kTwoOverPi[word];
  return kTwoOverPi[word] << shift | kTwoOverPi[word + 1u] >> (32u - shift);
}

// |angle|, as bits, in quarter turns: the nearest number of them, modulo 4, and the rest in radians. Of the
// product with 2 / pi, 96 bits from weight 2^1 down are kept: two before the point, and 94 behind it, 24 of
// which the cut of 2 / pi may touch.
uint reduce_angle(uint bits, out float rest) {
  if (bits <= 0x3f490fdau) {  // up to pi / 4
    rest = uintBitsToFloat(bits);
    return 0u;
  }
  const uint64_t mantissa = uint64_t((bits & 0x7fffffu) | 0x800000u);
  const uint first = (bits >> 23) - 150u + 30u;  // the angle is mantissa * 2^(exponent - 150)
  const uint64_t low = mantissa * two_over_pi(first + 64u);
  const uint64_t middle = mantissa * two_over_pi(first + 32u) + (low >> 32);
  const uint64_t high = mantissa * two_over_pi(first) + (middle >> 32);
  uint turns = (uint(high) >> 30) & 3u;
  uint64_t part = (high << 34) | ((middle & 0xfffffffful) << 2) | ((low >> 30) & 3ul);  // of 2^64
  const bool beyond = (part >> 63) != 0ul;
  if (beyond) {
    part = ~part + 1ul;
    ++turns;
  }
  // Its leading 32 bits, in a float, times the weight that they have.
  const uint top = uint(part >> 32);
  const uint shift = top != 0u ? 31u - uint(findMSB(top)) : 32u;
  const float quarter = float(uint((part << shift) >> 32)) * 2.3283064365386963e-10;  // 2^-32
  const float weight = uintBitsToFloat((127u - shift) << 23);
  rest = quarter * weight * (beyond ? -1.57079632679 : 1.57079632679);
  return turns;
}

struct Turn {
  float cosine, sine;
};

Turn turn_of(int position, float inv_freq, float magnitude) {
  const float angle = float(position) * inv_freq;
  const uint bits = floatBitsToUint(angle), size = bits & 0x7fffffffu;
  if (size >= 0x7f800000u) return Turn(uintBitsToFloat(0x7fc00000u), uintBitsToFloat(0x7fc00000u));
  float x;
  const uint turns = reduce_angle(size, x);
  const float z = x * x;
  const float sine = fma(x * z, fma(fma(-0.000195879591, z, 0.0083327489), z, -0.166666642), x);
  const float cosine =
      fma(z * z, fma(fma(2.45479896e-05, z, -0.00138883037), z, 0.0416666642), fma(-0.5, z, 1.0));
  float s = (turns & 1u) == 0u ? sine : cosine;
  float c = (turns & 1u) == 0u ? cosine : sine;
  if ((turns & 2u) != 0u) s = -s;
  if (((turns + 1u) & 2u) != 0u) c = -c;
  if ((bits >> 31) != 0u) s = -s;
  return Turn(c * magnitude, s * magnitude);
}

vec2 rotated(vec2 pair, Turn turn) {
  return vec2(pair.x * turn.cosine - pair.y * turn.sine, pair.y * turn.cosine + pair.x * turn.sine);
}

// Where pair i of `pairs` begins, and how far apart its elements are.
uint pair_at(bool interleaved, uint i) { return interleaved ? 2u * i : i; }
uint pair_distance(bool interleaved, uint pairs) { return interleaved ? 1u : pairs; }
