// index_to_slot: a thread per index. Bytes: indices read, slots written, pages from a cache: bound by memory.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/caches.glsl"

const uint kThreads = 256;
layout(local_size_x = 256) in;

layout(push_constant) uniform Arguments {
  uint64_t idx, slots, sequence, row_start;  // 0: absent
  uint64_t idx_stride, slots_stride;         // bytes
  PageTable table;                           // pages 0: ragged
  uint tokens, k;
};

int slot_of(uint token, int position) {
  if (position < 0) return -1;
  if (table.pages != 0ul) {
    return paged_slot(table, sequence != 0ul ? Ints(sequence).at[token] : 0, uint(position));
  }
  const int start = row_start != 0ul ? Ints(row_start).at[token] : 0;
  const uint slot = uint(start) + uint(position);  // of two below 2^31
  return start < 0 || slot > 0x7fffffffu ? -1 : int(slot);
}

void main() {
  const uint parts = (k + kThreads - 1u) / kThreads;
  const uint token = group_index() / parts, i = group_index() % parts * kThreads + gl_LocalInvocationIndex;
  if (token >= tokens || i >= k) return;
  Ints(slots + token * slots_stride).at[i] = slot_of(token, Ints(idx + token * idx_stride).at[i]);
}
