// Element i of a row of f32, bf16, f16 or e4m3. Include after shaders/common/fp8.glsl.
float load_any(uint type, uint64_t row, uint i) {
  return type == kE4M3 ? e4m3_to_float(uint(Bytes(row).at[i])) : load_float(type, row, i);
}
