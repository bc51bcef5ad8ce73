// silu(g) = g / (1 + e^-g) to a few units in the last place. Vulkan leaves exp 3 + 2 |x| units, so the power
// is made here: e^-a = 2^n e^r, |r| <= ln 2 / 2.
float exp_negative(float a) {  // a >= 0
  if (!(a < 104.0)) return a != a ? a : 0.0;
  const float n = floor(fma(a, 1.44269504, 0.5));
  precise const float high = fma(n, 0.693145752, -a);  // ln 2 in two parts, the first of 15 bits
  precise const float r = fma(n, 1.42860677e-6, high);
  float sum = fma(r, 1.98412698e-4, 1.38888889e-3);
  sum = fma(r, sum, 8.33333333e-3);
  sum = fma(r, sum, 4.16666667e-2);
  sum = fma(r, sum, 1.66666667e-1);
  sum = fma(r, sum, 0.5);
  sum = fma(r * r, sum, r) + 1.0;
  // In two steps: 2^-n may be below the normal numbers.
  const uint half_way = uint(n) / 2u, rest = uint(n) - half_way;
  return sum * uintBitsToFloat((127u - half_way) << 23) * uintBitsToFloat((127u - rest) << 23);
}

// The divisor lies in [1, 2], where Vulkan's division is good.
float silu(float gate) {
  const float power = exp_negative(abs(gate));
  return (gate >= 0.0 ? gate : gate * power) / (1.0 + power);
}
