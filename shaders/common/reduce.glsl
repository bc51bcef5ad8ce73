// Reductions and scans over a work group of kThreads (a power of two), in shared memory: they hold for any
// subgroup size, and sum in one order everywhere. Include after defining kThreads.
shared uint reduce_words[kThreads];

float sum_over_group(float value) {
  const uint me = gl_LocalInvocationIndex;
  barrier();
  reduce_words[me] = floatBitsToUint(value);
  for (uint width = kThreads / 2u; width > 0u; width /= 2u) {
    barrier();
    if (me < width) {
      reduce_words[me] = floatBitsToUint(uintBitsToFloat(reduce_words[me]) +
                                         uintBitsToFloat(reduce_words[me + width]));
    }
  }
  barrier();
  return uintBitsToFloat(reduce_words[0]);
}

uint max_over_group(uint value) {
  const uint me = gl_LocalInvocationIndex;
  barrier();
  reduce_words[me] = value;
  for (uint width = kThreads / 2u; width > 0u; width /= 2u) {
    barrier();
    if (me < width) reduce_words[me] = max(reduce_words[me], reduce_words[me + width]);
  }
  barrier();
  return reduce_words[0];
}

// The sum of the values of all threads up to and with this one; `total` that of all.
uint scan_over_group(uint value, out uint total) {
  const uint me = gl_LocalInvocationIndex;
  barrier();
  reduce_words[me] = value;
  for (uint step = 1u; step < kThreads; step *= 2u) {
    barrier();
    const uint before = me >= step ? reduce_words[me - step] : 0u;
    barrier();
    reduce_words[me] += before;
  }
  barrier();
  total = reduce_words[kThreads - 1u];
  return reduce_words[me];
}
