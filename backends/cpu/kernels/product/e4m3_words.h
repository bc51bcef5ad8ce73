// e4m3 to bf16 by look-up: the low seven bits of a code choose the high and the low byte of the bf16 from two
// tables of 128 bytes (vpermi2b), NaN and subnormals included; the sign is or'ed in. For files that are
// compiled for AVX-512 with VBMI.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace tamis::cpu::e4m3_words {

// bf16 of the non-negative codes.
struct Words {
  alignas(64) std::uint16_t at[128];
};
constexpr Words all_words() {
  Words words{};
  for (int code = 1; code < 128; ++code) {
    int exponent = code >> 3, mantissa = code & 7;
    if (exponent == 0) {  // a subnormal, 2^-6 m / 8: shifted until its leading bit is the implicit one
      for (exponent = 1; mantissa < 8; --exponent) mantissa *= 2;
      mantissa -= 8;
    }
    words.at[code] = static_cast<std::uint16_t>(((exponent + 120) << 7) | (mantissa << 4));
  }
  words.at[127] = 0x7fc0;  // NaN
  return words;
}
constexpr Words kWords = all_words();

// Operands of vpermi2b: which of 128 bytes come where.
struct ByteOrder {
  alignas(64) std::uint8_t at[64];
};
// bf16 from 64 low and 64 high bytes: 32 in order from `first`, or numbers first and first + 1 of each dword.
constexpr ByteOrder natural_order(int first) {
  ByteOrder order{};
  for (int i = 0; i < 32; ++i) {
    order.at[2 * i] = static_cast<std::uint8_t>(first + i);
    order.at[2 * i + 1] = static_cast<std::uint8_t>(64 + first + i);
  }
  return order;
}
constexpr ByteOrder pair_order(int first) {
  ByteOrder order{};
  for (int n = 0; n < 16; ++n) {
    for (int i = 0; i < 2; ++i) {
      order.at[4 * n + 2 * i] = static_cast<std::uint8_t>(4 * n + first + i);
      order.at[4 * n + 2 * i + 1] = static_cast<std::uint8_t>(64 + 4 * n + first + i);
    }
  }
  return order;
}
constexpr ByteOrder every_other(int first) {
  ByteOrder order{};
  for (int i = 0; i < 64; ++i) order.at[i] = static_cast<std::uint8_t>(2 * i + first);
  return order;
}
constexpr ByteOrder kFirstHalf = natural_order(0), kSecondHalf = natural_order(32);
constexpr ByteOrder kFirstPair = pair_order(0), kSecondPair = pair_order(2);
constexpr ByteOrder kEvenBytes = every_other(0), kOddBytes = every_other(1);

// The bf16 of the non-negative codes times a power of two, as two tables of bytes. Here: a type of the
// including file's anonymous namespace, which makes these functions its own.
template <class Here>
class Codes {
 public:
  explicit Codes(int exponent) {
    __m512i words[4];
    for (int i = 0; i < 4; ++i) {
      // Zero and NaN stay what they are.
      const __mmask32 normal = i == 0 ? ~1u : i == 3 ? ~(1u << 31) : ~0u;
      const __m512i one = _mm512_load_si512(kWords.at + 32 * i);
      words[i] =
          _mm512_mask_add_epi16(one, normal, one, _mm512_set1_epi16(static_cast<short>(exponent * 128)));
    }
    const __m512i even = _mm512_load_si512(kEvenBytes.at), odd = _mm512_load_si512(kOddBytes.at);
    low0_ = _mm512_permutex2var_epi8(words[0], even, words[1]);
    low1_ = _mm512_permutex2var_epi8(words[2], even, words[3]);
    high0_ = _mm512_permutex2var_epi8(words[0], odd, words[1]);
    high1_ = _mm512_permutex2var_epi8(words[2], odd, words[3]);
  }

  // The bytes of 64 bf16.
  __m512i low(__m512i codes) const { return _mm512_permutex2var_epi8(low0_, codes, low1_); }
  __m512i high(__m512i codes) const {
    const __m512i magnitude = _mm512_permutex2var_epi8(high0_, codes, high1_);
    // magnitude | (codes & 0x80)
    return _mm512_ternarylogic_epi32(magnitude, codes, _mm512_set1_epi8(-128), 0xf8);
  }

 private:
  __m512i high0_, high1_, low0_, low1_;
};

}  // namespace tamis::cpu::e4m3_words
