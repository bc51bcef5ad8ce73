// e4m3 codes to f16, exactly, two at a time: f16 has more of both, exponent and mantissa.
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require

// Of the codes in the upper bytes of either half, without their sign; NaN becomes 480. The exponent's bias is
// 7, that of f16 is 15. A code below 8 has no leading one and becomes 2^-7 + value / 2, which is the only
// case where twice that less 2^-6 is the lower of the two: the value, without a product with a subnormal
// number, which a device may flush.
f16vec2 e4m3_magnitudes(uint codes) {
  const f16vec2 biased = unpackFloat2x16(((codes >> 1) & 0x3f803f80u) + 0x20002000u);
  return min(biased, fma(biased, f16vec2(2.0hf), f16vec2(-0.015625hf)));
}

// With the sign: bits of two f16.
uint e4m3_pair(uint codes) { return packFloat2x16(e4m3_magnitudes(codes)) | (codes & 0x80008000u); }

// Not 0 where one of the four codes is NaN.
uint e4m3_nans(uint codes) { return ((codes & 0x7f7f7f7fu) + 0x01010101u) & 0x80808080u; }

// Of four codes, in their order.
uvec2 e4m3_word_to_halves(uint word) {
  const uint nans = e4m3_nans(word);
  // 480 is 0x5f80, so these bits make it NaN: 0x7f80.
  const uint even = e4m3_pair(word << 8) | (nans & 0x00800080u) * 0x40u;
  const uint odd = e4m3_pair(word) | (nans >> 8 & 0x00800080u) * 0x40u;
  return uvec2((even & 0xffffu) | odd << 16, even >> 16 | (odd & 0xffff0000u));
}
