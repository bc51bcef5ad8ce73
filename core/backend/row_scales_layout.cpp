#include "core/backend/row_scales_layout.h"

#include <algorithm>
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

// -0, which e4m3fnuz takes for NaN, becomes 0.
void clear_negative_zeros(std::span<std::byte> codes) {
  constexpr std::byte kNan{numeric::kE4M3FnuzNan};
  for (std::byte& code : codes) code = code == kNan ? std::byte{0} : code;
}

bool reads_as_row_scales(const char* layout) {
  return std::strcmp(layout, kRowScalesLayout) == 0 || std::strcmp(layout, kRowScalesFnuzLayout) == 0;
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

bool multiplies_e4m3fnuz(const DeviceInfo& device) { return device.has(kMfmaBf16) && device.arch == 0x942; }

Reason accept_row_scales(const Tensor& weight) {
  if (weight.desc.dtype != DType::kE4M3) return reason::dtype("w", dtype_name(weight.desc.dtype), "e4m3");
  const RowScalesShape shape = row_scales_shape(weight.desc);
  if (!layout_fits(shape.bytes(), weight.desc)) {
    return reject("layout {} would take {} bytes for {} stored", kRowScalesLayout, shape.bytes(),
                  weight_bytes(weight.desc));
  }
  if (weight.weight == nullptr) return accept();
  if (!weight.weight->stored()) {
    const char* layout = weight.weight->layout;
    return reads_as_row_scales(layout) ? accept() : reason::weight_layout(layout);
  }
  if (weight.weight->resident) return reason::weight_layout(kStoredLayout);
  for (const WeightPiece& piece : weight.weight->pieces) {
    if (piece.first_col % kWeightBlock != 0)
      return reason::size("first column of a piece", piece.first_col, "multiples of 128");
  }
  return accept();
}

Layout row_scales_layout(const DeviceInfo& device, const OpCall& call, std::size_t operand) {
  const TensorDesc& desc = call.operands[operand].desc;
  if (desc.rank < 2 || desc.dtype != DType::kE4M3) return {};
  return {multiplies_e4m3fnuz(device) ? kRowScalesFnuzLayout : kRowScalesLayout,
          row_scales_shape(desc).bytes()};
}

Status pack_row_scales(const Weight& stored, Layout layout, std::span<std::byte> out) {
  const RowScalesShape shape = row_scales_shape(stored.desc);
  if (!reads_as_row_scales(layout.name) || layout.bytes != shape.bytes() ||
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
  if (std::strcmp(layout.name, kRowScalesFnuzLayout) == 0) {
    clear_negative_zeros(out.first(static_cast<std::size_t>(shape.scales_offset())));
  }
  return {};
}

}  // namespace tamis
