// Online-softmax attention of a work group of 128 threads: kRows query rows over 32 keys at a time. The
// scores are a matrix product in shared memory, 64 dimensions at a time, so any width fits: a thread takes
// two keys, four rows and a part of the dimensions (six loads of four values for 32 products), and the parts
// are summed in order. Then it owns kWidth neighbouring columns of the output of all rows, and reads the
// values straight into registers, each value once. 22 KB of shared memory with 16 rows.
//
// A row's result depends on its own keys and their order alone: keys that it does not see have weight 0.
//
// Loops over keys stay loops: unrolled, a driver's compiler takes several times as long for them and they run
// no faster.
//
// Include after shaders/common/types.glsl and softmax.glsl. The including shader defines what is attended to:
//   uint attention_dims();                  dimensions of queries and keys
//   vec4 query4(uint row, uint d);          dimensions d to d + 3, zeros past the last and for absent rows
//   vec4 key4(uint j, uint d);              the same of key j of the block, which is there
//   vec4 value4(uint j, uint column);       its columns from `column` on, kWidth of them
//   bool has(uint j), sees(uint row, uint j);  that any row, that this row sees it
#extension GL_EXT_control_flow_attributes : require

layout(constant_id = 0) const uint kRows = 16;  // 4, 8 or 16
layout(constant_id = 1) const uint kWidth = 4;  // 1, 2 or 4

const uint kThreads = 128;
const uint kKeys = 32;
const uint kDims = 64;
const uint kLine = kDims / 4u + 1u;  // of a tile: one more, so that keys spread over banks
const uint kScoreLine = kKeys + 1u;
const uint kRowThreads = kThreads / kRows;   // that share a row's softmax
const uint kPartThreads = kRows / 4u * 16u;  // that have the same part of the dimensions
const uint kParts = kThreads / kPartThreads;
const uint kTogether = 4;                   // keys whose values are read together: their latencies overlap
layout(local_size_x = 128) in;

shared vec4 q_tile[kRows * kLine];
shared vec4 k_tile[kKeys * kLine];
shared float part_tile[kParts * kRows * kScoreLine];  // of scores
shared float score_tile[kRows * kScoreLine];
shared float weight_tile[kKeys * kRows];
shared float factor_tile[kRows];
shared float top_tile[kRows], sum_tile[kRows];  // the rows' states, at the end

uint attention_dims();
vec4 query4(uint row, uint d);
vec4 key4(uint j, uint d);
vec4 value4(uint j, uint column);
bool has(uint j);
bool sees(uint row, uint j);

vec4 load_float4(uint type, uint64_t row, uint i) {
  return vec4(load_float(type, row, i), load_float(type, row, i + 1u), load_float(type, row, i + 2u),
              load_float(type, row, i + 3u));
}

// A vector in two pieces: `split` values at `first`, the others, up to `size`, at `second`.
struct Joined {
  uint64_t first, second;
  uint split, size;
};

// Values i to i + 3 of it, zeros past the end; `types` of the pieces.
vec4 load_joined4(Joined vector, uvec2 types, uint i) {
  if (i + 4u <= vector.split) return load_float4(types.x, vector.first, i);
  if (i >= vector.split && i + 4u <= vector.size)
    return load_float4(types.y, vector.second, i - vector.split);
  vec4 values = vec4(0.0);
  for (uint j = 0u; j < 4u; ++j) {
    if (i + j < vector.split) {
      values[j] = load_float(types.x, vector.first, i + j);
    } else if (i + j < vector.size) {
      values[j] = load_float(types.y, vector.second, i + j - vector.split);
    }
  }
  return values;
}

// What a thread keeps from one block of keys to the next.
struct Attention {
  float top, sum;  // of its row, the same in all the row's threads
  float result[kRows * kWidth];
};

void begin_attention(out Attention attention) {
  attention.top = neg_inf();
  attention.sum = 0.0;
  for (uint i = 0u; i < kRows * kWidth; ++i) attention.result[i] = 0.0;
}

void load_tiles(uint first, uint dims) {
  const uint quads = kDims / 4u;
  [[dont_unroll]] for (uint i = gl_LocalInvocationIndex; i < kRows * quads; i += kThreads) {
    q_tile[i / quads * kLine + i % quads] = query4(i / quads, first + 4u * (i % quads));
  }
  [[dont_unroll]] for (uint i = gl_LocalInvocationIndex; i < kKeys * quads; i += kThreads) {
    const uint j = i / quads, d = first + 4u * (i % quads);
    k_tile[j * kLine + i % quads] = has(j) && d < dims ? key4(j, d) : vec4(0.0);
  }
}

