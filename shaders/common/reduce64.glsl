// reduce.glsl for 64-bit integers: any subgroup size, and the same in every run. Include after defining
// kThreads.
shared uint64_t reduce_longs[kThreads];

uint64_t max_over_group(uint64_t value) {
  const uint me = gl_LocalInvocationIndex;
  barrier();
  reduce_longs[me] = value;
  for (uint width = kThreads / 2u; width > 0u; width /= 2u) {
    barrier();
    if (me < width) reduce_longs[me] = max(reduce_longs[me], reduce_longs[me + width]);
  }
  barrier();
  return reduce_longs[0];
}

// The sum of the values of all threads up to and with this one; `total` that of all.
uint64_t scan_over_group(uint64_t value, out uint64_t total) {
  const uint me = gl_LocalInvocationIndex;
  barrier();
  reduce_longs[me] = value;
  for (uint step = 1u; step < kThreads; step *= 2u) {
    barrier();
    const uint64_t before = me >= step ? reduce_longs[me - step] : 0ul;
    barrier();
    reduce_longs[me] += before;
  }
  barrier();
  total = reduce_longs[kThreads - 1u];
  return reduce_longs[me];
}
