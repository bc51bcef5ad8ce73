#include "backends/cpu/weight_access.h"

#include <algorithm>

#include "backends/cpu/host_tensor.h"

namespace tamis::cpu {
namespace {

// One row of an FP8 piece, block by block along the columns.
void widen_fp8_row(const WeightPiece& piece, std::int64_t row, const WeightBlock& block, float* dst) {
  const float* table = e4m3_values();
  const auto* codes =
      reinterpret_cast<const std::uint8_t*>(piece.buffer->host() + piece.offset) + row * piece.row_stride;
  const auto* scales = reinterpret_cast<const float*>(piece.scale_buffer->host() + piece.scale_offset) +
                       (piece.first_row + row) / kWeightBlock * piece.scale_stride;
  for (std::int64_t c = block.first_col; c < block.first_col + block.cols;) {
    const std::int64_t stored_col = piece.first_col + c;
    const std::int64_t end =
        std::min(block.first_col + block.cols, c + kWeightBlock - stored_col % kWeightBlock);
    const float scale = scales[stored_col / kWeightBlock];
    for (; c < end; ++c) *dst++ = table[codes[c]] * scale;
  }
}

}  // namespace

void widen_weight(const Weight& weight, const WeightBlock& block, float* dst) {
  const DType dtype = weight.desc.dtype;
  std::int64_t row = block.first_row, left = block.rows;
  for (const WeightPiece& piece : weight.pieces) {
    if (row >= piece.rows) {
      row -= piece.rows;
      continue;
    }
    for (; row < piece.rows && left > 0; ++row, --left, dst += block.cols) {
      if (piece.scale_buffer != nullptr) {
        widen_fp8_row(piece, row, block, dst);
      } else {
        const std::byte* src =
            piece.buffer->host() + piece.offset +
            (row * piece.row_stride + block.first_col) * static_cast<std::int64_t>(dtype_size(dtype));
        load_floats(dtype, src, block.cols, dst);
      }
    }
    if (left == 0) return;
    row = 0;
  }
}

void fake_quantize_row(const RowOps& ops, ActQuant mode, float* row, std::int64_t n) {
  if (mode == ActQuant::kNone) return;
  for (std::int64_t begin = 0; begin < n; begin += 128) {
    const std::int64_t count = std::min<std::int64_t>(128, n - begin);
    const float amax = ops.largest(row + begin, count);
    ops.quantize(numeric::activation_scale(amax, mode == ActQuant::kE4M3Group128Pow2), count, row + begin);
  }
}

}  // namespace tamis::cpu
