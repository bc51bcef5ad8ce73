// The weight layout "row_scales" of an FP8 weight: all its rows one after the other whatever pieces and scale
// blocks they came from, so that a kernel needs two addresses instead of a list of pieces.
//
//   codes   [rows, row_bytes] e4m3, row_bytes = cols rounded up to 16, the padding zero
//   scales  [rows, groups] f32, groups = ceil(cols / 128): the multiplier of columns [128 g, 128 g + 128)
//
// rows = N, or E * N of a stacked weight. Same bits as stored: 1 + 4/128 bytes an element against 1 + 4/16384
// (3.1 % more, within the 5 % that a layout may cost).
//
// "row_scales_fnuz" is the same for matrix instructions that read e4m3fnuz (gfx942), but that -0 is 0: then a
// code means half as much in e4m3fnuz as in e4m3, whatever code it is (core/numeric/fp8_fnuz.h), and NaN,
// half of 480. Scales are as stored; who multiplies codes as e4m3fnuz doubles them. So whoever reads
// row_scales takes this, too, and rows for few tokens share the weight with those on matrix instructions.
#pragma once

#include <cstdint>
#include <span>

#include "core/backend/kernel_table.h"

namespace tamis {

inline constexpr const char* kRowScalesLayout = "row_scales";
inline constexpr const char* kRowScalesFnuzLayout = "row_scales_fnuz";

struct RowScalesShape {
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t row_bytes = 0;
  std::int64_t groups = 0;

  std::int64_t scales_offset() const { return rows * row_bytes; }  // bytes; a multiple of 16
  std::int64_t bytes() const { return scales_offset() + 4 * rows * groups; }
};
RowScalesShape row_scales_shape(const TensorDesc& weight);

// Whether the device's matrix instructions take FP8 as e4m3fnuz: gfx942's.
bool multiplies_e4m3fnuz(const DeviceInfo& device);

// Why a row that reads either layout does not take the weight: it is not e4m3, is packed otherwise, starts
// inside a scale block (its groups would not line up), or would grow beyond 5 %. A weight that is not loaded
// yet is taken.
Reason accept_row_scales(const Tensor& weight);

// KernelRow::weight_layout of a row whose e4m3 weights (operands of rank >= 2) are all in one of them:
// row_scales_fnuz on devices that multiply e4m3fnuz, whichever row comes first there.
Layout row_scales_layout(const DeviceInfo& device, const OpCall& call, std::size_t operand);

// KernelRow::pack of either. `stored` lies in host memory.
Status pack_row_scales(const Weight& stored, Layout layout, std::span<std::byte> out);

}  // namespace tamis
