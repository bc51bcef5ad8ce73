// The Hadamard transform of vectors in shared memory, as the contract of hadamard says
// (core/ops/hadamard/hadamard.h). The including shader declares kThreads and `shared float values[]`.
//
// `size` values, vectors of `width` (a power of two) one after another; not yet multiplied with
// 1 / sqrt(width). Begins and ends with a barrier.
void hadamard_butterflies(uint width, uint size) {
  uint log2_half = 0u;
  for (uint half_width = 1u; half_width < width; half_width *= 2u, ++log2_half) {
    barrier();
    for (uint p = gl_LocalInvocationIndex; p < size / 2u; p += kThreads) {
      const uint i = (p >> log2_half << (log2_half + 1u)) + (p & (half_width - 1u));
      const float a = values[i], b = values[i + half_width];
      values[i] = a + b;
      values[i + half_width] = a - b;
    }
  }
  barrier();
}
