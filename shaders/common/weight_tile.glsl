// w_tile of product_tile.glsl from rows that may lie in several pieces: the rows of a tile are looked up once,
// by a thread each. Include after product_tile.glsl and weight_rows.glsl, with kWType defined.
shared WeightRow w_rows[32];

// Row `first` + i of the weight as w_rows[i]; those from `end` on stay undefined. All threads call it.
void find_w_rows(Weight weight, uint piece_count, uint first, uint end) {
  const uint me = gl_LocalInvocationIndex;
  if (me < 32u && first + me < end) w_rows[me] = find_weight_row(weight, piece_count, first + me);
  barrier();
}

// Where element (row, column) of a tile of the weight lies in w_tile. As stored [N, K] its rows are outputs,
// as [K, N] (`transposed`) they are columns of the product.
uint w_tile_place(uint row, uint column, bool transposed) {
  return transposed ? row * kLine + column : column * kLine + row;
}

// Columns [first, first + 32) of w_rows[0 .. rows); zeros beyond `rows` and from `columns` on.
void load_w_rows(uint rows, uint first, uint columns, bool transposed) {
  if (kPacked == 0u) {
    for (uint i = gl_LocalInvocationIndex; i < 32u * 32u; i += kThreads) {
      const uint row = i / 32u, at = first + i % 32u;
      w_tile[w_tile_place(row, i % 32u, transposed)] =
          row < rows && at < columns ? load_weight(kWType, w_rows[row], at) : 0.0;
    }
    return;
  }
  for (uint i = gl_LocalInvocationIndex; i < 32u * 8u; i += kThreads) {
    const uint row = i / 8u, at = first + i % 8u * 4u;
    uint codes = 0u;
    float scale = 0.0;
    // Rows are padded to 16 codes with zeros, so a word that starts inside the columns is all there.
    if (row < rows && at < columns) {
      codes = Words(w_rows[row].data + at).at[0];
      scale = Floats(w_rows[row].scales).at[at / 128u];
    }
    for (uint j = 0u; j < 4u; ++j) {
      w_tile[w_tile_place(row, i % 8u * 4u + j, transposed)] =
          e4m3_to_float((codes >> (8u * j)) & 255u) * scale;
    }
  }
}
