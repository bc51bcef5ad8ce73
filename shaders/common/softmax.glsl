// Infinities by their bits: a driver may assume that comparisons see none.
float neg_inf() { return uintBitsToFloat(0xff800000u); }
bool is_neg_inf(float value) { return floatBitsToUint(value) == 0xff800000u; }

// Factor for what was summed under `old_max` when the maximum rises to `top`; 0 where nothing was.
float rescale_factor(float old_max, float top) {
  return is_neg_inf(old_max) ? 0.0 : old_max == top ? 1.0 : exp(old_max - top);
}

// What a row's weighted values are multiplied with to become its output, and the row's lse. A sink joins
// both.
struct RowResult {
  float factor, lse;
};
RowResult row_result(float top, float sum) {
  if (sum == 0.0) return RowResult(1.0, neg_inf());
  return RowResult(1.0 / sum, top + log(sum));
}
RowResult row_result_with_sink(float top, float sum, float sink) {
  if (sum == 0.0) return RowResult(1.0, neg_inf());
  const float most = max(top, sink);
  const float keys = top == most ? 1.0 : exp(top - most);
  const float all = fma(sum, keys, sink == most ? 1.0 : is_neg_inf(sink) ? 0.0 : exp(sink - most));
  return RowResult(keys / all, most + log(all));
}
