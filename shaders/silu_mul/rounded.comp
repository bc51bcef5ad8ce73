// silu_mul whose product, rounded to the type of x, goes on as activations rounded to e4m3: moe_experts without a
// dispatch between its products more than it needs. A work group per row and 128 columns, a thread per value.
// Bound by memory: x read once, a code written per value.
#version 460
#extension GL_GOOGLE_include_directive : require
const uint kThreads = 128;
layout(local_size_x = 128) in;
#include "shaders/common/rounded_group.glsl"
#include "shaders/common/silu.glsl"

layout(constant_id = 0) const uint kXType = 0;

layout(push_constant) uniform Arguments {
  uint64_t x, codes, scales;
  uint64_t x_stride, codes_stride;  // bytes
  uint rows, width, groups;         // of the product
};

// f32 bits after one rounding to kXType.
uint rounded(float value) {
  const uint bits = floatBitsToUint(value);
  if (kXType == kBF16) return bits_to_bf16(bits) << 16;
  return kXType == kF16 ? f16_to_bits(bits_to_f16(bits)) : bits;
}

void main() {
  const uint row = group_index() / groups, group = group_index() % groups;
  if (row >= rows) return;
  const uint i = group * kThreads + gl_LocalInvocationIndex;
  const uint64_t from = x + row * x_stride;
  uint bits = 0u;
  if (i < width) bits = rounded(silu(load_float(kXType, from, i)) * load_float(kXType, from, width + i));
  store_rounded(codes + row * codes_stride, scales + 4ul * row * groups, i, width, bits);
}
