// indexer_scores on cooperative matrices: f16 or e4m3 queries and keys, which f16 holds exactly, in 16x16x16
// products with f32 sums. A work group keeps 256 keys in registers, 32 a subgroup, and walks over tokens: the
// heads of a token lie in shared memory as f16, and a subgroup multiplies them with its keys, clips, weighs,
// and adds up the heads through shared memory. So a score depends on its query and its key alone.
//
// 2 Hi Di FLOP a key, 17 KB of shared memory for 64 heads of 128 dimensions, and 10 KB for the sums. FP8, 4096
// queries by 65536 keys, 64 heads, H100 80GB HBM3, driver 580.159.04, 2026-11-22: 20.2 ms, 219 TFLOPS; registers
// alone, without loading queries, gave 517. Two buffers of queries (17 KB more, one barrier less): 19.2 ms.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#include "shaders/common/caches.glsl"
#include "shaders/common/e4m3_halves.glsl"
#include "shaders/common/softmax.glsl"
#include "shaders/common/vectors.glsl"

const uint kThreads = 256;
const uint kSubgroup = 32;  // required of the pipeline
const uint kSubgroups = kThreads / kSubgroup;
layout(local_size_x = 256) in;

layout(constant_id = 0) const uint kQType = 0;    // f16 or e4m3
layout(constant_id = 1) const uint kKeyType = 0;  // kE4M3 and paged: FP8 pages
layout(constant_id = 2) const uint kPaged = 0;
layout(constant_id = 3) const uint kHeadTiles = 4;  // of 16
layout(constant_id = 4) const uint kDimTiles = 8;   // of 16
layout(constant_id = 5) const uint kBuffers = 1;    // of queries: 1 or 2

const uint kKeyTiles = 2;  // of 16, of a subgroup
const uint kKeys = 16u * kKeyTiles * kSubgroups;
const uint kRows = 16u * kHeadTiles;
const uint kLine = 2u * kDimTiles + 1u;  // 16 bytes each; odd, so that rows spread over banks
const uint kSumLine = 20;                // floats, for the same reason

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
  uint tokens_each;  // of a work group
};
layout(push_constant) uniform Push { Arguments arguments; };

shared uvec4 tile[kBuffers * kRows * kLine];  // [head or key][dimension], f16
shared float weights[kBuffers * kRows];
shared float sums[kSubgroups * 16u * kSumLine];  // [head][key] of each subgroup
shared uint64_t key_at[kRows];                   // 0: not there

// Numbered by subgroups: the order of gl_LocalInvocationIndex is the driver's.
uint thread() { return gl_SubgroupID * kSubgroup + gl_SubgroupInvocationID; }

#define MATRIX(type, use) coopmat<type, gl_ScopeSubgroup, 16, 16, use>
#define SUMS MATRIX(float, gl_MatrixUseAccumulator)
MATRIX(float16_t, gl_MatrixUseB) keys_of[kKeyTiles * kDimTiles];

struct Visible {
  uint first, last;
};

Visible visible_keys(uint token) {
  const uint first = arguments.ks != 0ul ? uint(max(Ints(arguments.ks).at[token], 0)) : 0u;
  const uint last = min(uint(max(Ints(arguments.ke).at[token], 0)), arguments.max_keys);
  return Visible(first, max(first, last));
}

int sequence_of(uint token) {
  return kPaged != 0u && arguments.sequence != 0ul ? Ints(arguments.sequence).at[token] : 0;
}

// Slot of a key, or -1.
int slot_of(int sequence, uint position) {
  if (position >= arguments.max_keys) return -1;
  const int slot = kPaged != 0u ? paged_slot(arguments.table, sequence, position) : int(position);
  return slot >= 0 && uint(slot) < arguments.keys.slots ? slot : -1;
}

const bool kPages = kPaged != 0u && kKeyType == kE4M3;

float scale_of(uint slot) {
  if (kPages) return uintBitsToFloat(load_word(index_scale_at(arguments.keys, slot), false));
  return arguments.key_scale != 0ul ? Floats(arguments.key_scale).at[slot] : 1.0;
}

