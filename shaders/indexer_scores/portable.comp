// indexer_scores: a work group per token and tile of 64 keys. The dots of kThreads / 4 heads with the keys are
// a matrix product in shared memory, 32 dimensions at a time, four heads by four keys a thread; each thread
// weighs its heads after the ReLU, and one thread a key adds up the heads in a fixed order. So a score depends
// on its query and its key alone.
//
// 2 Hi Di FLOP a key; a work group reads Hi Di elements of the query and 64 Di of the keys, most of it from a
// cache: bound by shared memory, at 5 loads per 16 products. 22 KB of shared memory with 64 heads.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/common/caches.glsl"
#include "shaders/common/any_element.glsl"
#include "shaders/common/softmax.glsl"
#include "shaders/common/vectors.glsl"

const uint kKeys = 64;  // of a tile
const uint kEach = 4;   // of them a thread's
const uint kDims = 32;  // at a time

layout(constant_id = 0) const uint kQType = 0;
layout(constant_id = 1) const uint kKeyType = 0;  // kE4M3 and paged: FP8 pages
layout(constant_id = 2) const uint kPaged = 0;
layout(constant_id = 3) const uint kThreads = 256;  // 32, 64, 128 or 256
layout(local_size_x_id = 3) in;

const uint kKeyLanes = kKeys / kEach;
const uint kHeadGroups = kThreads / kKeyLanes;  // of four heads
const uint kQLine = kHeadGroups + 1u;           // of a tile: one more, so that columns spread over banks
const uint kKeyLine = kKeys + 1u;

layout(buffer_reference, std430, buffer_reference_align = 8) readonly buffer Arguments {
  Vectors3 q;
  IndexCache keys;
  PageTable table;
  uint64_t w, w_stride, q_scale, q_scale_stride;
  uint64_t key_scale, sequence, ks, ke;  // 0: absent
  uint64_t scores, scores_stride;        // of first_token and first_key
  uint heads, max_keys;
  uint first_token, tokens, first_key, keys_count;
  uint min_keys;  // tokens that see fewer are passed over
  float scale;
};
layout(push_constant) uniform Push { Arguments arguments; };

shared vec4 q_tile[kDims * kQLine];      // [dimension][four heads]
shared float k_tile[kDims * kKeyLine];   // [dimension][key]
shared float partial[kHeadGroups * kKeys];
shared float weights[kHeadGroups * 4u];
shared uint64_t key_at[kKeys];  // 0: not there
shared float key_scales[kKeys];
shared float totals[kKeys];  // each of one thread

// Of one token.
struct Visible {
  uint token, first, last;
};

Visible visible_keys(uint token) {
  const uint first = arguments.ks != 0ul ? uint(max(Ints(arguments.ks).at[token], 0)) : 0u;
  const uint last = min(uint(max(Ints(arguments.ke).at[token], 0)), arguments.max_keys);
  return Visible(token, first, max(first, last));
}

// Key j of the tile.
void find_key(Visible seen, uint j, uint position) {
  int slot = -1;
  if (position >= seen.first && position < seen.last) {
    slot = int(position);
    if (kPaged != 0u) {
      const int sequence = arguments.sequence != 0ul ? Ints(arguments.sequence).at[seen.token] : 0;
      slot = paged_slot(arguments.table, sequence, position);
    }
  }
  key_at[j] = 0ul;
  key_scales[j] = 1.0;
  if (slot < 0 || uint(slot) >= arguments.keys.slots) return;
  const bool pages = kPaged != 0u && kKeyType == kE4M3;
  key_at[j] = index_key_at(pages, arguments.keys, uint(slot));
  if (pages) {
    key_scales[j] = uintBitsToFloat(load_word(index_scale_at(arguments.keys, uint(slot)), false));
  } else if (arguments.key_scale != 0ul) {
    key_scales[j] = Floats(arguments.key_scale).at[slot];
  }
}

float load_query(uint token, uint head, uint d) {
  if (head >= arguments.heads || d >= arguments.keys.dim) return 0.0;
  return load_any(kQType, vector_at(arguments.q, token, head), d);
}

