// Vulkan rows of moe_grouped_gemm: with act_quant the activations are rounded into the workspace; a list of
// tiles is made there, then one dispatch runs it.
#include "core/ops/moe_grouped_gemm/moe_grouped_gemm.h"

#include "backends/vulkan/moe.h"

namespace tamis::vulkan {
namespace {

using namespace moe_grouped_gemm_operand;

Reason accept_call(const OpCall& call) {
  for (const auto& [name, operand] : {std::pair("x", kX), std::pair("y", kY)}) {
    Reason bad = accept_activation(name, call[operand]);
    if (!bad.accepted()) return bad;
  }
  return accept_grouped("w", call[kWeight], call[kX].desc.dim(0));
}

Reason accepts_stored(const DeviceInfo&, const OpCall& call) {
  Reason bad = accept_stored("w", call[kWeight]);
  return bad.accepted() ? accept_call(call) : bad;
}

Reason accepts_packed(const DeviceInfo&, const OpCall& call) {
  Reason bad = accept_packed("w", call[kWeight]);
  return bad.accepted() ? accept_call(call) : bad;
}

Reason accepts_matrices(const DeviceInfo& device, const OpCall& call) {
  Reason bad = accepts_packed(device, call);
  if (!bad.accepted()) return bad;
  return accept_grouped_matrices(device, call.as<MoeGroupedGemmParams>().act_quant, call[kWeight]);
}

Reason prefers_few_rows(const DeviceInfo& device, const OpCall& call) {
  return prefers_grouped_decode(device, call[kX].desc.dim(0), call[kWeight].desc.dim(0));
}

// The list of tiles, then the codes.
std::int64_t list_bytes(const OpCall& call, Product product) {
  return kTileEntryBytes * grouped_tiles(call[kX].desc.dim(0), call[kWeight].desc.dim(0), product);
}

template <Product kind>
std::int64_t workspace(const DeviceInfo&, const OpCall& call) {
  return list_bytes(call, kind) + quantized_bytes(call.as<MoeGroupedGemmParams>().act_quant,
                                                  call[kX].desc.dim(0), call[kX].desc.dim(1),
                                                  rounded_form(kind));
}

template <Product kind>
Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  const Tensor &x = call[kX], &y = call[kY];
  GroupedGemm product;
  product.x = {.data = address(x), .stride = row_stride(x), .type = type_of(x)};
  product.offsets = address(call[kOffsets]);
  product.list = address(scratch.workspace, scratch.workspace_offset);
  product.y = address(y);
  product.y_stride = row_stride(y);
  product.rows = x.desc.dim(0);
  product.y_type = type_of(y);
  product.product = kind;
  TAMIS_RETURN_IF_ERROR(list_tiles(recorder, product, call[kWeight].desc.dim(0), true));
  if (const ActQuant mode = call.as<MoeGroupedGemmParams>().act_quant; mode != ActQuant::kNone) {
    const ActivationRows rows{.data = product.x.data,
                              .stride = product.x.stride,
                              .tokens = product.rows,
                              .width = x.desc.dim(1),
                              .type = product.x.type};
    const std::uint64_t codes = product.list + static_cast<std::uint64_t>(list_bytes(call, kind));
    TAMIS_ASSIGN_OR_RETURN(product.x, quantize(recorder, {mode, rounded_form(kind)}, rows, codes));
  }
  recorder.barrier();
  return multiply_tiles(recorder, product, call[kWeight]);
}

constexpr auto kRows = with_matrices(
    product_rows({.op = "moe_grouped_gemm",
                  .names = {"vulkan.moe_grouped_gemm.packed_decode", "vulkan.moe_grouped_gemm.packed",
                            "vulkan.moe_grouped_gemm.portable"},
                  .accepts_packed_decode = accepts_packed,
                  .accepts_packed = accepts_packed,
                  .accepts_stored = accepts_stored,
                  .prefers_decode = prefers_few_rows,
                  .workspace_decode = workspace<Product::kDecode>,
                  .workspace = workspace<Product::kTiled>,
                  .launch_packed_decode = launch<Product::kDecode>,
                  .launch_packed = launch<Product::kTiled>,
                  .launch_stored = launch<Product::kTiled>}),
    "vulkan.moe_grouped_gemm.packed_coopmat", accepts_matrices, workspace<Product::kMatrices>,
    launch<Product::kMatrices>);

}  // namespace

std::span<const KernelRow> rows_moe_grouped_gemm() { return kRows; }

}  // namespace tamis::vulkan
