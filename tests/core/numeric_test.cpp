// Exact conversions: every code of e4m3, bf16 and f16, halfway cases, saturation and NaN.
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "core/numeric/float16.h"
#include "core/numeric/fp8.h"
#include "core/numeric/philox.h"
#include "core/numeric/sortable_key.h"

namespace tamis::numeric {
namespace {

// e4m3 by its definition, independent of the bit tricks under test.
double e4m3_value(int code) {
  const int exponent = (code >> 3) & 15, mantissa = code & 7;
  const double magnitude =
      exponent == 0 ? std::ldexp(mantissa, -9) : std::ldexp(1.0 + mantissa / 8.0, exponent - 7);
  return (code & 0x80) != 0 ? -magnitude : magnitude;
}

TEST(Fp8, DecodesAllCodes) {
  for (int code = 0; code < 256; ++code) {
    const float decoded = e4m3_to_float(static_cast<std::uint8_t>(code));
    if ((code & 0x7f) == 0x7f) {
      EXPECT_TRUE(std::isnan(decoded)) << code;
    } else {
      EXPECT_EQ(decoded, e4m3_value(code)) << code;
      EXPECT_EQ(std::signbit(decoded), (code & 0x80) != 0) << code;
      EXPECT_EQ(float_to_e4m3(decoded), code) << code;
    }
  }
}

TEST(Fp8, RoundsToNearestEvenBetweenAllNeighbours) {
  for (int code = 0; code < 0x7e; ++code) {
    const double low = e4m3_value(code), high = e4m3_value(code + 1), middle = (low + high) / 2;
    const int even = (code & 1) == 0 ? code : code + 1;
    EXPECT_EQ(float_to_e4m3(static_cast<float>(middle)), even) << code;
    EXPECT_EQ(float_to_e4m3(std::nextafter(static_cast<float>(middle), 0.0f)), code) << code;
    EXPECT_EQ(float_to_e4m3(std::nextafter(static_cast<float>(middle), 1e9f)), code + 1) << code;
    EXPECT_EQ(float_to_e4m3(static_cast<float>(-middle)), even | 0x80) << code;
  }
}

TEST(Fp8, SaturatesAndKeepsNan) {
  for (float big : {448.1f, 464.0f, 465.0f, 1e30f, std::numeric_limits<float>::infinity()}) {
    EXPECT_EQ(float_to_e4m3(big), 0x7e) << big;
    EXPECT_EQ(float_to_e4m3(-big), 0xfe) << big;
  }
  EXPECT_EQ(float_to_e4m3(std::nanf("")) & 0x7f, 0x7f);
}

TEST(Fp8, ScaleGoldenValues) {
  const struct {
    float amax, scale;
  } rows[] = {{0.0f, 0x1p-22f}, {1e-4f, 0x1p-22f}, {0.5f, 0x1p-9f}, {1.0f, 0x1p-8f}, {3.0f, 0x1p-7f},
              {448.0f, 1.0f},   {448.1f, 2.0f},    {896.0f, 2.0f},  {1000.0f, 4.0f}};
  for (const auto& row : rows) EXPECT_EQ(activation_scale(row.amax, true), row.scale) << row.amax;
  EXPECT_EQ(activation_scale(1.0f, false), 1.0f / 448.0f);
  EXPECT_EQ(latent_scale(0.0f), 0x1p-13f);  // the floor of the packed cache is on the scale
  EXPECT_EQ(latent_scale(448.0f), 1.0f);
}

TEST(Float16, Bf16RoundTripsAndRounds) {
  for (int code = 0; code < 65536; ++code) {
    const float value = bf16_to_float(static_cast<std::uint16_t>(code));
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(bf16_to_float(float_to_bf16(value))));
    } else {
      EXPECT_EQ(float_to_bf16(value), code);
    }
  }
  EXPECT_EQ(float_to_bf16(bits_float(0x3f808000u)), 0x3f80);  // tie to even, down
  EXPECT_EQ(float_to_bf16(bits_float(0x3f818000u)), 0x3f82);  // tie to even, up
  EXPECT_EQ(float_to_bf16(std::numeric_limits<float>::max()), 0x7f80);
  EXPECT_TRUE(std::isnan(bf16_to_float(float_to_bf16(bits_float(0x7f800001u)))));
}

#ifndef __clang__  // clang 14 has no _Float16 for plain x86-64
TEST(Float16, F16MatchesTheCompilersConversion) {
  for (int code = 0; code < 65536; ++code) {
    const float value = f16_to_float(static_cast<std::uint16_t>(code));
    if (!std::isnan(value)) {
      EXPECT_EQ(float_to_f16(value), code);
      const float up = std::nextafter(value, 1e30f) + value * 0.0003f;
      const _Float16 expected = static_cast<_Float16>(up);
      std::uint16_t bits;
      __builtin_memcpy(&bits, &expected, 2);
      EXPECT_EQ(float_to_f16(up), bits) << up;
    }
  }
}
#endif

TEST(SortableKey, OrdersScores) {
  const float inf = std::numeric_limits<float>::infinity();
  const float ascending[] = {-inf, -3e38f, -1.0f, -1e-45f, 0.0f, 1e-45f, 1.0f, 3e38f, inf};
  for (std::size_t i = 0; i + 1 < std::size(ascending); ++i) {
    EXPECT_LT(sortable_key(ascending[i]), sortable_key(ascending[i + 1])) << ascending[i];
  }
  EXPECT_EQ(sortable_key(-0.0f), sortable_key(0.0f));
  EXPECT_LT(sortable_key(std::nanf("")), sortable_key(-inf));
  EXPECT_EQ(sortable_key(-std::nanf("")), sortable_key(std::nanf("")));
  EXPECT_GT(sortable_key(1.0f, 3), sortable_key(1.0f, 4));  // the lower index wins a tie
}

// Known-answer vectors of the Random123 distribution (kat_vectors, philox4x32-10).
TEST(Philox, KnownAnswers) {
  const Philox4 zero = philox4x32_10(0, 0, 0);
  EXPECT_EQ(zero.v[0], 0x6627e8d5u);
  EXPECT_EQ(zero.v[1], 0xe169c58du);
  EXPECT_EQ(zero.v[2], 0xbc57ac4cu);
  EXPECT_EQ(zero.v[3], 0x9b00dbd8u);
  const Philox4 ones = philox4x32_10(~0ull, ~0ull, ~0ull);
  EXPECT_EQ(ones.v[0], 0x408f276du);
  EXPECT_EQ(ones.v[1], 0x41c83b0eu);
  EXPECT_EQ(ones.v[2], 0xa20bc7c6u);
  EXPECT_EQ(ones.v[3], 0x6d5451fdu);
}

}  // namespace
}  // namespace tamis::numeric