// 16 bytes of a row into the tile. Of e4m3 they are 16 elements, of f16 8.
void put(uint type, uint row, uint unit, uvec4 bytes, uint buffer_at) {
  const uint at = buffer_at + row * kLine;
  if (type != kE4M3) {
    tile[at + unit] = bytes;
  } else {
    tile[at + 2u * unit] = uvec4(e4m3_word_to_halves(bytes.x), e4m3_word_to_halves(bytes.y));
    tile[at + 2u * unit + 1u] = uvec4(e4m3_word_to_halves(bytes.z), e4m3_word_to_halves(bytes.w));
  }
}

uint units_of(uint type) { return type == kE4M3 ? kDimTiles : 2u * kDimTiles; }

// The keys of the tile that begins at `position`, as a sequence has them, through shared memory in rounds of
// as many as there are rows.
void load_keys(int sequence, uint position) {
  const uint units = units_of(kKeyType);
  for (uint first = 0u; first < kKeys; first += kRows) {
    barrier();
    if (thread() < kRows) {
      const int slot = slot_of(sequence, position + first + thread());
      key_at[thread()] = slot < 0 ? 0ul : index_key_at(kPages, arguments.keys, uint(slot));
    }
    barrier();
    for (uint i = thread(); i < kRows * units; i += kThreads) {
      const uint64_t row = key_at[i / units];
      put(kKeyType, i / units, i % units, row != 0ul ? Vectors(row).at[i % units] : uvec4(0u), 0u);
    }
    barrier();
    [[unroll]] for (uint j = 0u; j < kKeyTiles; ++j) {
      const uint key = (gl_SubgroupID * kKeyTiles + j) * 16u;
      if (key >= first && key < first + kRows) {
        [[unroll]] for (uint d = 0u; d < kDimTiles; ++d) {
          coopMatLoad(keys_of[j * kDimTiles + d], tile, (key - first) * kLine + 2u * d, kLine,
                      gl_CooperativeMatrixLayoutColumnMajor);
        }
      }
    }
  }
  barrier();
}

// The next token's queries, on their way.
const uint kUnits = kQType == kE4M3 ? kDimTiles : 2u * kDimTiles;  // of a head
const uint kFetches = (kRows * kUnits + kThreads - 1u) / kThreads;
uvec4 fetched[kFetches];
float fetched_weight;

void fetch(uint token) {
  [[unroll]] for (uint i = 0u; i < kFetches; ++i) {
    const uint unit = thread() + i * kThreads, head = unit / kUnits;
    fetched[i] = uvec4(0u);
    if (head < arguments.heads) fetched[i] = Vectors(vector_at(arguments.q, token, head)).at[unit % kUnits];
  }
  fetched_weight = 0.0;
  if (thread() >= arguments.heads) return;
  fetched_weight = Floats(arguments.w + token * arguments.w_stride).at[thread()];
  if (arguments.q_scale != 0ul)
    fetched_weight *= Floats(arguments.q_scale + token * arguments.q_scale_stride).at[thread()];
  fetched_weight *= arguments.scale;
}

void put_fetched(uint buffer_index) {
  [[unroll]] for (uint i = 0u; i < kFetches; ++i) {
    const uint unit = thread() + i * kThreads;
    if (unit < kRows * kUnits)
      put(kQType, unit / kUnits, unit % kUnits, fetched[i], buffer_index * kRows * kLine);
  }
  if (thread() < kRows) weights[buffer_index * kRows + thread()] = fetched_weight;
}

float sum_heads(SUMS of_heads) {
  const uint base = gl_SubgroupID * 16u * kSumLine;
  coopMatStore(of_heads, sums, base, kSumLine, gl_CooperativeMatrixLayoutRowMajor);
  subgroupBarrier();
  float total = 0.0;
  [[unroll]] for (uint head = 0u; head < 16u; ++head)
    total += sums[base + head * kSumLine + gl_SubgroupInvocationID % 16u];
  subgroupBarrier();
  return total;
}

