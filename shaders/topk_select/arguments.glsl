// What topk_select's shaders are given (backends/vulkan/ops/topk_select.cpp).
layout(push_constant) uniform Arguments {
  uint64_t scores, ks, ke, idx, count;  // ks 0: absent
  uint64_t scores_stride, idx_stride;   // bytes
  uint rows, k;
  int width;
  uint sample_rank;
};

// A row's visible scores.
struct Row {
  uint64_t from, to;
  uint n;
};

Row find_row(uint row) {
  const int first = ks != 0ul ? clamp(Ints(ks).at[row], 0, width) : 0;
  const int last = min(Ints(ke).at[row], width);
  return Row(scores + row * scores_stride + 4ul * uint64_t(first), idx + row * idx_stride,
             last > first ? uint(last - first) : 0u);
}

// Of a row that sees n <= k scores: all of them.
void store_all(Row row) {
  for (uint i = gl_LocalInvocationIndex; i < k; i += kThreads) Ints(row.to).at[i] = i < row.n ? int(i) : -1;
}

void store_count(uint row, uint n) {
  if (gl_LocalInvocationIndex == 0u) Ints(count).at[row] = int(min(n, k));
}
