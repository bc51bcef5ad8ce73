// index_k_store: a work group per token, a thread per value. Bytes: keys read, as many cache rows written:
// bound by memory. Pages hold codes and scales at any address, so they are written byte by byte.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/caches.glsl"

const uint kThreads = 128;
layout(local_size_x = 128) in;

layout(constant_id = 0) const uint kKType = 0;
layout(constant_id = 1) const uint kCacheType = 0;  // kE4M3: FP8 pages

layout(push_constant) uniform Arguments {
  uint64_t k, scale, slot;
  uint64_t k_stride, scale_stride;  // bytes
  IndexCache cache;
  uint tokens;
};

void main() {
  const uint token = group_index();
  if (token >= tokens) return;
  const int row = Ints(slot).at[token];
  if (row < 0 || uint(row) >= cache.slots) return;
  const bool fp8 = kCacheType == kE4M3;
  const uint64_t from = k + token * k_stride, to = index_key_at(fp8, cache, uint(row));
  for (uint i = gl_LocalInvocationIndex; i < cache.dim; i += kThreads) {
    if (fp8) {
      Bytes(to).at[i] = Bytes(from).at[i];
    } else {
      store_bits(kCacheType, to, i, load_bits(kKType, from, i));
    }
  }
  if (fp8 && gl_LocalInvocationIndex == 0u) {
    store_word(index_scale_at(cache, uint(row)), Words(scale + token * scale_stride).at[0]);
  }
}
