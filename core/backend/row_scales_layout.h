// The weight layout "row_scales" of an FP8 weight: all its rows one after the other whatever pieces and scale
// blocks they came from, so that a kernel needs two addresses instead of a list of pieces.
//
//   codes   [rows, row_bytes] e4m3, row_bytes = cols rounded up to 16, the padding zero
//   scales  [rows, groups] f32, groups = ceil(cols / 128): the multiplier of columns [128 g, 128 g + 128)
//
// rows = N, or E * N of a stacked weight. Same bits as stored: 1 + 4/128 bytes an element against 1 + 4/16384
// (3.1 % more, within the 5 % that a layout may cost).
//
// "row_scales_fnuz" is the same for matrix instructions that read e4m3fnuz (gfx942): every code re-encoded
// and every scale doubled, which changes no value (core/numeric/fp8_fnuz.h), but that -0 becomes 0.
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

// Why a row that reads this layout does not take the weight: it is not e4m3, is packed otherwise, starts
// inside a scale block (its groups would not line up), or would grow beyond 5 %. A weight that is not loaded
// yet is taken.
Reason accept_row_scales(const Tensor& weight, const char* layout = kRowScalesLayout);

// KernelRow::weight_layout of a row whose e4m3 weights (operands of rank >= 2) are all in this layout.
Layout row_scales_layout(const DeviceInfo& device, const OpCall& call, std::size_t operand);
Layout row_scales_fnuz_layout(const DeviceInfo& device, const OpCall& call, std::size_t operand);

// KernelRow::pack of either. `stored` lies in host memory. kUnsupported: a scale that cannot be doubled.
Status pack_row_scales(const Weight& stored, Layout layout, std::span<std::byte> out);

}  // namespace tamis
