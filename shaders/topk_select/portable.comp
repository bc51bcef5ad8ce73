// topk_select: radix selection on the 32-bit sortable key, a work group per row.
//
// Four histograms of 8 bits, high bits first, narrow the key of rank k down to all its bits; a last pass in
// ascending order takes every better key, and of the equal ones the first that still fit. So a row is read
// five times, nothing is sorted or copied, and the worst case equals the usual one. Counting does not depend
// on the order of the atomics, so the result is the same in every run.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/types.glsl"

const uint kThreads = 256;  // also the number of bins
layout(local_size_x = 256) in;
#include "shaders/topk_select/arguments.glsl"
#include "shaders/topk_select/radix.glsl"

void main() {
  if (group_index() >= rows) return;
  const Row row = find_row(group_index());
  if (row.n > k) {
    store_chosen(row.from, row.n, find_threshold(row.from, row.n), row.to);
  } else {
    store_all(row);
  }
  store_count(group_index(), row.n);
}
