// Memory by address, element types, and their conversions. Values are rounded with integers, so neither the
// rounding mode nor flushed subnormals of a device change a bit. Element types are numbered as tamis::DType.
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_EXT_shader_8bit_storage : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_buffer_reference : require

const uint kF32 = 0;
const uint kBF16 = 1;
const uint kF16 = 2;
const uint kE4M3 = 3;

layout(buffer_reference, std430, buffer_reference_align = 1) buffer Bytes { uint8_t at[]; };
layout(buffer_reference, std430, buffer_reference_align = 2) buffer Halves { uint16_t at[]; };
layout(buffer_reference, std430, buffer_reference_align = 4) buffer Words { uint at[]; };
layout(buffer_reference, std430, buffer_reference_align = 4) buffer Ints { int at[]; };
layout(buffer_reference, std430, buffer_reference_align = 4) buffer Floats { float at[]; };
layout(buffer_reference, std430, buffer_reference_align = 16) buffer Vectors { uvec4 at[]; };

// Work groups are dispatched in two dimensions, because one may be limited to 65535; the last line of groups
// may reach beyond the work.
uint group_index() { return gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x; }

bool is_nan_bits(uint bits) { return (bits & 0x7fffffffu) > 0x7f800000u; }

// `mantissa` / 2^shift, to nearest even; mantissa < 2^24, shift >= 1.
uint round_shift(uint mantissa, uint shift) {
  if (shift > 25u) return 0u;
  return (mantissa + (1u << (shift - 1u)) - 1u + ((mantissa >> shift) & 1u)) >> shift;
}

// The mantissa of f32 bits with its leading one.
uint full_mantissa(uint bits) { return (bits & 0x7fffffu) | ((bits & 0x7f800000u) != 0u ? 0x800000u : 0u); }

uint f16_to_bits(uint code) {
  const uint sign = (code & 0x8000u) << 16, exponent = (code >> 10) & 0x1fu, mantissa = code & 0x3ffu;
  if (exponent == 0x1fu) return sign | 0x7f800000u | (mantissa << 13);
  if (exponent != 0u) return sign | ((exponent + 112u) << 23) | (mantissa << 13);
  return sign | floatBitsToUint(float(mantissa) * 5.9604644775390625e-8);  // 2^-24
}

uint bits_to_bf16(uint bits) {
  if (is_nan_bits(bits)) return (bits >> 16) | 0x40u;
  return (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
}

uint bits_to_f16(uint bits) {
  const uint sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return sign | 0x7e00u;
  if (magnitude >= 0x477ff000u) return sign | 0x7c00u;  // 65520 rounds to infinity
  if (magnitude < 0x38800000u)                          // below 2^-14: in units of 2^-24
    return sign | round_shift(full_mantissa(magnitude), 126u - (magnitude >> 23));
  return sign | ((magnitude + 0xfffu + ((magnitude >> 13) & 1u) - 0x38000000u) >> 13);
}

// Element i of a row as f32 bits; `type` is f32, bf16 or f16.
uint load_bits(uint type, uint64_t row, uint i) {
  if (type == kF32) return Words(row).at[i];
  const uint code = uint(Halves(row).at[i]);
  return type == kBF16 ? code << 16 : f16_to_bits(code);
}
float load_float(uint type, uint64_t row, uint i) { return uintBitsToFloat(load_bits(type, row, i)); }

// Rounds once.
void store_bits(uint type, uint64_t row, uint i, uint bits) {
  if (type == kF32) {
    Words(row).at[i] = bits;
  } else {
    Halves(row).at[i] = uint16_t(type == kBF16 ? bits_to_bf16(bits) : bits_to_f16(bits));
  }
}
void store_float(uint type, uint64_t row, uint i, float value) {
  store_bits(type, row, i, floatBitsToUint(value));
}
