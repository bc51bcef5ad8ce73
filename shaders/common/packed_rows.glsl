// A few tokens times FP8 weight rows in the layout row_scales: kLanes of a work group's 64 threads take four rows
// for all tokens, in turn chunks of 16 columns, so that the weight is read once, 16 bytes a load, and next to
// nothing else: bound by memory. Codes become f16 two at a time (some four instructions a code), products and
// sums are f32. A chunk lies in one group of 128, so its scale is applied to a sum of 16 products.
//
// The including shader has `width`, K, and `outputs`, the rows of the matrix, and defines what is declared here.
#include "shaders/common/e4m3_halves.glsl"
#extension GL_EXT_control_flow_attributes : require

layout(constant_id = 3) const uint kTokens = 8;  // at most 8
layout(constant_id = 5) const uint kLanes = 64;  // 16, 32 or 64

const uint kThreads = 64;
const uint kRows = 4;  // of kLanes threads
const uint kMaxTokens = 8;
const uint kChunk = 16;
const uint kLine = kThreads + 8u;  // of partial sums, so that they spread over banks
const uint kParts = 8;
layout(local_size_x = 64) in;

shared float partial[kRows * kTokens * kLine];
shared float parts[kRows * kTokens * kParts * (kThreads / kLanes)];

layout(buffer_reference, std430, buffer_reference_align = 8) buffer Pairs { uvec2 at[]; };

// Columns [4 word, 4 word + 4) of a token, in the order 0 2 1 3, zeros from `width` on; and the scale of the
// group that has them.
vec4 load_x_word(uint token, uint word);
float load_x_scale(uint token, uint group);
void store_result(uint token, uint at, float value);

// Of an operand of elements that are stored one by one.
vec4 load_word_of(uint type, uint64_t row, uint word) {
  vec4 values;
  [[unroll]] for (uint j = 0u; j < 4u; ++j)
    values[j] = 4u * word + j < width ? load_float(type, row, 4u * word + j) : 0.0;
  return values.xzyw;
}

// Of activations rounded to e4m3, in the form of rounded_group.glsl.
vec4 load_rounded_word(uint64_t row, uint word) {
  const uvec2 halves = Pairs(row).at[word];
  return vec4(unpackFloat2x16(halves.x), unpackFloat2x16(halves.y));
}

// The matrix: its first row, and from row to row.
struct PackedMatrix {
  uint64_t data, scales;
  uint64_t row_bytes;
  uint scale_stride;
};

// Rows of a work group.
uint rows_of_group() { return kRows * (kThreads / kLanes); }

// In the same order.
vec4 decode_word(uint codes) {
  return vec4(unpackFloat2x16(e4m3_pair(codes << 8)), unpackFloat2x16(e4m3_pair(codes)));
}

float sums[kRows * kTokens];
uint nans[kRows];  // not 0: a code of the row is NaN

void add_chunk(PackedMatrix w, uint first, uint chunk, uint count) {
  uvec4 codes[kRows];
  float scales[kRows], of_chunk[kRows * kTokens];
  [[unroll]] for (uint r = 0u; r < kRows; ++r) {
    const uint row = min(first + r, outputs - 1u);  // rows past the end are computed and not stored
    codes[r] = Vectors(w.data + row * w.row_bytes).at[chunk];
    scales[r] = Floats(w.scales + 4ul * uint64_t(row) * w.scale_stride).at[chunk * kChunk / 128u];
  }
  [[unroll]] for (uint i = 0u; i < kRows * kTokens; ++i) of_chunk[i] = 0.0;
  [[unroll]] for (uint j = 0u; j < 4u; ++j) {
    vec4 values[kRows];
    [[unroll]] for (uint r = 0u; r < kRows; ++r) {
      values[r] = decode_word(codes[r][j]);
      nans[r] |= e4m3_nans(codes[r][j]);
    }
    [[unroll]] for (uint t = 0u; t < kTokens; ++t) {
      if (t > 0u && t >= count) break;
      const vec4 x_values = load_x_word(t, 4u * chunk + j);
      [[unroll]] for (uint r = 0u; r < kRows; ++r) {
        [[unroll]] for (uint c = 0u; c < 4u; ++c)
          of_chunk[r * kTokens + t] = fma(x_values[c], values[r][c], of_chunk[r * kTokens + t]);
      }
    }
  }
  [[unroll]] for (uint t = 0u; t < kTokens; ++t) {
    if (t > 0u && t >= count) break;
    const float x_scale = load_x_scale(t, chunk * kChunk / 128u);
    [[unroll]] for (uint r = 0u; r < kRows; ++r)
      sums[r * kTokens + t] = fma(of_chunk[r * kTokens + t], scales[r] * x_scale, sums[r * kTokens + t]);
  }
}

// Tokens [0, count), 0 < count <= kTokens, times rows_of_group() rows from `first` on. All threads call it.
void multiply_packed_rows(PackedMatrix w, uint first, uint count) {
  const uint me = gl_LocalInvocationIndex, lane = me % kLanes, part = me / kLanes;
  [[unroll]] for (uint i = 0u; i < kRows * kTokens; ++i) sums[i] = 0.0;
  [[unroll]] for (uint r = 0u; r < kRows; ++r) nans[r] = 0u;
  for (uint chunk = lane; chunk * kChunk < width; chunk += kLanes)
    add_chunk(w, first + part * kRows, chunk, count);
  [[unroll]] for (uint r = 0u; r < kRows; ++r) {
    [[unroll]] for (uint t = 0u; t < kTokens; ++t) {
      if (t > 0u && t >= count) break;
      partial[(r * kTokens + t) * kLine + me] = nans[r] != 0u ? uintBitsToFloat(0x7fc00000u) : sums[r * kTokens + t];
    }
  }
  barrier();
  // Sums of kLanes, in two steps: an eighth of them each, then those.
  const uint results = kThreads / kLanes * kRows * kTokens;
  for (uint i = me; i < results * kParts; i += kThreads) {
    const uint result = i / kParts, line = result % (kRows * kTokens);
    if (line % kTokens >= count) continue;
    const uint from = line * kLine + result / (kRows * kTokens) * kLanes + i % kParts;
    float sum = 0.0;
    for (uint at = 0u; at < kLanes; at += kParts) sum += partial[from + at];
    parts[i] = sum;
  }
  barrier();
  for (uint result = me; result < results; result += kThreads) {
    const uint token = result % kTokens, row = first + result / kTokens;
    if (token >= count || row >= outputs) continue;
    float total = 0.0;
    for (uint i = 0u; i < kParts; ++i) total += parts[result * kParts + i];
    store_result(token, row, total);
  }
}