void score_keys(float scale) {
  const uint part = gl_LocalInvocationIndex / kPartThreads, mine = gl_LocalInvocationIndex % kPartThreads;
  const uint key = mine % 16u, row = mine / 16u * 4u, dims = attention_dims();
  vec4 low = vec4(0.0), high = vec4(0.0);  // of keys `key` and key + 16, for four rows
  for (uint first = 0u; first < dims; first += kDims) {
    barrier();
    load_tiles(first, dims);
    barrier();
    const uint count = min(kDims / 4u, (dims - first + 3u) / 4u);
    for (uint i = part; i < count; i += kParts) {
      const vec4 k = k_tile[key * kLine + i], l = k_tile[(key + 16u) * kLine + i];
      for (uint r = 0u; r < 4u; ++r) {
        const vec4 q = q_tile[(row + r) * kLine + i];
        low[r] = fma(q.w, k.w, fma(q.z, k.z, fma(q.y, k.y, fma(q.x, k.x, low[r]))));
        high[r] = fma(q.w, l.w, fma(q.z, l.z, fma(q.y, l.y, fma(q.x, l.x, high[r]))));
      }
    }
  }
  for (uint r = 0u; r < 4u; ++r) {
    part_tile[(part * kRows + row + r) * kScoreLine + key] = low[r];
    part_tile[(part * kRows + row + r) * kScoreLine + key + 16u] = high[r];
  }
  barrier();
  [[dont_unroll]] for (uint i = gl_LocalInvocationIndex; i < kRows * kKeys; i += kThreads) {
    const uint at = i / kKeys * kScoreLine + i % kKeys;
    float dot = 0.0;
    for (uint p = 0u; p < kParts; ++p) dot += part_tile[p * kRows * kScoreLine + at];
    score_tile[at] = sees(i / kKeys, i % kKeys) ? dot * scale : neg_inf();
  }
  barrier();
}

// From scores to weights.
void weigh_keys(inout Attention attention) {
  const uint row = gl_LocalInvocationIndex / kRowThreads, part = gl_LocalInvocationIndex % kRowThreads;
  float top = attention.top;
  [[dont_unroll]] for (uint j = 0u; j < kKeys; ++j) {
    const float score = score_tile[row * kScoreLine + j];
    if (!is_nan_bits(floatBitsToUint(score)) && score > top) top = score;
  }
  const float reference = is_neg_inf(top) ? 0.0 : top;
  [[dont_unroll]] for (uint j = part; j < kKeys; j += kRowThreads) {
    const float score = score_tile[row * kScoreLine + j];
    weight_tile[j * kRows + row] = is_neg_inf(score) ? 0.0 : exp(score - reference);
  }
  const float factor = rescale_factor(attention.top, top);
  if (part == 0u) factor_tile[row] = factor;
  barrier();
  float sum = 0.0;
  [[dont_unroll]] for (uint j = 0u; j < kKeys; ++j) sum += weight_tile[j * kRows + row];
  attention.sum = fma(attention.sum, factor, sum);
  attention.top = top;
}

void add_values(uint column, inout Attention attention) {
  for (uint r = 0u; r < kRows; ++r) {
    for (uint i = 0u; i < kWidth; ++i) attention.result[r * kWidth + i] *= factor_tile[r];
  }
  [[dont_unroll]] for (uint first = 0u; first < kKeys; first += kTogether) {
    vec4 values[kTogether];
    for (uint j = 0u; j < kTogether; ++j) {
      values[j] = has(first + j) ? value4(first + j, column) : vec4(0.0);
    }
    for (uint j = 0u; j < kTogether; ++j) {
      for (uint r = 0u; r < kRows; ++r) {
        const float weight = weight_tile[(first + j) * kRows + r];
        for (uint i = 0u; i < kWidth; ++i) {
          attention.result[r * kWidth + i] = fma(weight, values[j][i], attention.result[r * kWidth + i]);
        }
      }
    }
  }
}

// Takes one block of keys in; the thread owns the columns from `column` on, if that is one of `columns`.
void attend(float scale, uint column, uint columns, inout Attention attention) {
  score_keys(scale);
  weigh_keys(attention);
  if (column < columns) add_values(column, attention);
}

// The rows' states, for all threads to read.
void share_states(Attention attention) {
  if (gl_LocalInvocationIndex % kRowThreads == 0u) {
    top_tile[gl_LocalInvocationIndex / kRowThreads] = attention.top;
    sum_tile[gl_LocalInvocationIndex / kRowThreads] = attention.sum;
  }
  barrier();
}
