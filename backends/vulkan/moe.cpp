#include "backends/vulkan/moe.h"

#include <algorithm>

namespace tamis::vulkan {
namespace {

// As in shaders/moe_grouped_gemm/tiles.comp.
struct ListArguments {
  std::uint64_t offsets, list;
  std::uint32_t rows, experts, entries;
};

// As in shaders/moe_grouped_gemm/tiled.comp.
struct TiledArguments {
  std::uint64_t x, x_scales, index, y, list, x_stride, y_stride;
  ShaderWeight weight;
  std::uint32_t piece_count, outputs, width, groups;
};
static_assert(sizeof(TiledArguments) <= kPushBytes);

// As in shaders/moe_combine/portable.comp.
struct CombineArguments {
  std::uint64_t y, row_of, weights, shared, out;
  std::uint64_t y_stride, row_of_stride, weights_stride, shared_stride, out_stride;
  std::uint32_t rows, tokens, topk, width;
};

constexpr std::int64_t kDecodeOutputs = 4;  // of shaders/common/packed_rows.glsl

// Rows of a tile: those of shaders/common/product_tile.glsl or packed_rows.glsl.
std::int64_t tile_rows(std::int64_t rows, std::int64_t experts, bool decode) {
  if (decode) return rows <= 2 * experts ? 4 : 8;
  return tile_tokens(rows / std::max<std::int64_t>(1, experts));
}

}  // namespace

Status order_experts(VulkanQueue& recorder, const ExpertOrder& order) {
  return recorder.dispatch({"moe_permute/order", {}}, order, order.experts);
}

std::int64_t grouped_tiles(std::int64_t rows, std::int64_t experts, bool decode) {
  // Every expert with rows, and the rows behind the last, may end with a tile that is not full.
  return rows / tile_rows(rows, experts, decode) + std::min(rows, experts + 1);
}

Status list_tiles(VulkanQueue& recorder, const GroupedGemm& product, std::int64_t experts, bool tail) {
  const ListArguments arguments{
      product.offsets, product.list, static_cast<std::uint32_t>(product.rows),
      static_cast<std::uint32_t>(experts),
      static_cast<std::uint32_t>(grouped_tiles(product.rows, experts, product.decode))};
  const auto tile = static_cast<std::uint32_t>(tile_rows(product.rows, experts, product.decode));
  return recorder.dispatch({"moe_grouped_gemm/tiles", {tile, tail ? 1u : 0u}}, arguments, 1);
}

Status multiply_tiles(VulkanQueue& recorder, const GroupedGemm& product, const Tensor& weight) {
  TAMIS_ASSIGN_OR_RETURN(const WeightOperand w, weight_operand(recorder, weight));
  const std::int64_t experts = weight.desc.dim(0), outputs = weight.desc.dim(1);
  const Activations& x = product.x;
  const TiledArguments arguments{x.data,        x.scales,       product.index,    product.y,
                                 product.list,  x.stride,       product.y_stride, w.weight,
                                 w.piece_count, dim(weight, 1), dim(weight, 2),   x.groups};
  const auto tile = static_cast<std::uint32_t>(tile_rows(product.rows, experts, product.decode));
  const Kernel kernel{product.decode ? "moe_grouped_gemm/packed_decode" : "moe_grouped_gemm/tiled",
                      {x.type, w.type, product.y_type, tile, w.packed}};
  return recorder.dispatch(kernel, arguments,
                           grouped_tiles(product.rows, experts, product.decode) *
                               tiles_of(outputs, product.decode ? kDecodeOutputs : kTileOutputs));
}

Reason accept_grouped(const char* name, const Tensor& weight, std::int64_t rows) {
  // Of the decode shader, which has the more.
  const std::int64_t groups =
      grouped_tiles(rows, weight.desc.dim(0), true) * tiles_of(weight.desc.dim(1), kDecodeOutputs);
  return groups <= 0xffffffffll ? accept_rows("rows", rows) : reason::size(name, groups, "up to 2^32 tiles");
}

Status combine_experts(VulkanQueue& recorder, const ExpertOutputs& outputs, const Tensor& weights,
                       const Tensor& shared, const Tensor& out) {
  const bool has_shared = shared.present();
  const CombineArguments arguments{outputs.y,
                                   outputs.row_of,
                                   address(weights),
                                   address(shared),
                                   address(out),
                                   outputs.y_stride,
                                   outputs.row_of_stride,
                                   row_stride(weights),
                                   has_shared ? row_stride(shared) : 0,
                                   row_stride(out),
                                   outputs.rows,
                                   dim(out, 0),
                                   dim(weights, 1),
                                   dim(out, 1)};
  const Kernel kernel{"moe_combine/portable", {outputs.type, has_shared ? type_of(shared) : 0, type_of(out)}};
  return dispatch_sheet(recorder, kernel, arguments, out.desc.dim(0), out.desc.dim(1));
}

}  // namespace tamis::vulkan
