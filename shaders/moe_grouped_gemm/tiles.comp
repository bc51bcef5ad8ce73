// The list of tiles of a grouped product, by one work group: for each expert the tiles of kTileRows that its
// rows fill, then those of the rows behind, so that the product's groups read what to do instead of searching.
// The list has as many entries as any offsets could need. Offsets are not trusted: they are clamped to
// [0, rows] and made ascending. A thread per expert, then a thread per tile: E + M / kTileRows words read and
// written, bound by the latency of some thirty barriers per 256 experts.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/types.glsl"
#include "shaders/moe_grouped_gemm/entries.glsl"

const uint kThreads = 256;
layout(local_size_x = 256) in;
#include "shaders/common/reduce.glsl"

layout(constant_id = 0) const uint kTileRows = 32;
layout(constant_id = 1) const uint kTail = 1;  // 0: rows behind the last expert's are left alone

layout(push_constant) uniform Arguments {
  uint64_t offsets, list;
  uint rows, experts, entries;
};

shared uint largest[kThreads];
shared uint first_tile[kThreads], first_row[kThreads], end_row[kThreads];

// The largest of the values of all threads up to and with this one.
uint max_up_to(uint value) {
  const uint me = gl_LocalInvocationIndex;
  barrier();
  largest[me] = value;
  for (uint step = 1u; step < kThreads; step *= 2u) {
    barrier();
    const uint before = me >= step ? largest[me - step] : 0u;
    barrier();
    largest[me] = max(largest[me], before);
  }
  barrier();
  return largest[me];
}

// The last thread whose tiles begin at or before `tile`.
uint owner_of(uint tile) {
  uint low = 0u, high = kThreads;
  while (high - low > 1u) {
    const uint middle = (low + high) / 2u;
    if (first_tile[middle] <= tile) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;
}

uint tiles_of(uint count) { return (count + kTileRows - 1u) / kTileRows; }

void put(uint entry, uint expert, uint begin, uint end) {
  Vectors(list).at[entry] = uvec4(expert, begin, min(begin + kTileRows, end), 0u);
}

void main() {
  const uint me = gl_LocalInvocationIndex;
  uint begin = 0u, tiles = 0u;  // rows and tiles of the experts so far
  for (uint first = 0u; first < experts; first += kThreads) {
    const uint expert = first + me;
    const int offset = expert < experts ? Ints(offsets).at[expert + 1u] : 0;
    const uint end = max(begin, max_up_to(min(uint(max(offset, 0)), rows)));
    end_row[me] = end;
    barrier();
    const uint mine = me > 0u ? end_row[me - 1u] : begin;
    uint total;
    first_row[me] = mine;
    first_tile[me] = scan_over_group(tiles_of(end - mine), total) - tiles_of(end - mine);
    barrier();
    for (uint tile = me; tile < total; tile += kThreads) {
      const uint owner = owner_of(tile);
      put(tiles + tile, first + owner, first_row[owner] + (tile - first_tile[owner]) * kTileRows,
          end_row[owner]);
    }
    begin = end_row[kThreads - 1u];
    tiles += total;
    barrier();
  }
  const uint tail = kTail != 0u ? tiles_of(rows - begin) : 0u;
  for (uint tile = me; tile < tail; tile += kThreads) {
    put(tiles + tile, kTailTile, begin + tile * kTileRows, rows);
  }
  for (uint entry = tiles + tail + me; entry < entries; entry += kThreads) put(entry, kNoTile, 0u, 0u);
}
