#include "core/backend/row_scales_layout.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/graph/op_call.h"
#include "core/numeric/fp8_fnuz.h"

namespace tamis {
namespace {

constexpr std::int64_t kRowAlignment = 16;

std::int64_t round_up(std::int64_t n, std::int64_t step) { return (n + step - 1) / step * step; }

void pack_row(const WeightPiece& piece, std::int64_t row, const RowScalesShape& shape, std::byte* codes,
              std::byte* scales) {
  const auto cols = static_cast<std::size_t>(shape.cols);
  std::memcpy(codes, piece.buffer->host() + piece.offset + row * piece.row_stride, cols);
  std::memset(codes + cols, 0, static_cast<std::size_t>(shape.row_bytes) - cols);
  const std::int64_t block_row = (piece.first_row + row) / kWeightBlock;
  const std::int64_t block = block_row * piece.scale_stride + piece.first_col / kWeightBlock;
  std::memcpy(scales, piece.scale_buffer->host() + piece.scale_offset + block * 4,
              static_cast<std::size_t>(shape.groups) * 4);
}

// The packed form becomes e4m3fnuz in place.
Status reencode(const RowScalesShape& shape, std::span<std::byte> packed) {
  for (std::byte& code : packed.first(static_cast<std::size_t>(shape.scales_offset()))) {
    code = static_cast<std::byte>(numeric::e4m3_to_half_e4m3fnuz(static_cast<std::uint8_t>(code)));
  }
  for (std::int64_t i = 0; i < shape.rows * shape.groups; ++i) {
    std::byte* at = packed.data() + shape.scales_offset() + i * 4;
    float scale;
    std::memcpy(&scale, at, 4);
    const float doubled = scale * 2.0f;
    if (std::isfinite(scale) && !std::isfinite(doubled)) {
      return unsupported("layout {}: row {}, columns from {}: scale {:g} cannot be doubled",
                         kRowScalesFnuzLayout, i / shape.groups, i % shape.groups * kWeightBlock, scale);
    }
    std::memcpy(at, &doubled, 4);
  }
  return {};
}

Layout layout_of(const char* name, const OpCall& call, std::size_t operand) {
  const TensorDesc& desc = call.operands[operand].desc;
  if (desc.rank < 2 || desc.dtype != DType::kE4M3) return {};
  return {name, row_scales_shape(desc).bytes()};
}

}  // namespace

RowScalesShape row_scales_shape(const TensorDesc& weight) {
  RowScalesShape shape;
  shape.cols = weight.dim(weight.rank - 1);
  shape.rows = weight.elements() / std::max<std::int64_t>(shape.cols, 1);
  shape.row_bytes = round_up(shape.cols, kRowAlignment);
  shape.groups = (shape.cols + kWeightBlock - 1) / kWeightBlock;
  return shape;
}

Reason accept_row_scales(const Tensor& weight, const char* layout) {
  if (weight.desc.dtype != DType::kE4M3) return reason::dtype("w", dtype_name(weight.desc.dtype), "e4m3");
  const RowScalesShape shape = row_scales_shape(weight.desc);
  if (!layout_fits(shape.bytes(), weight.desc)) {
    return reject("layout {} would take {} bytes for {} stored", layout, shape.bytes(),
                  weight_bytes(weight.desc));
  }
  if (weight.weight == nullptr) return accept();
  if (!weight.weight->stored()) {
    return std::strcmp(weight.weight->layout, layout) == 0 ? accept()
                                                           : reason::weight_layout(weight.weight->layout);
  }
  if (weight.weight->resident) return reason::weight_layout(kStoredLayout);
  for (const WeightPiece& piece : weight.weight->pieces) {
    if (piece.first_col % kWeightBlock != 0)
      return reason::size("first column of a piece", piece.first_col, "multiples of 128");
  }
  return accept();
}

Layout row_scales_layout(const DeviceInfo&, const OpCall& call, std::size_t operand) {
  return layout_of(kRowScalesLayout, call, operand);
}

Layout row_scales_fnuz_layout(const DeviceInfo&, const OpCall& call, std::size_t operand) {
  return layout_of(kRowScalesFnuzLayout, call, operand);
}

Status pack_row_scales(const Weight& stored, Layout layout, std::span<std::byte> out) {
  const RowScalesShape shape = row_scales_shape(stored.desc);
  const bool fnuz = std::strcmp(layout.name, kRowScalesFnuzLayout) == 0;
  if ((!fnuz && std::strcmp(layout.name, kRowScalesLayout) != 0) || layout.bytes != shape.bytes() ||
      out.size() != static_cast<std::size_t>(shape.bytes())) {
    return internal_error("layout {} of {} bytes into {}: expected {} or {} of {} bytes", layout.name,
                          layout.bytes, out.size(), kRowScalesLayout, kRowScalesFnuzLayout, shape.bytes());
  }
  std::byte* codes = out.data();
  std::byte* scales = out.data() + shape.scales_offset();
  for (const WeightPiece& piece : stored.pieces) {
    for (std::int64_t row = 0; row < piece.rows; ++row) {
      pack_row(piece, row, shape, codes, scales);
      codes += shape.row_bytes;
      scales += shape.groups * 4;
    }
  }
  return fnuz ? reencode(shape, out) : Status();
}

}  // namespace tamis
