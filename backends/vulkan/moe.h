// The steps of a mixture of experts, as the moe ops' own rows and those of moe_experts record them. The host
// never learns what the router chose: products run over a list of tiles that the device makes.
#pragma once

#include "backends/vulkan/products.h"

namespace tamis::vulkan {

// shaders/moe_permute/order.comp.
struct ExpertOrder {
  std::uint64_t ids = 0, row_of = 0, offsets = 0, token_of = 0, ids_stride = 0, row_of_stride = 0;
  std::uint32_t tokens = 0, topk = 0, experts = 0;
};
Status order_experts(VulkanQueue& recorder, const ExpertOrder& order);

// The shaders of moe_grouped_gemm: any weights; packed ones and few rows an expert; packed ones and
// activations rounded to e4m3, on cooperative matrices.
enum class Product : std::uint8_t { kTiled, kDecode, kMatrices };

// y[r] = x[r] . w[e] for the rows r of expert e; x may be read through an index.
struct GroupedGemm {
  Activations x;
  std::uint64_t index = 0;  // 0: none
  std::uint64_t offsets = 0, list = 0, y = 0, y_stride = 0;
  std::int64_t rows = 0;
  std::uint32_t y_type = 0;
  Product product = Product::kTiled;
};

// Of the activations that the shaders read.
inline Rounded rounded_form(Product product) {
  return product == Product::kTiled ? Rounded::kCodes : Rounded::kHalves;
}

// How many tiles `rows` rows of any offsets may have: the length of the list.
std::int64_t grouped_tiles(std::int64_t rows, std::int64_t experts, Product product);
inline constexpr std::int64_t kTileEntryBytes = 16;

// Makes the list of tiles; with `tail` it has the rows behind the last expert's, too, for zeros. A barrier()
// must follow.
Status list_tiles(VulkanQueue& recorder, const GroupedGemm& product, std::int64_t experts, bool tail);
// shaders/moe_grouped_gemm/order_tiles.comp: the order and the list in one dispatch, for up to kFewCopies
// copies of tokens. It writes no offsets.
inline constexpr std::int64_t kFewCopies = 256;
Status order_tiles(VulkanQueue& recorder, const ExpertOrder& order, const GroupedGemm& product);
// Runs the list.
Status multiply_tiles(VulkanQueue& recorder, const GroupedGemm& product, const Tensor& weight);

// Whether the decode shader is the faster one: a tile of the others takes as long for one row as for 8,
// or 16.
Reason prefers_grouped_decode(const DeviceInfo& device, std::int64_t rows, std::int64_t experts);

// Of a row on cooperative matrices, beside those of accept_packed.
Reason accept_grouped_matrices(const DeviceInfo& device, ActQuant mode, const Tensor& weight);

// `rows` are the first and the last two of a table; the row on matrices stands behind the first.
constexpr std::array<KernelRow, 4> with_matrices(const std::array<KernelRow, 3>& rows, const char* name,
                                                 decltype(KernelRow::accepts) accepts,
                                                 decltype(KernelRow::workspace) workspace,
                                                 decltype(KernelRow::launch) launch) {
  KernelRow matrices = rows[1];
  matrices.name = name;
  matrices.families = "coopmat";
  matrices.needs = kNeedsMatrices;
  matrices.accepts = accepts;
  matrices.workspace = workspace;
  matrices.launch = launch;
  return {rows[0], matrices, rows[1], rows[2]};
}

// Groups of a dispatch are numbered with 32 bits.
Reason accept_grouped(const char* name, const Tensor& weight, std::int64_t rows);

// shaders/moe_combine/portable.comp.
struct ExpertOutputs {
  std::uint64_t y = 0, row_of = 0, y_stride = 0, row_of_stride = 0;
  std::uint32_t rows = 0;
  std::uint32_t type = 0;
};
Status combine_experts(VulkanQueue& recorder, const ExpertOutputs& outputs, const Tensor& weights,
                       const Tensor& shared, const Tensor& out);

}  // namespace tamis::vulkan
