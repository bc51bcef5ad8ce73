// Vulkan rows of moe_experts: the shaders of its decomposition one after the other over planned workspace,
// without the copies of moe_permute (w13's product reads the tokens through the order) and without the zeros
// that nobody reads. act_quant rounds every token once, not once per expert. Both products run the same list
// of tiles.
//
//   [codes of x], order and list of tiles | w13 | silu_mul [and codes of it] | w2 | combine
//
// A bar is a barrier; order and list are one dispatch for few copies of tokens, else two with a bar between.
#include "core/ops/moe_experts/moe_experts.h"

#include <algorithm>

#include "backends/vulkan/moe.h"

namespace tamis::vulkan {
namespace {

using namespace moe_experts_operand;

// As in shaders/silu_mul/portable.comp.
struct SiluMulArguments {
  std::uint64_t x, y, x_stride, y_stride;
  std::uint32_t rows, width;
};

// As in shaders/silu_mul/rounded.comp.
struct RoundedSiluMulArguments {
  std::uint64_t x, codes, scales, x_stride, codes_stride;
  std::uint32_t rows, width, groups;
};

// Sizes of a call, and where its intermediates lie in the workspace, in bytes. The experts' outputs take the
// place of gate and up.
struct Layout {
  std::int64_t tokens, topk, rows, hidden, inner, experts;
  std::int64_t row_of = 0, token_of = 0, offsets = 0, list = 0, gate_up = 0, product = 0, codes = 0;
  std::int64_t bytes = 0;

  Layout(const OpCall& call, Product product_kind)
      : tokens(call[kIds].desc.dim(0)),
        topk(call[kIds].desc.dim(1)),
        rows(tokens * topk),
        hidden(call[kW2].desc.dim(1)),
        inner(call[kW2].desc.dim(2)),
        experts(call[kW2].desc.dim(0)) {
    const ActQuant mode = call.as<MoeExpertsParams>().act_quant;
    const auto size = static_cast<std::int64_t>(dtype_size(call[kX].desc.dtype));
    row_of = add(4 * rows);
    token_of = add(4 * rows);
    offsets = add(4 * (experts + 1));
    list = add(kTileEntryBytes * grouped_tiles(rows, experts, product_kind));
    gate_up = add(rows * std::max(2 * inner, hidden) * size);
    product = add(rows * inner * size);
    const Rounded form = rounded_form(product_kind);
    codes =
        add(std::max(quantized_bytes(mode, tokens, hidden, form), quantized_bytes(mode, rows, inner, form)));
  }

 private:
  std::int64_t add(std::int64_t count) {
    constexpr std::int64_t kAlignment = 256;
    const std::int64_t begin = bytes;
    bytes += (count + kAlignment - 1) / kAlignment * kAlignment;
    return begin;
  }
};

template <Product kind>
std::int64_t workspace(const DeviceInfo&, const OpCall& call) {
  return Layout(call, kind).bytes;
}

Reason prefers_few_tokens(const DeviceInfo& device, const OpCall& call) {
  return prefers_grouped_decode(device, call[kIds].desc.elements(), call[kW2].desc.dim(0));
}

Reason accept_call(const OpCall& call) {
  for (int i : {kX, kShared, kOut}) {
    if (!call[i].present()) continue;
    Reason bad = accept_activation(call.op->operands[static_cast<std::size_t>(i)].name, call[i]);
    if (!bad.accepted()) return bad;
  }
  for (int i : {kW13, kW2}) {
    const char* name = call.op->operands[static_cast<std::size_t>(i)].name;
    Reason bad = accept_grouped(name, call[i], call[kIds].desc.elements());
    if (!bad.accepted()) return bad;
  }
  return accept();
}

Reason accepts_stored(const DeviceInfo&, const OpCall& call) {
  if (Reason bad = accept_stored("w13", call[kW13]); !bad.accepted()) return bad;
  if (Reason bad = accept_stored("w2", call[kW2]); !bad.accepted()) return bad;
  return accept_call(call);
}

Reason accepts_packed(const DeviceInfo&, const OpCall& call) {
  if (Reason bad = accept_packed("w13", call[kW13]); !bad.accepted()) return bad;
  if (Reason bad = accept_packed("w2", call[kW2]); !bad.accepted()) return bad;
  return accept_call(call);
}

Reason accepts_matrices(const DeviceInfo& device, const OpCall& call) {
  if (Reason bad = accepts_packed(device, call); !bad.accepted()) return bad;
  const ActQuant mode = call.as<MoeExpertsParams>().act_quant;
  if (Reason bad = accept_grouped_matrices(device, mode, call[kW13]); !bad.accepted()) return bad;
  return accept_grouped_matrices(device, mode, call[kW2]);
}

// One launch of the row.
class Experts {
 public:
  Experts(VulkanQueue& recorder, const OpCall& call, std::uint64_t workspace, Product product)
      : recorder_(recorder), call_(call), layout_(call, product), workspace_(workspace), product_(product) {}

  Status run() {
    TAMIS_ASSIGN_OR_RETURN(const Activations x, round_tokens());
    TAMIS_RETURN_IF_ERROR(order());  // beside it
    recorder_.barrier();
    TAMIS_RETURN_IF_ERROR(gate_up(x));
    recorder_.barrier();
    TAMIS_ASSIGN_OR_RETURN(const Activations product, activate());
    recorder_.barrier();
    TAMIS_RETURN_IF_ERROR(down(product));
    recorder_.barrier();
    return combine();
  }

 private:
  std::uint64_t at(std::int64_t offset) const { return workspace_ + static_cast<std::uint64_t>(offset); }
  // Bytes of `count` elements of x's dtype.
  std::uint64_t row_bytes(std::int64_t count) const {
    return static_cast<std::uint64_t>(count) * dtype_size(call_[kX].desc.dtype);
  }

