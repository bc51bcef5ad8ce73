// A few tokens times FP8 weight rows in the layout row_scales: a work group of 64 threads takes four rows for
// all tokens, its threads the chunks of 16 columns in turn, so that the weight is read once, 16 bytes a load,
// and next to nothing else: bound by memory. A chunk lies in one group of 128, so its scale is applied to a sum
// of 16 products.
//
// The including shader has `width`, K, and `outputs`, the rows of the matrix, and defines what is declared here.
layout(constant_id = 3) const uint kTokens = 8;  // at most 8

const uint kThreads = 64;
const uint kRows = 4;
const uint kMaxTokens = 8;
const uint kChunk = 16;
layout(local_size_x = 64) in;

shared float partial[kRows * kMaxTokens * kThreads];

// Columns [16 chunk, 16 chunk + 16) of a token, zeros from `width` on.
void load_x_chunk(uint token, uint chunk, out float values[kChunk]);
void store_result(uint token, uint at, float value);

// The 16 values of a chunk, without the scale.
void decode_chunk(uvec4 codes, out float values[kChunk]) {
  for (uint j = 0u; j < kChunk; ++j) {
    values[j] = e4m3_to_float((codes[j / 4u] >> (8u * (j % 4u))) & 255u);
  }
}

// As of an operand of elements that are stored one by one.
void load_chunk_of(uint type, uint64_t row, uint chunk, out float values[kChunk]) {
  for (uint j = 0u; j < kChunk; ++j) {
    const uint column = chunk * kChunk + j;
    values[j] = column < width ? load_float(type, row, column) : 0.0;
  }
}

// As of activations in the form row_scales. Their padding may hold anything.
void load_packed_chunk(uint64_t row, uint64_t scales, uint chunk, out float values[kChunk]) {
  decode_chunk(Vectors(row).at[chunk], values);
  const float scale = Floats(scales).at[chunk * kChunk / 128u];
  for (uint j = 0u; j < kChunk; ++j) values[j] = chunk * kChunk + j < width ? values[j] * scale : 0.0;
}

// The matrix: its first row, and from row to row.
struct PackedMatrix {
  uint64_t data, scales;
  uint64_t row_bytes;
  uint scale_stride;
};

void add_chunk(PackedMatrix w, uint first, uint chunk, uint count, inout float sums[kRows][kMaxTokens]) {
  float values[kRows][kChunk];
  float scales[kRows];
  for (uint r = 0u; r < kRows; ++r) {
    const uint row = min(first + r, outputs - 1u);  // rows past the end are computed and not stored
    decode_chunk(Vectors(w.data + row * w.row_bytes).at[chunk], values[r]);
    scales[r] = Floats(w.scales + 4ul * uint64_t(row) * w.scale_stride).at[chunk * kChunk / 128u];
  }
  for (uint t = 0u; t < kTokens; ++t) {
    if (t >= count) break;
    float x_values[kChunk];
    load_x_chunk(t, chunk, x_values);
    for (uint r = 0u; r < kRows; ++r) {
      float sum = 0.0;
      for (uint j = 0u; j < kChunk; ++j) sum = fma(x_values[j], values[r][j], sum);
      sums[r][t] = fma(sum, scales[r], sums[r][t]);
    }
  }
}

// Tokens [0, count), count <= kTokens, times rows [first, first + 4). All threads call it.
void multiply_packed_rows(PackedMatrix w, uint first, uint count) {
  const uint me = gl_LocalInvocationIndex;
  float sums[kRows][kMaxTokens];
  for (uint r = 0u; r < kRows; ++r) {
    for (uint t = 0u; t < kMaxTokens; ++t) sums[r][t] = 0.0;
  }
  for (uint chunk = me; chunk * kChunk < width; chunk += kThreads) add_chunk(w, first, chunk, count, sums);
  for (uint r = 0u; r < kRows; ++r) {
    for (uint t = 0u; t < kTokens; ++t) partial[(r * kTokens + t) * kThreads + me] = sums[r][t];
  }
  barrier();
  const uint token = me % kTokens, row = first + me / kTokens;
  if (me >= kRows * kTokens || token >= count || row >= outputs) return;
  float total = 0.0;
  for (uint i = 0u; i < kThreads; ++i) total += partial[me * kThreads + (i + me) % kThreads];
  store_result(token, row, total);
}