void load_tiles(uint token, uint head, uint dim) {
  for (uint i = gl_LocalInvocationIndex; i < kDims * kHeadGroups; i += kThreads) {
    const uint d = i % kDims, group = i / kDims, h = head + 4u * group;
    q_tile[d * kQLine + group] =
        vec4(load_query(token, h, dim + d), load_query(token, h + 1u, dim + d),
             load_query(token, h + 2u, dim + d), load_query(token, h + 3u, dim + d));
  }
  for (uint i = gl_LocalInvocationIndex; i < kDims * kKeys; i += kThreads) {
    const uint d = i % kDims, key = i / kDims;
    const bool inside = key_at[key] != 0ul && dim + d < arguments.keys.dim;
    k_tile[d * kKeyLine + key] = inside ? load_any(kKeyType, key_at[key], dim + d) : 0.0;
  }
}

void load_weights(uint token, uint head) {
  const uint h = head + gl_LocalInvocationIndex;
  if (gl_LocalInvocationIndex >= kHeadGroups * 4u) return;
  float weight = 0.0;
  if (h < arguments.heads) {
    weight = Floats(arguments.w + token * arguments.w_stride).at[h];
    if (arguments.q_scale != 0ul)
      weight *= Floats(arguments.q_scale + token * arguments.q_scale_stride).at[h];
    weight *= arguments.scale;
  }
  weights[gl_LocalInvocationIndex] = weight;
}

// Weighted and summed over the four heads of a thread, to `partial`.
void score_heads(uint token, uint head) {
  const uint lane = gl_LocalInvocationIndex % kKeyLanes, group = gl_LocalInvocationIndex / kKeyLanes;
  vec4 dots[kEach];
  for (uint j = 0u; j < kEach; ++j) dots[j] = vec4(0.0);
  for (uint dim = 0u; dim < arguments.keys.dim; dim += kDims) {
    barrier();
    load_tiles(token, head, dim);
    if (dim == 0u) load_weights(token, head);
    barrier();
    [[dont_unroll]] for (uint first = 0u; first < kDims; first += 8u) {
      for (uint d = first; d < first + 8u; ++d) {
        const vec4 q = q_tile[d * kQLine + group];
        for (uint j = 0u; j < kEach; ++j) {
          dots[j] = fma(q, vec4(k_tile[d * kKeyLine + lane + j * kKeyLanes]), dots[j]);
        }
      }
    }
  }
  for (uint j = 0u; j < kEach; ++j) {
    float sum = 0.0;
    for (uint i = 0u; i < 4u; ++i) {
      const float positive = dots[j][i] > 0.0 ? dots[j][i] : 0.0;  // of NaN: 0
      sum = fma(weights[4u * group + i], positive, sum);
    }
    partial[group * kKeys + lane + j * kKeyLanes] = sum;
  }
  barrier();
}

void main() {
  const uint tiles = (arguments.keys_count + kKeys - 1u) / kKeys;
  const uint row = group_index() / tiles, column = group_index() % tiles * kKeys;
  if (row >= arguments.tokens) return;
  const Visible seen = visible_keys(arguments.first_token + row);
  if (seen.last - seen.first < arguments.min_keys) return;
  const uint position = arguments.first_key + column;
  const uint64_t to = arguments.scores + row * arguments.scores_stride + 4ul * column;
  const uint count = min(kKeys, arguments.keys_count - column);
  if (position >= seen.last || position + kKeys <= seen.first) {
    for (uint j = gl_LocalInvocationIndex; j < count; j += kThreads) Floats(to).at[j] = neg_inf();
    return;
  }
  for (uint j = gl_LocalInvocationIndex; j < kKeys; j += kThreads) {
    find_key(seen, j, position + j);
    totals[j] = 0.0;
  }
  for (uint head = 0u; head < arguments.heads; head += kHeadGroups * 4u) {
    score_heads(seen.token, head);
    for (uint j = gl_LocalInvocationIndex; j < kKeys; j += kThreads) {
      for (uint g = 0u; g < kHeadGroups; ++g) totals[j] += partial[g * kKeys + j];
    }
  }
  for (uint j = gl_LocalInvocationIndex; j < count; j += kThreads) {
    Floats(to).at[j] = key_at[j] != 0ul ? key_scales[j] * totals[j] : neg_inf();
  }
}
