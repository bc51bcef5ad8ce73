// e4m3fnuz: all 256 codes, all halfway cases, and weights in the layout row_scales_fnuz, read in both
// dialects.
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

// As e4m3, and as e4m3fnuz with twice the scale; NaN, which checkpoints have not, is 480 in the latter.
TEST(Fp8Fnuz, LayoutHoldsTheSameValuesInBothDialects) {
  const std::array<float, 2> scale = {0.75f, 2e38f};  // the latter cannot be doubled
  SampleWeight sample(scale);
  const RowScalesShape shape = row_scales_shape(sample.weight.desc);
  std::vector<std::byte> packed(static_cast<std::size_t>(shape.bytes()));
  const Status status = pack_row_scales(sample.weight, {kRowScalesFnuzLayout, shape.bytes()}, packed);
  ASSERT_TRUE(status.ok()) << status.message();
  for (std::int64_t row = 0; row < SampleWeight::kRows; ++row) {
    for (std::int64_t col = 0; col < SampleWeight::kCols; ++col) {
      const auto group = static_cast<std::size_t>(col / 128);
      float found_scale;
      std::memcpy(&found_scale, packed.data() + shape.scales_offset() + (row * shape.groups + col / 128) * 4,
                  4);
      EXPECT_EQ(found_scale, scale[group]) << row << ", " << col;
      const auto stored = static_cast<std::uint8_t>(sample.codes.host()[row * SampleWeight::kCols + col]);
      const auto code =
          static_cast<std::uint8_t>(packed[static_cast<std::size_t>(row * shape.row_bytes + col)]);
      const float expected = e4m3_to_float(stored);
      if (std::isnan(expected)) {
        EXPECT_TRUE(std::isnan(e4m3_to_float(code))) << row << ", " << col;
        EXPECT_EQ(std::fabs(e4m3fnuz_to_float(code)) * 2.0f, 480.0f) << row << ", " << col;
      } else {
        EXPECT_EQ(e4m3_to_float(code), expected) << row << ", " << col;
        EXPECT_EQ(e4m3fnuz_to_float(code) * 2.0f, expected) << row << ", " << col;
      }
    }
  }
}

// Rows that read packed weights read both, and ask for one and the same on a device.
TEST(Fp8Fnuz, LayoutIsAskedForWhereItIsMultiplied) {
  SampleWeight sample({1.0f, 1.0f});
  sample.weight.packed = &sample.codes;  // none of its bytes is read
  Tensor tensor;
  tensor.desc = sample.weight.desc;
  const OpCall call{.operands = std::span(&tensor, 1)};
  DeviceInfo device;
  device.features = kMfmaBf16;
  for (const auto& [arch, layout] :
       {std::pair(0x90a, kRowScalesLayout), std::pair(0x942, kRowScalesFnuzLayout),
        std::pair(0x950, kRowScalesLayout)}) {
    device.arch = arch;
    EXPECT_STREQ(row_scales_layout(device, call, 0).name, layout);
    sample.weight.layout = layout;
    tensor.weight = &sample.weight;
    EXPECT_TRUE(accept_row_scales(tensor).accepted());
  }
  sample.weight.layout = "tiles";
  EXPECT_FALSE(accept_row_scales(tensor).accepted());
}

}  // namespace
}  // namespace tamis
