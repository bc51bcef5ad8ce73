#include "backends/vulkan/moe.h"

#include <algorithm>

namespace tamis::vulkan {
namespace {

// As in shaders/moe_grouped_gemm/tiles.comp.
struct ListArguments {
  std::uint64_t offsets, list;
  std::uint32_t rows, experts, entries;
};

// As in shaders/moe_grouped_gemm/order_tiles.comp.
struct OrderTilesArguments {
  std::uint64_t ids, row_of, token_of, list, ids_stride, row_of_stride;
  std::uint32_t tokens, topk, experts, entries;
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

// Rows of a tile: those of shaders/common/product_tile.glsl, packed_rows.glsl or packed_coopmat.comp.
std::int64_t tile_rows(std::int64_t rows, std::int64_t experts, Product product) {
  if (product == Product::kDecode) return rows <= experts / 4 ? 1 : rows <= 2 * experts ? 4 : 8;
  if (product == Product::kMatrices) return rows <= 8 * experts ? 16 : 32;
  return tile_tokens(rows / std::max<std::int64_t>(1, experts));
}

// Outputs of a work group.
std::int64_t tile_outputs(const Tensor& weight, Product product) {
  if (product == Product::kMatrices) return 64;
  return product == Product::kDecode ? decode_outputs(weight.desc.dim(2)) : kTileOutputs;
}

constexpr const char* kMatrices = "moe_grouped_gemm/packed_coopmat";

}  // namespace

Status order_experts(VulkanQueue& recorder, const ExpertOrder& order) {
  return recorder.dispatch({"moe_permute/order", {}}, order, order.experts);
}

std::int64_t grouped_tiles(std::int64_t rows, std::int64_t experts, Product product) {
  // Every expert with rows, and the rows behind the last, may end with a tile that is not full; none is
  // empty.
  return std::min(rows, rows / tile_rows(rows, experts, product) + std::min(rows, experts + 1));
}

Status list_tiles(VulkanQueue& recorder, const GroupedGemm& product, std::int64_t experts, bool tail) {
  const ListArguments arguments{
      product.offsets, product.list, static_cast<std::uint32_t>(product.rows),
      static_cast<std::uint32_t>(experts),
      static_cast<std::uint32_t>(grouped_tiles(product.rows, experts, product.product))};
  const auto tile = static_cast<std::uint32_t>(tile_rows(product.rows, experts, product.product));
  return recorder.dispatch({"moe_grouped_gemm/tiles", {tile, tail ? 1u : 0u}}, arguments, 1);
}

Status order_tiles(VulkanQueue& recorder, const ExpertOrder& order, const GroupedGemm& product) {
  const std::int64_t entries = grouped_tiles(product.rows, order.experts, product.product);
  const OrderTilesArguments arguments{
      order.ids,           order.row_of, order.token_of, product.list,  order.ids_stride,
      order.row_of_stride, order.tokens, order.topk,     order.experts, static_cast<std::uint32_t>(entries)};
  const auto tile = static_cast<std::uint32_t>(tile_rows(product.rows, order.experts, product.product));
  return recorder.dispatch({"moe_grouped_gemm/order_tiles", {tile}}, arguments, 1);
}

Status multiply_tiles(VulkanQueue& recorder, const GroupedGemm& product, const Tensor& weight) {
  TAMIS_ASSIGN_OR_RETURN(const WeightOperand w, weight_operand(recorder, weight));
  const std::int64_t experts = weight.desc.dim(0), outputs = weight.desc.dim(1);
  const Activations& x = product.x;
  const TiledArguments arguments{x.data,        x.scales,       product.index,    product.y,
                                 product.list,  x.stride,       product.y_stride, w.weight,
                                 w.piece_count, dim(weight, 1), dim(weight, 2),   x.groups};
  const auto tile = static_cast<std::uint32_t>(tile_rows(product.rows, experts, product.product));
  Kernel kernel{"moe_grouped_gemm/tiled", {x.type, w.type, product.y_type, tile, w.packed}};
  if (product.product == Product::kDecode) {
    kernel.shader = "moe_grouped_gemm/packed_decode";
    kernel.constants[5] = decode_lanes(weight.desc.dim(2));
  } else if (product.product == Product::kMatrices) {
    kernel.shader = kMatrices;
    kernel.constants[3] = tile / 16;
    kernel.subgroup = 32;
  }
  return recorder.dispatch(kernel, arguments,
                           grouped_tiles(product.rows, experts, product.product) *
                               tiles_of(outputs, tile_outputs(weight, product.product)));
}

Reason prefers_grouped_decode(const DeviceInfo& device, std::int64_t rows, std::int64_t experts) {
  if (check_features(kNeedsMatrices, device).accepted() && has_shader(kMatrices))
    return rows <= experts ? accept() : reason::slower("more than a row an expert");
  return rows <= 4 * experts ? accept() : reason::slower("more than 4 rows an expert");
}

Reason accept_grouped_matrices(const DeviceInfo& device, ActQuant mode, const Tensor& weight) {
  constexpr std::int64_t kShared = 27 << 10;  // of packed_coopmat.comp
  if (Reason built = accept_built(kMatrices); !built.accepted()) return built;
  if (mode == ActQuant::kNone) return reject("activations are not rounded to e4m3");
  if (weight.desc.dim(2) % 128 != 0) return reason::size("K", weight.desc.dim(2), "multiples of 128");
  return accept_shared_memory(device, kShared);
}

Reason accept_grouped(const char* name, const Tensor& weight, std::int64_t rows) {
  // Of the decode shader, which has the most.
  const std::int64_t groups = grouped_tiles(rows, weight.desc.dim(0), Product::kDecode) *
                              tiles_of(weight.desc.dim(1), tile_outputs(weight, Product::kDecode));
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
