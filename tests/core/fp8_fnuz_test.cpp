// e4m3fnuz: all 256 codes, all halfway cases, and weights re-encoded to it in the layout row_scales_fnuz.
#include "core/numeric/fp8_fnuz.h"

#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include <gtest/gtest.h>

#include "core/backend/row_scales_layout.h"
#include "core/graph/op_call.h"
#include "core/numeric/fp8.h"
#include "tests/harness/host_instance.h"

namespace tamis {
namespace {

using numeric::e4m3_to_float;
using numeric::e4m3_to_half_e4m3fnuz;
using numeric::e4m3fnuz_to_float;
using numeric::float_to_e4m3fnuz;
using numeric::kE4M3FnuzNan;

// By the definition, independent of the bit tricks under test.
double value_of(int code) {
  const int exponent = (code >> 3) & 15, mantissa = code & 7;
  const double magnitude =
      exponent == 0 ? std::ldexp(mantissa, -10) : std::ldexp(1.0 + mantissa / 8.0, exponent - 8);
  return (code & 0x80) != 0 ? -magnitude : magnitude;
}

TEST(Fp8Fnuz, DecodesAllCodes) {
  for (int code = 0; code < 256; ++code) {
    const float decoded = e4m3fnuz_to_float(static_cast<std::uint8_t>(code));
    if (code == 0x80) {
      EXPECT_TRUE(std::isnan(decoded));
      EXPECT_EQ(float_to_e4m3fnuz(decoded), 0x80);
    } else {
      EXPECT_EQ(decoded, value_of(code)) << code;
      EXPECT_EQ(float_to_e4m3fnuz(decoded), code) << code;
    }
  }
  EXPECT_EQ(e4m3fnuz_to_float(0x7f), numeric::kE4M3FnuzMax);
}

TEST(Fp8Fnuz, RoundsToNearestEvenBetweenAllNeighbours) {
  for (int code = 0; code < 0x7f; ++code) {
    const double middle = (value_of(code) + value_of(code + 1)) / 2;
    const int even = (code & 1) == 0 ? code : code + 1;
    EXPECT_EQ(float_to_e4m3fnuz(static_cast<float>(middle)), even) << code;
    EXPECT_EQ(float_to_e4m3fnuz(std::nextafter(static_cast<float>(middle), 0.0f)), code) << code;
    EXPECT_EQ(float_to_e4m3fnuz(std::nextafter(static_cast<float>(middle), 1e9f)), code + 1) << code;
    EXPECT_EQ(float_to_e4m3fnuz(static_cast<float>(-middle)), even == 0 ? 0 : even | 0x80) << code;
  }
}

TEST(Fp8Fnuz, SaturatesAndHasNoNegativeZero) {
  for (float big : {240.1f, 248.0f, 256.0f, 1e30f, std::numeric_limits<float>::infinity()}) {
    EXPECT_EQ(float_to_e4m3fnuz(big), 0x7f) << big;
    EXPECT_EQ(float_to_e4m3fnuz(-big), 0xff) << big;
  }
  EXPECT_EQ(float_to_e4m3fnuz(-0.0f), 0);
  EXPECT_EQ(float_to_e4m3fnuz(-1e-30f), 0);
  EXPECT_EQ(float_to_e4m3fnuz(std::nanf("")), 0x80);
  EXPECT_EQ(float_to_e4m3fnuz(-std::nanf("")), 0x80);
}

// Twice what the new code means is what the old one meant, for every code.
TEST(Fp8Fnuz, ReencodesAllCodesExactly) {
  for (int code = 0; code < 256; ++code) {
    const float stored = e4m3_to_float(static_cast<std::uint8_t>(code));
    const std::uint8_t reencoded = e4m3_to_half_e4m3fnuz(static_cast<std::uint8_t>(code));
    if (std::isnan(stored)) {
      EXPECT_EQ(reencoded, kE4M3FnuzNan) << code;
    } else {
      EXPECT_EQ(e4m3fnuz_to_float(reencoded) * 2.0f, stored) << code;
      EXPECT_EQ(reencoded, code == 0x80 ? 0 : code) << code;
    }
  }
}

// A weight of 3 rows and 256 columns, every code once a row, cut into pieces of 2 and 1 rows.
struct SampleWeight {
  static constexpr std::int64_t kRows = 3, kCols = 256, kGroups = 2;
  harness::HostBuffer codes{kRows * kCols}, scales{kGroups * 4};
  std::array<WeightPiece, 2> pieces;
  Weight weight;

  explicit SampleWeight(std::array<float, kGroups> scale) {
    for (int i = 0; i < kRows * kCols; ++i) codes.host()[i] = static_cast<std::byte>(i * 3 % 256);
    std::memcpy(scales.host(), scale.data(), sizeof(scale));
    std::int64_t row = 0;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      WeightPiece& piece = pieces[i];
      piece = {.buffer = &codes, .offset = row * kCols, .rows = i == 0 ? 2 : 1, .row_stride = kCols};
      piece.scale_buffer = &scales;
      piece.scale_stride = kGroups;
      piece.first_row = row;
      row += piece.rows;
    }
    weight.desc = TensorDesc(DType::kE4M3, {kRows, kCols});
    weight.pieces = pieces;
  }
};

TEST(Fp8Fnuz, LayoutHoldsTheSameValues) {
  const std::array<float, 2> scale = {0.75f, 1e-40f};  // doubled exactly, though subnormal
  SampleWeight sample(scale);
  const RowScalesShape shape = row_scales_shape(sample.weight.desc);
  std::vector<std::byte> packed(static_cast<std::size_t>(shape.bytes()));
  const Status status = pack_row_scales(sample.weight, {kRowScalesFnuzLayout, shape.bytes()}, packed);
  ASSERT_TRUE(status.ok()) << status.message();
  for (std::int64_t row = 0; row < SampleWeight::kRows; ++row) {
    for (std::int64_t col = 0; col < SampleWeight::kCols; ++col) {
      const std::int64_t group = row * shape.groups + col / 128;
      float doubled;
      std::memcpy(&doubled, packed.data() + shape.scales_offset() + group * 4, 4);
      const auto stored = static_cast<std::uint8_t>(sample.codes.host()[row * SampleWeight::kCols + col]);
      const auto code =
          static_cast<std::uint8_t>(packed[static_cast<std::size_t>(row * shape.row_bytes + col)]);
      const double expected = static_cast<double>(e4m3_to_float(stored)) *
                              static_cast<double>(scale[static_cast<std::size_t>(col / 128)]);
      const double found = static_cast<double>(e4m3fnuz_to_float(code)) * static_cast<double>(doubled);
      if (std::isnan(expected)) {
        EXPECT_TRUE(std::isnan(found)) << row << ", " << col;
      } else {
        EXPECT_EQ(found, expected) << row << ", " << col;
      }
    }
  }
}

TEST(Fp8Fnuz, LayoutRefusesAScaleThatCannotBeDoubled) {
  SampleWeight sample({1.0f, 2e38f});
  const RowScalesShape shape = row_scales_shape(sample.weight.desc);
  std::vector<std::byte> packed(static_cast<std::size_t>(shape.bytes()));
  const Status status = pack_row_scales(sample.weight, {kRowScalesFnuzLayout, shape.bytes()}, packed);
  EXPECT_EQ(status.code(), StatusCode::kUnsupported);
  EXPECT_NE(status.message().find("row 0, columns from 128: scale 2e+38"), std::string::npos)
      << status.message();
}

}  // namespace
}  // namespace tamis
