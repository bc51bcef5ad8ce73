// indexer_prepare: a work group takes some 512 values, four vectors of 128, of a token's query heads and its
// key through all steps in shared memory: pairs turned, butterflies, the largest magnitude of each vector (an
// integer maximum: no order matters), codes. One launch for seven ops, one pass over memory; bound by the
// barriers of the butterflies. 18 KB of shared memory at most.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/caches.glsl"
#include "shaders/common/rotary.glsl"
#include "shaders/common/rounded.glsl"
#include "shaders/common/vectors.glsl"

const uint kThreads = 128;
layout(local_size_x = 128) in;

layout(constant_id = 0) const uint kQType = 0;
layout(constant_id = 1) const uint kKType = 0;
layout(constant_id = 2) const uint kCacheType = 0;  // kE4M3: FP8 pages, and codes of queries
layout(constant_id = 3) const uint kDim = 128;
layout(constant_id = 4) const uint kVectors = 4;  // of a work group
layout(constant_id = 5) const uint kInterleaved = 0;
layout(constant_id = 6) const uint kPow2 = 0;  // of the queries' scales

layout(buffer_reference, std430, buffer_reference_align = 8) readonly buffer Arguments {
  Vectors3 q, q_out;
  IndexCache cache;
  uint64_t q_scale, k, k_stride;
  uint64_t inv_freq, positions, slot;
  uint tokens, heads, pairs;
  float factor;
};
layout(push_constant) uniform Push { Arguments arguments; };

shared float values[kVectors * kDim];
shared uint largest[kVectors];
#include "shaders/common/butterflies.glsl"

// Vectors [first, first + count) of a token: its heads, and after them its key.
struct Batch {
  uint token, first, count;
  int slot;  // of the key; negative: nowhere
};

bool is_key(Batch batch, uint v) { return batch.first + v == arguments.heads; }
uint type_of(Batch batch, uint v) { return is_key(batch, v) ? kKType : kQType; }

void load_batch(Batch batch) {
  for (uint i = gl_LocalInvocationIndex; i < batch.count * kDim; i += kThreads) {
    const uint v = i / kDim;
    if (is_key(batch, v)) {
      values[i] = load_float(kKType, arguments.k + batch.token * arguments.k_stride, i % kDim);
    } else {
      values[i] = load_float(kQType, vector_at(arguments.q, batch.token, batch.first + v), i % kDim);
    }
  }
  barrier();
}

void rotate_batch(Batch batch) {
  const uint pairs = arguments.pairs, distance = pair_distance(kInterleaved != 0u, pairs);
  for (uint i = gl_LocalInvocationIndex; i < batch.count * pairs; i += kThreads) {
    const uint v = i / pairs, pair = i % pairs;
    const Turn turn =
        turn_of(Ints(arguments.positions).at[batch.token], Floats(arguments.inv_freq).at[pair], 1.0);
    const uint at = v * kDim + pair_at(kInterleaved != 0u, pair), type = type_of(batch, v);
    const vec2 result = rotated(vec2(values[at], values[at + distance]), turn);
    values[at] = uintBitsToFloat(round_bits(type, floatBitsToUint(result.x)));
    values[at + distance] = uintBitsToFloat(round_bits(type, floatBitsToUint(result.y)));
  }
  barrier();
}

// What hadamard gives at value i, as bits.
uint transformed(Batch batch, uint i) {
  return round_bits(type_of(batch, i / kDim), floatBitsToUint(values[i] * arguments.factor));
}

void find_largest(Batch batch) {
  for (uint v = gl_LocalInvocationIndex; v < kVectors; v += kThreads) largest[v] = 0u;
  barrier();
  for (uint i = gl_LocalInvocationIndex; i < batch.count * kDim; i += kThreads) {
    const uint bits = transformed(batch, i);
    if (!is_nan_bits(bits)) atomicMax(largest[i / kDim], bits & 0x7fffffffu);
  }
  barrier();
}

void store_codes(Batch batch) {
  find_largest(batch);
  for (uint i = gl_LocalInvocationIndex; i < batch.count * kDim; i += kThreads) {
    const uint v = i / kDim;
    const bool key = is_key(batch, v);
    if (key && batch.slot < 0) continue;
    const uint scale = activation_scale_bits(largest[v], key || kPow2 != 0u);
    const uint64_t to = key ? index_key_at(true, arguments.cache, uint(batch.slot))
                            : vector_at(arguments.q_out, batch.token, batch.first + v);
    Bytes(to).at[i % kDim] = uint8_t(quantize(transformed(batch, i), scale));
    if (i % kDim != 0u) continue;
    if (key) {
      store_word(index_scale_at(arguments.cache, uint(batch.slot)), scale);
    } else {
      Words(arguments.q_scale + 4ul * batch.token * arguments.heads).at[batch.first + v] = scale;
    }
  }
}

// Rotated vectors as they are.
void store_exact(Batch batch) {
  for (uint i = gl_LocalInvocationIndex; i < batch.count * kDim; i += kThreads) {
    const uint v = i / kDim, column = i % kDim;
    if (!is_key(batch, v)) {
      store_float(kQType, vector_at(arguments.q_out, batch.token, batch.first + v), column, values[i]);
    } else if (batch.slot >= 0) {
      store_float(kCacheType, index_key_at(false, arguments.cache, uint(batch.slot)), column, values[i]);
    }
  }
}

void main() {
  const uint vectors = arguments.heads + 1u, parts = (vectors + kVectors - 1u) / kVectors;
  const uint token = group_index() / parts, first = group_index() % parts * kVectors;
  if (token >= arguments.tokens) return;
  int slot = Ints(arguments.slot).at[token];
  if (slot >= 0 && uint(slot) >= arguments.cache.slots) slot = -1;
  const Batch batch = Batch(token, first, min(kVectors, vectors - first), slot);
  load_batch(batch);
  rotate_batch(batch);
  if (kCacheType == kE4M3) {
    hadamard_butterflies(kDim, batch.count * kDim);
    store_codes(batch);
  } else {
    store_exact(batch);
  }
}
