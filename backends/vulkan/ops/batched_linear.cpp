// Vulkan rows of batched_linear: with act_quant the activations are rounded into the workspace, then one
// dispatch for all heads, whatever pieces the weight lies in.
#include "core/ops/batched_linear/batched_linear.h"

#include <algorithm>

#include "backends/vulkan/products.h"

namespace tamis::vulkan {
namespace {

using namespace batched_linear_operand;

struct Arguments {
  std::uint64_t x, x_scales, y, x_stride, x_head_stride, y_stride, y_head_stride;
  ShaderWeight weight;
  std::uint32_t piece_count, tokens, heads, outputs, width, groups;
};
static_assert(sizeof(Arguments) <= kPushBytes);

// Work groups of either shader.
std::int64_t groups_of(const OpCall& call, bool decode) {
  const TensorDesc& y = call[kY].desc;
  return y.dim(1) * tiles_of(y.dim(0), decode ? kDecodeTokens : tile_tokens(y.dim(0))) *
         tiles_of(y.dim(2), decode ? decode_outputs(call[kX].desc.dim(2)) : kTileOutputs);
}

Reason accept_call(const OpCall& call) {
  for (const auto& [name, operand] : {std::pair("x", kX), std::pair("y", kY)}) {
    Reason bad = accept_activation(name, call[operand]);
    if (!bad.accepted()) return bad;
    bad = accept_sheet(name, call[operand]);
    if (!bad.accepted()) return bad;
  }
  const std::int64_t groups = groups_of(call, true);  // it has the more
  return groups <= 0xffffffffll ? accept() : reason::size("y", groups, "up to 2^32 tiles");
}

Reason accepts_stored(const DeviceInfo&, const OpCall& call) {
  Reason bad = accept_stored("w", call[kWeight]);
  return bad.accepted() ? accept_call(call) : bad;
}

Reason accepts_packed(const DeviceInfo&, const OpCall& call) {
  Reason bad = accept_packed("w", call[kWeight]);
  return bad.accepted() ? accept_call(call) : bad;
}

Reason accepts_decode(const DeviceInfo& device, const OpCall& call) {
  if (call.as<BatchedLinearParams>().w_is_kn) return reject("w is [h, K, N]");
  return accepts_packed(device, call);
}

Reason prefers_few_tokens(const DeviceInfo&, const OpCall& call) {
  return call[kX].desc.dim(0) <= kDecodeTokens ? accept() : reason::slower("more than 8 tokens");
}

template <Rounded form>
std::int64_t workspace(const DeviceInfo&, const OpCall& call) {
  const TensorDesc& x = call[kX].desc;
  return quantized_bytes(call.as<BatchedLinearParams>().act_quant, x.dim(0) * x.dim(1), x.dim(2), form);
}

std::uint64_t head_stride(const Tensor& tensor) {
  return static_cast<std::uint64_t>(tensor.desc.stride(1)) * dtype_size(tensor.desc.dtype);
}

// Where the shader reads x: the operand, or codes in the workspace.
struct Input {
  Activations x;
  std::uint64_t head_stride = 0;
};

Result<Input> prepare_input(VulkanQueue& recorder, const OpCall& call, const Scratch& scratch, Rounded form) {
  const Tensor& x = call[kX];
  const ActQuant mode = call.as<BatchedLinearParams>().act_quant;
  Input input{{.data = address(x), .stride = row_stride(x), .type = type_of(x)}, head_stride(x)};
  if (mode == ActQuant::kNone) return input;
  const ActivationRows rows{.data = input.x.data,
                            .stride = input.x.stride,
                            .head_stride = input.head_stride,
                            .tokens = x.desc.dim(0),
                            .heads = x.desc.dim(1),
                            .width = x.desc.dim(2),
                            .type = input.x.type};
  const std::uint64_t memory = address(scratch.workspace, scratch.workspace_offset);
  TAMIS_ASSIGN_OR_RETURN(input.x, quantize(recorder, {mode, form}, rows, memory));
  recorder.barrier();
  input.head_stride = input.x.stride;
  input.x.stride *= static_cast<std::uint64_t>(rows.heads);
  return input;
}

template <bool decode>
Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  constexpr Rounded kForm = decode ? Rounded::kHalves : Rounded::kCodes;
  TAMIS_ASSIGN_OR_RETURN(const Input input, prepare_input(recorder, call, scratch, kForm));
  TAMIS_ASSIGN_OR_RETURN(const WeightOperand w, weight_operand(recorder, call[kWeight]));
  const Tensor& y = call[kY];
  const Arguments arguments{input.x.data,      input.x.scales, address(y),     input.x.stride,
                            input.head_stride, row_stride(y),  head_stride(y), w.weight,
                            w.piece_count,     dim(y, 0),      dim(y, 1),      dim(y, 2),
                            dim(call[kX], 2),  input.x.groups};
  const auto tokens = static_cast<std::uint32_t>(decode ? std::min(kDecodeTokens, y.desc.dim(0))
                                                        : tile_tokens(y.desc.dim(0)));
  const std::uint32_t transposed = call.as<BatchedLinearParams>().w_is_kn ? 1 : 0;
  const std::uint32_t last = decode ? decode_lanes(call[kX].desc.dim(2)) : transposed;
  const Kernel kernel{decode ? "batched_linear/packed_decode" : "batched_linear/tiled",
                      {input.x.type, w.type, type_of(y), tokens, w.packed, last}};
  return recorder.dispatch(kernel, arguments, groups_of(call, decode));
}

constexpr auto kRows =
    product_rows({.op = "batched_linear",
                  .names = {"vulkan.batched_linear.packed_decode", "vulkan.batched_linear.packed",
                            "vulkan.batched_linear.portable"},
                  .accepts_packed_decode = accepts_decode,
                  .accepts_packed = accepts_packed,
                  .accepts_stored = accepts_stored,
                  .prefers_decode = prefers_few_tokens,
                  .workspace_decode = workspace<Rounded::kHalves>,
                  .workspace = workspace<Rounded::kCodes>,
                  .launch_packed_decode = launch<true>,
                  .launch_packed = launch<false>,
                  .launch_stored = launch<false>});

}  // namespace

std::span<const KernelRow> rows_batched_linear() { return kRows; }

}  // namespace tamis::vulkan