// Of this lane's key of the subgroup: lane 16 j + i has key i of key tile j.
float score(uint buffer_index) {
  SUMS weighed[kKeyTiles];
  [[unroll]] for (uint j = 0u; j < kKeyTiles; ++j) weighed[j] = SUMS(0.0);
  [[unroll]] for (uint h = 0u; h < kHeadTiles; ++h) {
    SUMS dots[kKeyTiles];
    [[unroll]] for (uint j = 0u; j < kKeyTiles; ++j) dots[j] = SUMS(0.0);
    [[unroll]] for (uint d = 0u; d < kDimTiles; ++d) {
      MATRIX(float16_t, gl_MatrixUseA) heads;
      coopMatLoad(heads, tile, (buffer_index * kRows + 16u * h) * kLine + 2u * d, kLine,
                  gl_CooperativeMatrixLayoutRowMajor);
      [[unroll]] for (uint j = 0u; j < kKeyTiles; ++j)
        dots[j] = coopMatMulAdd(heads, keys_of[j * kDimTiles + d], dots[j]);
    }
    SUMS weight;  // of a row the same in all columns
    coopMatLoad(weight, weights, buffer_index * kRows + 16u * h, 0, gl_CooperativeMatrixLayoutColumnMajor);
    [[unroll]] for (uint j = 0u; j < kKeyTiles; ++j) {
      [[unroll]] for (int i = 0; i < weight.length(); ++i) {
        const float dot_of = dots[j][i];
        weighed[j][i] = fma(weight[i], dot_of > 0.0 ? dot_of : 0.0, weighed[j][i]);  // of NaN: 0
      }
    }
  }
  const float low = sum_heads(weighed[0]), high = sum_heads(weighed[1]);
  return gl_SubgroupInvocationID < 16u ? low : high;
}

void store(uint token, uint column, float value) {
  if (column < arguments.keys_count)
    Floats(arguments.scores + (token - arguments.first_token) * arguments.scores_stride).at[column] = value;
}

// The first token from this one on that sees a key of the tile; those before it are done with.
uint advance(uint token, uint end, uint column) {
  const uint position = arguments.first_key + column;
  for (; token < end; ++token) {
    const Visible seen = visible_keys(token);
    if (seen.last - seen.first < arguments.min_keys) continue;
    if (position < seen.last && position + kKeys > seen.first) break;
    store(token, column + thread(), neg_inf());
  }
  return token;
}

void main() {
  const uint tiles = (arguments.keys_count + kKeys - 1u) / kKeys;
  const uint chunk = group_index() / tiles, column = group_index() % tiles * kKeys;
  const uint each = arguments.tokens_each;
  if (chunk * each >= arguments.tokens) return;
  const uint begin = arguments.first_token + chunk * each;
  const uint end = arguments.first_token + min(arguments.tokens, (chunk + 1u) * each);
  const uint position = arguments.first_key + column, mine = position + thread();
  uint token = advance(begin, end, column);
  if (token < end) fetch(token);
  bool loaded = false;
  int sequence = 0, slot = -1;
  float key_scale = 1.0;
  uint buffer_index = 0u;
  while (token < end) {
    if (!loaded || sequence_of(token) != sequence) {
      loaded = true;
      sequence = sequence_of(token);
      load_keys(sequence, position);
      slot = slot_of(sequence, mine);
      key_scale = slot < 0 ? 1.0 : scale_of(uint(slot));
    }
    if (kBuffers == 1u) barrier();
    put_fetched(buffer_index);
    barrier();
    const uint next = advance(token + 1u, end, column);
    if (next < end) fetch(next);
    const float value = key_scale * score(buffer_index);
    const Visible seen = visible_keys(token);
    const bool there = slot >= 0 && mine >= seen.first && mine < seen.last;
    store(token, column + thread(), there ? value : neg_inf());
    token = next;
    buffer_index = (buffer_index + 1u) % kBuffers;
  }
}
