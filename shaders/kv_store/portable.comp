// kv_store: per token one work group for each 128 latent values and one for the rotated part, a thread per
// value. Bytes: both inputs read, one cache row written: bound by memory. C may be odd, so what lies behind
// the codes of a packed row is written byte by byte.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/fp8.glsl"

const uint kThreads = 128;
layout(local_size_x = 128) in;
#include "shaders/common/reduce.glsl"

layout(constant_id = 0) const uint kLatentType = 0;
layout(constant_id = 1) const uint kRopeType = 0;
layout(constant_id = 2) const uint kCacheType = 0;
layout(constant_id = 3) const uint kPacked = 0;

layout(push_constant) uniform Arguments {
  uint64_t latent, rope, slot, cache;
  uint64_t latent_stride, rope_stride, cache_stride;  // bytes
  uint64_t slots;
  uint tokens, c, r, groups;  // groups of 128 latent values
};

void store_plain_latent(uint64_t from, uint64_t to, uint group) {
  const uint i = group * kThreads + gl_LocalInvocationIndex;
  if (i < c) store_bits(kCacheType, to, i, load_bits(kLatentType, from, i));
}

void store_packed_latent(uint64_t from, uint64_t to, uint group) {
  const uint i = group * kThreads + gl_LocalInvocationIndex;
  const uint value = i < c ? load_bits(kLatentType, from, i) : 0u;
  const uint magnitude = is_nan_bits(value) ? 0u : value & 0x7fffffffu;
  const uint scale = latent_scale_bits(max_over_group(magnitude));
  if (i < c) Bytes(to).at[i] = uint8_t(quantize(value, scale));
  if (gl_LocalInvocationIndex < 4u) {
    Bytes(to + c + 4u * group).at[gl_LocalInvocationIndex] =
        uint8_t((scale >> (8u * gl_LocalInvocationIndex)) & 0xffu);
  }
}

void store_rope(uint64_t from, uint64_t to) {
  for (uint i = gl_LocalInvocationIndex; i < r; i += kThreads) {
    const uint value = load_bits(kRopeType, from, i);
    if (kPacked == 0u) {
      store_bits(kCacheType, to, c + i, value);
      continue;
    }
    const uint code = bits_to_bf16(value);
    const uint64_t at = to + c + 4u * groups + 2u * i;
    Bytes(at).at[0] = uint8_t(code & 0xffu);
    Bytes(at).at[1] = uint8_t(code >> 8);
  }
}

void main() {
  const uint token = group_index() / (groups + 1u), part = group_index() % (groups + 1u);
  if (token >= tokens) return;
  const int row = Ints(slot).at[token];
  if (row < 0 || uint64_t(row) >= slots) return;
  const uint64_t to = cache + uint64_t(row) * cache_stride;
  if (part == groups) {
    store_rope(rope + token * rope_stride, to);
  } else if (kPacked == 0u) {
    store_plain_latent(latent + token * latent_stride, to, part);
  } else {
    store_packed_latent(latent + token * latent_stride, to, part);
  }
}
