// linear by tiles. The including shader defines: void load_w_tile(uint first_output, uint column).
#include "shaders/common/product_tile.glsl"

void store_y(uint token, uint at, float value) { store_float(kYType, y + token * y_stride, at, value); }

void main() {
  const uint across = (outputs + kTileOutputs - 1u) / kTileOutputs;
  const uint first_token = group_index() / across * kTileTokens;
  if (first_token < tokens) compute_tile(first_token, group_index() % across * kTileOutputs);
}
