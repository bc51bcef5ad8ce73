// The weight layout "tiles" of the CUDA rows on matrix units: each expert's matrix (or the one matrix of
// linear) cut into tiles of 64 rows x 128 bytes, 128 columns of e4m3 or 64 of bf16 and f16, that a kernel
// copies whole.
//
//   codes   [experts, ceil(rows / 64), groups, 8192], groups = ceil(row bytes / 128). The byte (r, c) of a
//   tile lies
//           at r * 128 + (c / 16 ^ r % 8) * 16 + c % 16, the 128-byte swizzle of wgmma; the padding is zero
//   scales  [experts, tiles, groups] f32, of e4m3 only: a tile's multiplier
//
// Same bits as stored, and no more of them where sizes are multiples of a tile.
#pragma once

#include "core/backend/kernel_table.h"
#include "kernels_cuda/moe_grouped_gemm/launch.h"

namespace tamis::cuda {

inline constexpr const char* kTilesLayout = "tiles";

struct TilesShape {
  std::int64_t experts = 0;
  std::int64_t rows = 0;       // of an expert
  std::int64_t row_bytes = 0;  // as stored
  std::int64_t tiles = 0;
  std::int64_t groups = 0;
  bool scaled = false;

  std::int64_t scales_offset() const { return experts * tiles * groups * 8192; }
  std::int64_t bytes() const { return scales_offset() + (scaled ? experts * tiles * groups * 4 : 0); }
};
TilesShape tiles_shape(const TensorDesc& weight);

// Why a row that reads this layout does not take the weight: f32, packed otherwise, scale blocks that cut a
// tile, or padding beyond 5 %. A weight that is not loaded yet is taken.
Reason accept_tiles(const Tensor& weight);

// KernelRow::weight_layout and KernelRow::pack.
Layout tiles_layout(const DeviceInfo& device, const OpCall& call, std::size_t operand);
Status pack_tiles(const Weight& stored, Layout layout, std::span<std::byte> out);

// A packed weight as the kernels take it.
WeightTiles weight_tiles(const Tensor& weight);

}  // namespace tamis::cuda
