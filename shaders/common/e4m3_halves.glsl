// e4m3 codes to f16, exactly, two at a time with integers: f16 has more of both, exponent and mantissa.
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require

// Of the codes in bytes 0 and 2.
uint e4m3_to_halves(uint codes) {
  const uint magnitude = codes & 0x007f007fu;
  const uint nan = (magnitude + 0x00010001u) & 0x00800080u;     // 0x80 where the magnitude is 0x7f
  const uint small = ~(magnitude + 0x00780078u) & 0x00800080u;  // where it is below 8: multiples of 2^-9
  // The exponent's bias is 7, that of f16 is 15. Small ones become 2^-6 + value, which is exact, as is the
  // difference: no product with a subnormal number, which a device may flush.
  const uint biased = (magnitude << 7) + 0x20002000u + (nan << 6) + (small << 3);
  const f16vec2 value = unpackFloat2x16(biased) - unpackFloat2x16((small >> 7) * 0x2400u);
  return packFloat2x16(value) | (codes & 0x00800080u) << 8;
}

// Of four codes, in their order.
uvec2 e4m3_word_to_halves(uint word) {
  const uint even = e4m3_to_halves(word), odd = e4m3_to_halves(word >> 8);
  return uvec2((even & 0xffffu) | odd << 16, even >> 16 | (odd & 0xffff0000u));
}
