// f32 bits rounded once to an activation type, and back. Include after shaders/common/types.glsl.
uint round_bits(uint type, uint bits) {
  if (type == kF32) return bits;
  return type == kBF16 ? bits_to_bf16(bits) << 16 : f16_to_bits(bits_to_f16(bits));
}
