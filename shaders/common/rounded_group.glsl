// A group of 128 values of a row rounded to e4m3, by a work group of 128 threads, one each: codes and a scale in
// the form row_scales, or their values as f16. The including shader declares kThreads = 128.
#include "shaders/common/fp8.glsl"
#include "shaders/common/reduce.glsl"

layout(constant_id = 1) const uint kPow2 = 0;
layout(constant_id = 2) const uint kHalves = 0;  // 1: in the form of halves_place()

// Of activations rounded to e4m3 for shaders that turn codes into f16 (e4m3_halves.glsl): their values as f16,
// every four in the order 0 2 1 3, in which a word of codes is decoded; rows are padded with zeros to 16.
uint halves_place(uint i) { return (i & ~3u) | (i & 1u) << 1 | (i >> 1 & 1u); }

// `bits` of element i of the row at `to`, whose scales are at `scales`; 0 from `width` on. All threads call it.
void store_rounded(uint64_t to, uint64_t scales, uint i, uint width, uint bits) {
  const uint magnitude = is_nan_bits(bits) ? 0u : bits & 0x7fffffffu;
  const uint scale = activation_scale_bits(max_over_group(magnitude), kPow2 != 0u), code = quantize(bits, scale);
  if (kHalves != 0u) {
    if (i < (width + 15u) / 16u * 16u)
      store_bits(kF16, to, halves_place(i), floatBitsToUint(e4m3_to_float(code)));
  } else if (i < width) {
    Bytes(to).at[i] = uint8_t(code);
  }
  if (gl_LocalInvocationIndex == 0u) Words(scales).at[i / 128u] = scale;
}
