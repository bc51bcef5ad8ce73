#include "backends/vulkan/products.h"

namespace tamis::vulkan {
namespace {

constexpr std::uint64_t kVectorBytes = 16;  // shaders load as much of a packed weight at once

// As in shaders/common/quantize_rows.comp.
struct QuantizeArguments {
  std::uint64_t x, codes, scales, x_stride, x_head_stride, codes_stride;
  std::uint32_t rows, heads, width, groups;
};

ShaderWeightPiece piece_of(const WeightPiece& piece, DType dtype, std::int64_t first) {
  ShaderWeightPiece made;
  made.data = address(piece.buffer, piece.offset);
  made.row_bytes = static_cast<std::uint64_t>(piece.row_stride) * dtype_size(dtype);
  made.first = static_cast<std::uint32_t>(first);
  if (piece.scale_buffer == nullptr) return made;
  made.scales = address(piece.scale_buffer, piece.scale_offset);
  made.scale_stride = static_cast<std::uint32_t>(piece.scale_stride);
  made.first_row = static_cast<std::uint32_t>(piece.first_row);
  made.first_col = static_cast<std::uint32_t>(piece.first_col);
  return made;
}

Result<ShaderWeightPiece> packed_piece(const Weight& weight) {
  ShaderWeightPiece made;
  made.data = address(weight.packed, weight.packed_offset);
  if (made.data % kVectorBytes != 0) {
    return invalid_argument("packed weight at byte {} of its buffer: expected a multiple of {}",
                            weight.packed_offset, kVectorBytes);
  }
  const RowScalesShape shape = row_scales_shape(weight.desc);
  made.scales = made.data + static_cast<std::uint64_t>(shape.scales_offset());
  made.row_bytes = static_cast<std::uint64_t>(shape.row_bytes);
  made.scale_stride = static_cast<std::uint32_t>(shape.groups);
  return made;
}

}  // namespace

Result<WeightOperand> weight_operand(VulkanQueue& recorder, const Tensor& tensor) {
  const Weight& weight = *tensor.weight;
  WeightOperand operand;
  operand.type = type_of(tensor);
  if (!weight.stored()) {
    operand.packed = 1;
    TAMIS_ASSIGN_OR_RETURN(operand.weight.only, packed_piece(weight));
    return operand;
  }
  std::vector<ShaderWeightPiece> pieces;
  std::int64_t first = 0;
  for (const WeightPiece& piece : weight.pieces) {
    pieces.push_back(piece_of(piece, tensor.desc.dtype, first));
    first += piece.rows;
  }
  operand.weight.only = pieces.front();
  if (pieces.size() == 1) return operand;
  operand.piece_count = static_cast<std::uint32_t>(pieces.size());
  TAMIS_ASSIGN_OR_RETURN(operand.weight.pieces, recorder.store(std::as_bytes(std::span(pieces))));
  return operand;
}

std::int64_t quantized_bytes(ActQuant mode, std::int64_t rows, std::int64_t width, Rounded form) {
  if (mode == ActQuant::kNone) return 0;
  const RowScalesShape shape = row_scales_shape({DType::kE4M3, {rows, width}});
  return shape.bytes() + (form == Rounded::kHalves ? shape.scales_offset() : 0);
}

Activations rounded_rows(Rounded form, std::int64_t rows, std::int64_t width, std::uint64_t memory) {
  const RowScalesShape shape = row_scales_shape({DType::kE4M3, {rows, width}});
  const std::uint64_t element = form == Rounded::kHalves ? 2 : 1;
  Activations codes;
  codes.data = memory;
  codes.scales = memory + element * static_cast<std::uint64_t>(shape.scales_offset());
  codes.stride = element * static_cast<std::uint64_t>(shape.row_bytes);
  codes.groups = static_cast<std::uint32_t>(shape.groups);
  codes.type = static_cast<std::uint32_t>(DType::kE4M3);
  return codes;
}

Result<Activations> quantize(VulkanQueue& recorder, const Rounding& rounding, const ActivationRows& x,
                             std::uint64_t memory) {
  const std::int64_t rows = x.tokens * x.heads;
  const Activations codes = rounded_rows(rounding.form, rows, x.width, memory);
  const QuantizeArguments arguments{x.data,
                                    codes.data,
                                    codes.scales,
                                    x.stride,
                                    x.head_stride,
                                    codes.stride,
                                    static_cast<std::uint32_t>(rows),
                                    static_cast<std::uint32_t>(x.heads),
                                    static_cast<std::uint32_t>(x.width),
                                    codes.groups};
  TAMIS_RETURN_IF_ERROR(recorder.dispatch({"common/quantize_rows", rounding_constants(rounding, x.type)},
                                          arguments, rows * codes.groups));
  return codes;
}

}  // namespace tamis::vulkan
