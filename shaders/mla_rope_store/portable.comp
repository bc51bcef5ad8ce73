// mla_rope_store: for each token, work groups that rotate 16 query heads each, and one that normalises the
// latent, rotates the key part and encodes both to the cache row, a thread per latent of a group of 128. One
// launch for four ops; each input is read once, the latent twice, from a cache. Bound by memory, at few
// tokens by the launch.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/caches.glsl"
#include "shaders/common/rounded.glsl"

const uint kThreads = 128;  // also the latents that share a scale
layout(local_size_x = 128) in;
#include "shaders/common/reduce.glsl"
#include "shaders/common/rotate_heads.glsl"

layout(constant_id = 0) const uint kType = 0;    // of q_rope
layout(constant_id = 1) const uint kKvType = 0;  // of kv_a
layout(constant_id = 2) const uint kCacheType = 0;  // kE4M3: packed

layout(buffer_reference, std430, buffer_reference_align = 8) readonly buffer Arguments {
  Rope q;
  KvCache cache;
  uint64_t kv, kv_stride, norm_weight, slot;
  float eps;
};
layout(push_constant) uniform Push { Arguments arguments; };

// The normalised latent, rounded as rms_norm leaves it, to the cache row `to`.
void store_latent(uint64_t from, uint64_t to) {
  const uint c = arguments.cache.c;
  float squares = 0.0;
  for (uint i = gl_LocalInvocationIndex; i < c; i += kThreads) {
    const float value = load_float(kKvType, from, i);
    squares = fma(value, value, squares);
  }
  const float factor = inversesqrt(sum_over_group(squares) / float(c) + arguments.eps);
  for (uint begin = 0u; begin < c; begin += kThreads) {
    const uint i = begin + gl_LocalInvocationIndex;
    uint value = 0u;
    if (i < c) {
      const float normal = load_float(kKvType, from, i) * factor * Floats(arguments.norm_weight).at[i];
      value = round_bits(kKvType, floatBitsToUint(normal));
    }
    if (kCacheType != kE4M3) {
      if (i < c) store_bits(kCacheType, to, i, value);
      continue;
    }
    const uint scale = latent_scale_bits(max_over_group(is_nan_bits(value) ? 0u : value & 0x7fffffffu));
    if (i < c) Bytes(to).at[i] = uint8_t(quantize(value, scale));
    if (gl_LocalInvocationIndex == 0u) store_word(to + c + 4u * (begin / kThreads), scale);
  }
}

void store_rotated(uint64_t to, uint i, float value) {
  const uint bits = round_bits(kKvType, floatBitsToUint(value)), c = arguments.cache.c;
  if (kCacheType != kE4M3) {
    store_bits(kCacheType, to, c + i, bits);
    return;
  }
  const uint groups = (c + kLatentGroup - 1u) / kLatentGroup, code = bits_to_bf16(bits);
  const uint64_t at = to + c + 4u * groups + 2u * i;  // at any address: C may be odd
  Bytes(at).at[0] = uint8_t(code & 0xffu);
  Bytes(at).at[1] = uint8_t(code >> 8);
}

void store_key(uint token) {
  const int row = Ints(arguments.slot).at[token];
  if (row < 0 || uint(row) >= arguments.cache.slots) return;
  const uint64_t from = arguments.kv + token * arguments.kv_stride;
  const uint64_t to = arguments.cache.data + uint64_t(row) * arguments.cache.stride;
  store_latent(from, to);
  for (uint pair = gl_LocalInvocationIndex; pair < arguments.cache.r / 2u; pair += kThreads) {
    const Turn turn =
        turn_of(Ints(arguments.q.positions).at[token], Floats(arguments.q.inv_freq).at[pair], 1.0);
    const uint at = arguments.cache.c + 2u * pair;
    const vec2 result = rotated(vec2(load_float(kKvType, from, at), load_float(kKvType, from, at + 1u)), turn);
    store_rotated(to, 2u * pair, result.x);
    store_rotated(to, 2u * pair + 1u, result.y);
  }
}

void main() {
  const uint heads = arguments.q.heads, parts = 1u + (heads + kRopeHeads - 1u) / kRopeHeads;
  const uint token = group_index() / parts, part = group_index() % parts;
  if (token >= arguments.q.tokens) return;
  if (part == 0u) {
    store_key(token);
  } else {
    const uint head = (part - 1u) * kRopeHeads;
    rotate_heads(arguments.q, kType, true, uvec3(token, head, min(head + kRopeHeads, heads)));
  }
}
