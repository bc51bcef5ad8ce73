#include "backends/cuda/weight_tiles.h"

#include <algorithm>
#include <cstring>

#include "backends/cuda/tensor_args.h"
#include "core/graph/op_call.h"

namespace tamis::cuda {
namespace {

constexpr std::int64_t kRows = 64, kTileBytes = 8192, kLine = 128, kChunk = 16;

// Rows of a piece that lie in one tile have one scale per 128 columns only if tile and scale block begin
// together.
Reason accept_piece(const WeightPiece& piece, std::int64_t first, std::int64_t expert_rows) {
  if (piece.first_col % kWeightBlock != 0)
    return reason::size("first column of a piece", piece.first_col, "multiples of 128");
  for (std::int64_t row = 0; row < piece.rows;) {
    const std::int64_t in_expert = (first + row) % expert_rows;
    if (in_expert % kRows != 0) return reason::size("first row of a piece", in_expert, "multiples of 64");
    if ((piece.first_row + row) % kRows != 0)
      return reason::size("stored row of a piece", piece.first_row + row, "multiples of 64");
    row += expert_rows - in_expert;
  }
  return accept();
}

// One row of an expert into its line of every tile of a row of tiles.
void pack_row(const std::byte* source, std::int64_t row, const TilesShape& shape, std::byte* tiles) {
  for (std::int64_t at = 0; at < shape.row_bytes; at += kChunk) {
    const std::int64_t chunk = at % kLine / kChunk ^ row % 8;
    std::byte* out = tiles + at / kLine * kTileBytes + row % kRows * kLine + chunk * kChunk;
    std::memcpy(out, source + at, static_cast<std::size_t>(std::min(kChunk, shape.row_bytes - at)));
  }
}

}  // namespace

TilesShape tiles_shape(const TensorDesc& weight) {
  TilesShape shape;
  shape.rows = weight.dim(-2);
  shape.experts = weight.rank > 2 ? weight.dim(0) : 1;
  shape.row_bytes = weight.dim(-1) * static_cast<std::int64_t>(dtype_size(weight.dtype));
  shape.tiles = (shape.rows + kRows - 1) / kRows;
  shape.groups = (shape.row_bytes + kLine - 1) / kLine;
  shape.scaled = weight.dtype == DType::kE4M3;
  return shape;
}

Reason accept_tiles(const Tensor& weight) {
  const DType dtype = weight.desc.dtype;
  if (dtype == DType::kF32 || weight.desc.elements() == 0)
    return reason::dtype("w", dtype_name(dtype), "e4m3, bf16, f16");
  const TilesShape shape = tiles_shape(weight.desc);
  if (!layout_fits(shape.bytes(), weight.desc)) {
    return reject("layout {} would take {} bytes for {} stored", kTilesLayout, shape.bytes(),
                  weight_bytes(weight.desc));
  }
  if (weight.weight == nullptr) return accept();
  if (!weight.weight->stored()) {
    return std::strcmp(weight.weight->layout, kTilesLayout) == 0
               ? accept()
               : reason::weight_layout(weight.weight->layout);
  }
  if (weight.weight->resident) return reason::weight_layout(kStoredLayout);
  std::int64_t first = 0;
  for (const WeightPiece& piece : weight.weight->pieces) {
    if (!shape.scaled) break;
    if (Reason why = accept_piece(piece, first, shape.rows); !why.accepted()) return why;
    first += piece.rows;
  }
  return accept();
}

Layout tiles_layout(const DeviceInfo&, const OpCall& call, std::size_t operand) {
  const TensorDesc& desc = call.operands[operand].desc;
  if (desc.rank < 2) return {};
  return {kTilesLayout, tiles_shape(desc).bytes()};
}

Status pack_tiles(const Weight& stored, Layout layout, std::span<std::byte> out) {
  const TilesShape shape = tiles_shape(stored.desc);
  if (std::strcmp(layout.name, kTilesLayout) != 0 || layout.bytes != shape.bytes() ||
      out.size() != static_cast<std::size_t>(shape.bytes())) {
    return internal_error("layout {} of {} bytes into {}: expected {} of {} bytes", layout.name, layout.bytes,
                          out.size(), kTilesLayout, shape.bytes());
  }
  if (shape.rows % kRows != 0 || shape.row_bytes % kLine != 0) std::memset(out.data(), 0, out.size());
  const auto element = static_cast<std::int64_t>(dtype_size(stored.desc.dtype));
  std::int64_t done = 0;
  for (const WeightPiece& piece : stored.pieces) {
    for (std::int64_t r = 0; r < piece.rows; ++r, ++done) {
      const std::int64_t row = done % shape.rows;
      const std::int64_t tile = done / shape.rows * shape.tiles + row / kRows;
      pack_row(piece.buffer->host() + piece.offset + r * piece.row_stride * element, row, shape,
               out.data() + tile * shape.groups * kTileBytes);
      if (!shape.scaled || row % kRows != 0) continue;
      const std::int64_t block = (piece.first_row + r) / kWeightBlock * piece.scale_stride;
      std::memcpy(
          out.data() + shape.scales_offset() + tile * shape.groups * 4,
          piece.scale_buffer->host() + piece.scale_offset + (block + piece.first_col / kWeightBlock) * 4,
          static_cast<std::size_t>(shape.groups) * 4);
    }
  }
  return {};
}

WeightTiles weight_tiles(const Tensor& weight) {
  const TilesShape shape = tiles_shape(weight.desc);
  const std::byte* codes = address(weight.weight->packed, weight.weight->packed_offset);
  return {.codes = reinterpret_cast<const std::uint8_t*>(codes),
          .scales = reinterpret_cast<const float*>(codes + shape.scales_offset()),
          .experts = static_cast<int>(shape.experts),
          .rows = static_cast<int>(shape.rows),
          .tiles = static_cast<int>(shape.tiles),
          .groups = static_cast<int>(shape.groups),
          .type = element_of(weight.desc.dtype)};
}

}  // namespace tamis::cuda
