// 64 columns of a row as two vectors of bf16, the even and the odd columns: the order of AMX's operands here
// (stripe.h). For files that are compiled for AVX-512 with VBMI and GFNI.
//
// e4m3 to bf16 by arithmetic on bits: the bf16 of a normal code is its sign and (code & 0x7f) * 16 + 0x3c00,
// of which the high and the low byte are affine in the code's bits (gf2p8affineqb). Subnormals, zero and NaN
// come by look-up in 64 bytes. 14 vector instructions for 64 codes, of which 3 permute; look-up of all codes
// in 128 bytes (e4m3_words.h) takes 8 permutes of two to three operations each on Intel.
#pragma once

#include <immintrin.h>

#include "backends/cpu/kernels/product/e4m3_words.h"

namespace tamis::cpu {

// Byte 7 - i of a matrix of gf2p8affineqb makes bit i of the result, from the bits of the code in it.
constexpr long long kHighByte = 0x1020404040404080;  // e1, e2, not e3 four times (0x3c turns them), e3, sign
constexpr long long kLowByte = 0x0000000001020408;   // mantissa, e0

// Codes 0 to 7 and, by its low six bits, NaN.
struct SpecialBytes {
  alignas(64) std::uint8_t low[64] = {}, high[64] = {};
};
constexpr SpecialBytes special_bytes() {
  SpecialBytes bytes{};
  const e4m3_words::Words words = e4m3_words::all_words();
  for (int code = 0; code < 8; ++code) {
    bytes.low[code] = static_cast<std::uint8_t>(words.at[code] & 0xff);
    bytes.high[code] = static_cast<std::uint8_t>(words.at[code] >> 8);
  }
  bytes.low[63] = words.at[127] & 0xff;
  bytes.high[63] = words.at[127] >> 8;
  return bytes;
}
constexpr SpecialBytes kSpecial = special_bytes();

// 32 bf16 of the even and of the odd bytes of 64 codes.
struct Parities {
  __m512i even, odd;
};

static inline __attribute__((always_inline)) Parities widen_codes(__m512i codes,
                                                                  const SpecialBytes& bytes = kSpecial) {
  const __m512i twice = _mm512_add_epi8(_mm512_add_epi8(codes, codes), _mm512_set1_epi8(2));
  const __mmask64 special = _mm512_cmplt_epu8_mask(twice, _mm512_set1_epi8(0x12));
  __m512i high = _mm512_gf2p8affine_epi64_epi8(codes, _mm512_set1_epi64(kHighByte), 0x3c);
  __m512i low = _mm512_gf2p8affine_epi64_epi8(codes, _mm512_set1_epi64(kLowByte), 0);
  high = _mm512_mask_permutexvar_epi8(high, special, codes, _mm512_load_si512(bytes.high));
  low = _mm512_mask_permutexvar_epi8(low, special, codes, _mm512_load_si512(bytes.low));
  high = _mm512_ternarylogic_epi32(high, codes, _mm512_set1_epi8(-128), 0xf8);  // the sign of looked-up ones
  const __m512i first = _mm512_set1_epi16(0x00ff);
  // first ? low : high, of bytes moved to their words.
  return {_mm512_ternarylogic_epi32(first, low, _mm512_slli_epi16(high, 8), 0xca),
          _mm512_ternarylogic_epi32(first, _mm512_srli_epi16(low, 8), high, 0xca)};
}

// For codes times 2^exponent: adding `add` to every word then multiplies all but zeros and NaN, which these
// bytes give as what becomes zero and NaN.
struct ScaledBytes {
  SpecialBytes bytes;
  std::uint16_t add;
};
static inline ScaledBytes scaled_bytes(int exponent) {
  const auto add = static_cast<std::uint16_t>(exponent * 128);
  ScaledBytes scaled{kSpecial, add};
  const auto zero = static_cast<std::uint16_t>(-add), nan = static_cast<std::uint16_t>(0x7fc0 - add);
  scaled.bytes.low[0] = zero & 0xff, scaled.bytes.high[0] = static_cast<std::uint8_t>(zero >> 8);
  scaled.bytes.low[63] = nan & 0xff, scaled.bytes.high[63] = static_cast<std::uint8_t>(nan >> 8);
  return scaled;
}
static inline __attribute__((always_inline)) Parities widen_scaled_codes(__m512i codes,
                                                                         const ScaledBytes& scaled) {
  const Parities words = widen_codes(codes, scaled.bytes);
  const __m512i by = _mm512_set1_epi16(static_cast<short>(scaled.add));
  return {_mm512_add_epi16(words.even, by), _mm512_add_epi16(words.odd, by)};
}

struct WordOrder {
  alignas(64) std::uint16_t at[32];
};
constexpr WordOrder every_other(int first) {
  WordOrder order{};
  for (int i = 0; i < 32; ++i) order.at[i] = static_cast<std::uint16_t>(2 * i + first);
  return order;
}
constexpr WordOrder kEvenWords = every_other(0), kOddWords = every_other(1);

static inline __attribute__((always_inline)) Parities split_words(__m512i low, __m512i high) {
  return {_mm512_permutex2var_epi16(low, _mm512_load_si512(kEvenWords.at), high),
          _mm512_permutex2var_epi16(low, _mm512_load_si512(kOddWords.at), high)};
}

}  // namespace tamis::cpu
