// Online-softmax attention of a work group of 128 threads: kRows query rows over 32 keys at a time. The
// scores are a matrix product in shared memory, 64 dimensions at a time, so any width fits: a thread takes
// one key and kRows / 4 rows. Then it owns kWidth neighbouring columns of the output of all rows, and reads
// the values straight into registers, each value once. 17 KB of shared memory with 16 rows.
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
const uint kEach = kRows / 4u;               // rows of a thread's scores
const uint kRowThreads = kThreads / kRows;  // that share a row's softmax
const uint kTogether = 4;                   // keys whose values are read together: their latencies overlap
layout(local_size_x = 128) in;

shared vec4 q_tile[kRows * kLine];
shared vec4 k_tile[kKeys * kLine];
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

void score_keys(float scale) {
  const uint me = gl_LocalInvocationIndex, key = me % kKeys, first_row = me / kKeys * kEach;
  const uint quads = kDims / 4u, dims = attention_dims();
  float dots[kEach];
  for (uint r = 0u; r < kEach; ++r) dots[r] = 0.0;
  for (uint first = 0u; first < dims; first += kDims) {
    barrier();
    [[dont_unroll]] for (uint i = me; i < kRows * quads; i += kThreads) {
      q_tile[i / quads * kLine + i % quads] = query4(i / quads, first + 4u * (i % quads));
    }
    [[dont_unroll]] for (uint i = me; i < kKeys * quads; i += kThreads) {
      const uint j = i / quads, d = first + 4u * (i % quads);
      k_tile[j * kLine + i % quads] = has(j) && d < dims ? key4(j, d) : vec4(0.0);
    }
    barrier();
    const uint count = min(quads, (dims - first + 3u) / 4u);
    for (uint i = 0u; i < count; ++i) {
      const vec4 k = k_tile[key * kLine + i];
      for (uint r = 0u; r < kEach; ++r) {
        const vec4 q = q_tile[(first_row + r) * kLine + i];
        dots[r] = fma(q.w, k.w, fma(q.z, k.z, fma(q.y, k.y, fma(q.x, k.x, dots[r]))));
      }
    }
  }
  for (uint r = 0u; r < kEach; ++r) {
    score_tile[(first_row + r) * kScoreLine + key] = sees(first_row + r, key) ? dots[r] * scale : neg_inf();
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