  // The operand of the first product.
  Result<Activations> round_tokens() {
    const Tensor& x = call_[kX];
    const ActQuant mode = call_.as<MoeExpertsParams>().act_quant;
    if (mode == ActQuant::kNone)
      return Activations{.data = address(x), .stride = row_stride(x), .type = type_of(x)};
    const ActivationRows rows{.data = address(x),
                              .stride = row_stride(x),
                              .tokens = layout_.tokens,
                              .width = layout_.hidden,
                              .type = type_of(x)};
    return quantize(recorder_, {mode, rounded_form(product_)}, rows, at(layout_.codes));
  }

  // The copies of tokens by expert, and the list of tiles of both products.
  Status order() {
    const Tensor& ids = call_[kIds];
    const ExpertOrder order{.ids = address(ids),
                            .row_of = at(layout_.row_of),
                            .offsets = at(layout_.offsets),
                            .token_of = at(layout_.token_of),
                            .ids_stride = row_stride(ids),
                            .row_of_stride = static_cast<std::uint64_t>(4 * layout_.topk),
                            .tokens = dim(ids, 0),
                            .topk = dim(ids, 1),
                            .experts = static_cast<std::uint32_t>(layout_.experts)};
    const GroupedGemm tiles = product(0);
    if (layout_.rows <= kFewCopies) return order_tiles(recorder_, order, tiles);
    TAMIS_RETURN_IF_ERROR(order_experts(recorder_, order));
    recorder_.barrier();
    return list_tiles(recorder_, tiles, layout_.experts, false);
  }

  GroupedGemm product(std::int64_t width) const {
    return {.offsets = at(layout_.offsets),
            .list = at(layout_.list),
            .y = at(layout_.gate_up),
            .y_stride = row_bytes(width),
            .rows = layout_.rows,
            .y_type = type_of(call_[kX]),
            .product = product_};
  }

  Status gate_up(const Activations& x) {
    GroupedGemm product = this->product(2 * layout_.inner);
    product.x = x;
    product.index = at(layout_.token_of);
    return multiply_tiles(recorder_, product, call_[kW13]);
  }

  // The operand of the second product: as codes at once, or as it is.
  Result<Activations> activate() {
    const Rounding rounding{call_.as<MoeExpertsParams>().act_quant, rounded_form(product_)};
    const std::uint32_t type = type_of(call_[kX]);
    if (rounding.mode != ActQuant::kNone) {
      const Activations codes = rounded_rows(rounding.form, layout_.rows, layout_.inner, at(layout_.codes));
      const RoundedSiluMulArguments arguments{at(layout_.gate_up),
                                              codes.data,
                                              codes.scales,
                                              row_bytes(2 * layout_.inner),
                                              codes.stride,
                                              static_cast<std::uint32_t>(layout_.rows),
                                              static_cast<std::uint32_t>(layout_.inner),
                                              codes.groups};
      TAMIS_RETURN_IF_ERROR(recorder_.dispatch({"silu_mul/rounded", rounding_constants(rounding, type)},
                                               arguments, layout_.rows * codes.groups));
      return codes;
    }
    const SiluMulArguments arguments{at(layout_.gate_up),
                                     at(layout_.product),
                                     row_bytes(2 * layout_.inner),
                                     row_bytes(layout_.inner),
                                     static_cast<std::uint32_t>(layout_.rows),
                                     static_cast<std::uint32_t>(layout_.inner)};
    TAMIS_RETURN_IF_ERROR(
        dispatch_sheet(recorder_, {"silu_mul/portable", {type}}, arguments, layout_.rows, layout_.inner));
    return Activations{.data = at(layout_.product), .stride = row_bytes(layout_.inner), .type = type};
  }

  Status down(const Activations& x) {
    GroupedGemm product = this->product(layout_.hidden);
    product.x = x;
    return multiply_tiles(recorder_, product, call_[kW2]);
  }

  Status combine() {
    const ExpertOutputs outputs{.y = at(layout_.gate_up),
                                .row_of = at(layout_.row_of),
                                .y_stride = row_bytes(layout_.hidden),
                                .row_of_stride = static_cast<std::uint64_t>(4 * layout_.topk),
                                .rows = static_cast<std::uint32_t>(layout_.rows),
                                .type = type_of(call_[kX])};
    return combine_experts(recorder_, outputs, call_[kWeights], call_[kShared], call_[kOut]);
  }

  VulkanQueue& recorder_;
  const OpCall& call_;
  Layout layout_;
  std::uint64_t workspace_;
  Product product_;
};

template <Product kind>
Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  return Experts(recorder, call, address(scratch.workspace, scratch.workspace_offset), kind).run();
}

constexpr auto kRows =
    with_matrices(product_rows({.op = "moe_experts",
                                .names = {"vulkan.moe_experts.packed_decode", "vulkan.moe_experts.packed",
                                          "vulkan.moe_experts.portable"},
                                .accepts_packed_decode = accepts_packed,
                                .accepts_packed = accepts_packed,
                                .accepts_stored = accepts_stored,
                                .prefers_decode = prefers_few_tokens,
                                .workspace_decode = workspace<Product::kDecode>,
                                .workspace = workspace<Product::kTiled>,
                                .launch_packed_decode = launch<Product::kDecode>,
                                .launch_packed = launch<Product::kTiled>,
                                .launch_stored = launch<Product::kTiled>}),
                  "vulkan.moe_experts.packed_coopmat", accepts_matrices, workspace<Product::kMatrices>,
                  launch<Product::kMatrices>);

}  // namespace

std::span<const KernelRow> rows_moe_experts() { return kRows; }

}  // namespace tamis::vulkan
