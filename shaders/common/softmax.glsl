// Infinities by their bits: a driver may assume that comparisons see none.
float neg_inf() { return uintBitsToFloat(0xff800000u); }
bool is_neg_inf(float value) { return floatBitsToUint(value) == 0xff800000u; }

// Factor for what was summed under `old_max` when the maximum rises to `top`; 0 where nothing was.
float rescale_factor(float old_max, float top) {
  return is_neg_inf(old_max) ? 0.0 : old_max == top ? 1.0 : exp(old_max - top);
}
