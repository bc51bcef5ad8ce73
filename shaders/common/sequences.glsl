// Sequences whose keys lie one after another: sequence s owns the rows from the sum of the lengths before it
// on. Include after shaders/common/types.glsl and defining kThreads.
shared uint sequence_sums[kThreads];

uint length_of(uint64_t lengths, uint sequence) { return uint(max(Ints(lengths).at[sequence], 0)); }

// Sum of the lengths before `sequence`, at most `most` < 2^31. Called by all threads.
uint rows_before(uint64_t lengths, uint sequence, uint most) {
  const uint me = gl_LocalInvocationIndex;
  uint sum = 0u;
  for (uint s = me; s < sequence; s += kThreads) sum = min(sum + length_of(lengths, s), most);
  barrier();
  sequence_sums[me] = sum;
  for (uint width = kThreads / 2u; width > 0u; width /= 2u) {
    barrier();
    if (me < width) sequence_sums[me] = min(sequence_sums[me] + sequence_sums[me + width], most);
  }
  barrier();
  return sequence_sums[0];
}
