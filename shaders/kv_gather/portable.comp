// kv_gather: a work group per 8 rows, a thread per value. It finds the sequence of its first row by walking
// the lengths, and goes on from there: next to nothing for the few sequences of a prefill step. Bytes: cache
// rows read, as many values written: bound by memory.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/caches.glsl"

const uint kThreads = 128;
const uint kRows = 8;
layout(local_size_x = 128) in;

layout(constant_id = 0) const uint kCacheType = 0;  // kE4M3: packed
layout(constant_id = 1) const uint kOutType = 0;
layout(constant_id = 2) const uint kAligned = 0;

layout(push_constant) uniform Arguments {
  KvCache cache;
  PageTable table;
  uint64_t lengths, latent, rope;
  uint64_t latent_stride, rope_stride;  // bytes
  uint total;
};

void store_row(uint row, int slot) {
  const bool found = slot >= 0 && uint(slot) < cache.slots;
  const uint64_t from = cache.data + (found ? uint64_t(slot) * cache.stride : 0ul);
  for (uint i = gl_LocalInvocationIndex; i < cache.c + cache.r; i += kThreads) {
    const float value = found ? load_latent(kCacheType, kAligned != 0u, cache, from, i) : 0.0;
    const uint64_t to = i < cache.c ? latent + row * latent_stride : rope + row * rope_stride;
    store_float(kOutType, to, i < cache.c ? i : i - cache.c, value);
  }
}

void main() {
  const uint first = group_index() * kRows;
  uint sequence = 0u, position = first;
  for (uint row = first; row < min(first + kRows, total); ++row, ++position) {
    while (sequence < table.sequences) {
      const uint length = uint(max(Ints(lengths).at[sequence], 0));
      if (position < length) break;
      position -= length;
      ++sequence;
    }
    store_row(row, paged_slot(table, int(sequence), position));
  }
}
