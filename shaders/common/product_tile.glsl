// A tile of y by a work group of 64 threads: kTileTokens x 32 outputs, each thread kTileTokens / 8 x 4 of
// them. Columns pass through shared memory 32 at a time (tiles of 8.3 and 4.2 KB), so a weight is read
// tokens / kTileTokens times and an activation N / 32 times; 2 T N K FLOPs against that: bound by memory below
// some tens of tokens, by arithmetic above. Each output is one chain of fused multiply-adds in the order of the
// columns, so it does not depend on its neighbours.
//
// The including shader has `tokens` and `outputs`, where the product ends, and `width`, K, and defines what is
// declared here.
#extension GL_EXT_control_flow_attributes : require

layout(constant_id = 3) const uint kTileTokens = 32;  // 8, 32 or 64

const uint kThreads = 64;
const uint kTileOutputs = 32;
const uint kTileColumns = 32;
const uint kLine = 33;  // of a tile in shared memory: one more than its 32, so that columns spread over banks
const uint kTokenLine = 65;
layout(local_size_x = 64) in;

shared float x_tile[kTileColumns * kTokenLine];  // [column][token]
shared float w_tile[kTileColumns * kLine];  // [column][output]

// Element of a token below `tokens` and a column below `width`.
float load_x(uint token, uint column);
// Fills w_tile, with zeros beyond the product. Called by all threads.
void load_w_tile(uint first_output, uint column);
// Of a token below `tokens` and an output below `outputs`.
void store_y(uint token, uint at, float value);

void load_x_tile(uint first_token, uint column) {
  for (uint i = gl_LocalInvocationIndex; i < kTileTokens * kTileColumns; i += kThreads) {
    const uint token = first_token + i / kTileColumns, at = column + i % kTileColumns;
    x_tile[i % kTileColumns * kTokenLine + i / kTileColumns] =
        token < tokens && at < width ? load_x(token, at) : 0.0;
  }
}

void compute_tile(uint first_token, uint first_output) {
  const uint my_output = gl_LocalInvocationIndex % 8u, my_token = gl_LocalInvocationIndex / 8u;
  float sums[8][4];
  for (uint i = 0u; i < 8u; ++i) {
    for (uint j = 0u; j < 4u; ++j) sums[i][j] = 0.0;
  }
  for (uint column = 0u; column < width; column += kTileColumns) {
    barrier();
    load_x_tile(first_token, column);
    load_w_tile(first_output, column);
    barrier();
    // Eight columns unrolled: all 32 take a driver's compiler twice the time and run no faster.
    [[dont_unroll]] for (uint first = 0u; first < kTileColumns; first += 8u) {
      for (uint c = first; c < first + 8u; ++c) {
        float b[4];
        for (uint j = 0u; j < 4u; ++j) b[j] = w_tile[c * kLine + my_output + 8u * j];
        for (uint i = 0u; i < kTileTokens / 8u; ++i) {
          const float a = x_tile[c * kTokenLine + my_token + 8u * i];
          for (uint j = 0u; j < 4u; ++j) sums[i][j] = fma(a, b[j], sums[i][j]);
        }
      }
    }
  }
  for (uint i = 0u; i < kTileTokens / 8u; ++i) {
    const uint token = first_token + my_token + 8u * i;
    for (uint j = 0u; j < 4u; ++j) {
      const uint at = first_output + my_output + 8u * j;
      if (token < tokens && at < outputs) store_y(token, at, sums[i][j]);
    }
  }
}
