// Vulkan rows of linear (shaders/linear). Where activations are to be rounded to e4m3, a first dispatch
// writes their codes and scales to the workspace.
#include "core/ops/linear/linear.h"

#include <algorithm>

#include "backends/vulkan/products.h"

namespace tamis::vulkan {
namespace {

using namespace linear_operand;

constexpr std::int64_t kVectorBytes = 16;  // packed_decode.comp loads as much at once

struct Arguments {
  std::uint64_t x, x_scales, w, w_scales, y, x_stride, w_stride, y_stride;
  std::uint32_t tokens, outputs, width, groups, w_scale_stride, first_row, first_col;
};

Reason accept_call(const OpCall& call) {
  for (const auto& [name, operand] : {std::pair("x", kX), std::pair("y", kY)}) {
    Reason bad = accept_activation(name, call[operand]);
    if (!bad.accepted()) return bad;
  }
  return accept_width("K", call[kX].desc.dim(1));
}

Reason accepts_stored(const DeviceInfo&, const OpCall& call) {
  const Weight* weight = call[kWeight].weight;
  if (weight != nullptr && !weight->stored()) return reason::weight_layout(weight->layout);
  return accept_call(call);
}

Reason accepts_packed(const DeviceInfo&, const OpCall& call) {
  Reason bad = accept_row_scales(call[kWeight]);
  return bad.accepted() ? accept_call(call) : bad;
}

Reason prefers_few_tokens(const DeviceInfo&, const OpCall& call) {
  return call[kX].desc.dim(0) <= kDecodeTokens ? accept() : reason::slower("more than 8 tokens");
}

bool quantizes(const OpCall& call) { return call.as<LinearParams>().act_quant != ActQuant::kNone; }

template <Rounded form>
std::int64_t workspace(const DeviceInfo&, const OpCall& call) {
  const TensorDesc& x = call[kX].desc;
  return quantized_bytes(call.as<LinearParams>().act_quant, x.dim(0), x.dim(1), form);
}

// The arguments that do not depend on the weight; quantises the activations first where they are to be.
Result<Arguments> prepare_input(VulkanQueue& recorder, const OpCall& call, const Scratch& scratch,
                                Rounded form) {
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  const Tensor &x = call[kX], &y = call[kY];
  Arguments arguments{};
  arguments.x = address(x);
  arguments.y = address(y);
  arguments.x_stride = row_stride(x);
  arguments.y_stride = row_stride(y);
  arguments.tokens = dim(x, 0);
  arguments.width = dim(x, 1);
  if (!quantizes(call)) return arguments;
  const ActivationRows rows{.data = arguments.x,
                            .stride = arguments.x_stride,
                            .tokens = x.desc.dim(0),
                            .width = x.desc.dim(1),
                            .type = type_of(x)};
  TAMIS_ASSIGN_OR_RETURN(const Activations codes,
                         quantize(recorder, {call.as<LinearParams>().act_quant, form}, rows,
                                  address(scratch.workspace, scratch.workspace_offset)));
  arguments.x = codes.data;
  arguments.x_scales = codes.scales;
  arguments.x_stride = codes.stride;
  arguments.groups = codes.groups;
  recorder.barrier();
  return arguments;
}

std::uint32_t input_type(const OpCall& call) {
  return quantizes(call) ? static_cast<std::uint32_t>(DType::kE4M3) : type_of(call[kX]);
}

Status dispatch_tiles(VulkanQueue& recorder, const OpCall& call, const char* shader,
                      const Arguments& arguments) {
  const std::int64_t tile = tile_tokens(arguments.tokens);
  const Kernel kernel{
      shader,
      {input_type(call), type_of(call[kWeight]), type_of(call[kY]), static_cast<std::uint32_t>(tile)}};
  return recorder.dispatch(kernel, arguments,
                           tiles_of(arguments.tokens, tile) * tiles_of(arguments.outputs, kTileOutputs));
}

Status launch_portable(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_ASSIGN_OR_RETURN(Arguments arguments, prepare_input(recorder, call, scratch, Rounded::kCodes));
  const auto element = static_cast<std::uint64_t>(dtype_size(call[kWeight].desc.dtype));
  for (const WeightPiece& piece : call[kWeight].weight->pieces) {
    arguments.w = address(piece.buffer, piece.offset);
    arguments.w_stride = static_cast<std::uint64_t>(piece.row_stride) * element;
    arguments.w_scales = piece.scale_buffer != nullptr ? address(piece.scale_buffer, piece.scale_offset) : 0;
    arguments.w_scale_stride = static_cast<std::uint32_t>(piece.scale_stride);
    arguments.first_row = static_cast<std::uint32_t>(piece.first_row);
    arguments.first_col = static_cast<std::uint32_t>(piece.first_col);
    arguments.outputs = static_cast<std::uint32_t>(piece.rows);
    TAMIS_RETURN_IF_ERROR(dispatch_tiles(recorder, call, "linear/portable", arguments));
    arguments.y += static_cast<std::uint64_t>(piece.rows) * dtype_size(call[kY].desc.dtype);
  }
  return {};
}

// Also the weight's part of the arguments.
Result<Arguments> prepare_packed(VulkanQueue& recorder, const OpCall& call, const Scratch& scratch,
                                 Rounded form) {
  const Weight& weight = *call[kWeight].weight;
  const std::uint64_t codes = address(weight.packed, weight.packed_offset);
  if (codes % kVectorBytes != 0) {
    return invalid_argument("packed weight at byte {} of its buffer: expected a multiple of {}",
                            weight.packed_offset, kVectorBytes);
  }
  TAMIS_ASSIGN_OR_RETURN(Arguments arguments, prepare_input(recorder, call, scratch, form));
  const RowScalesShape shape = row_scales_shape(weight.desc);
  arguments.w = codes;
  arguments.w_scales = codes + static_cast<std::uint64_t>(shape.scales_offset());
  arguments.w_stride = static_cast<std::uint64_t>(shape.row_bytes);
  arguments.w_scale_stride = static_cast<std::uint32_t>(shape.groups);
  arguments.outputs = static_cast<std::uint32_t>(shape.rows);
  return arguments;
}

Status launch_packed(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_ASSIGN_OR_RETURN(const Arguments arguments, prepare_packed(recorder, call, scratch, Rounded::kCodes));
  return dispatch_tiles(recorder, call, "linear/packed", arguments);
}

Status launch_decode(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_ASSIGN_OR_RETURN(Arguments arguments, prepare_packed(recorder, call, scratch, Rounded::kHalves));
  const std::int64_t tokens = arguments.tokens, width = arguments.width;
  for (std::int64_t first = 0; first < tokens; first += kDecodeTokens) {
    arguments.tokens = static_cast<std::uint32_t>(std::min(kDecodeTokens, tokens - first));
    const Kernel kernel{"linear/packed_decode",
                        {input_type(call), type_of(call[kWeight]), type_of(call[kY]), arguments.tokens, 1,
                         decode_lanes(width)}};
    TAMIS_RETURN_IF_ERROR(
        recorder.dispatch(kernel, arguments, tiles_of(arguments.outputs, decode_outputs(width))));
    arguments.x += kDecodeTokens * arguments.x_stride;
    arguments.x_scales += 4 * kDecodeTokens * arguments.groups;
    arguments.y += kDecodeTokens * arguments.y_stride;
  }
  return {};
}

constexpr auto kRows =
    product_rows({.op = "linear",
                  .names = {"vulkan.linear.packed_decode", "vulkan.linear.packed", "vulkan.linear.portable"},
                  .accepts_packed_decode = accepts_packed,
                  .accepts_packed = accepts_packed,
                  .accepts_stored = accepts_stored,
                  .prefers_decode = prefers_few_tokens,
                  .workspace_decode = workspace<Rounded::kHalves>,
                  .workspace = workspace<Rounded::kCodes>,
                  .launch_packed_decode = launch_decode,
                  .launch_packed = launch_packed,
                  .launch_stored = launch_portable});

}  // namespace

std::span<const KernelRow> rows_linear() { return kRows; }

}  // namespace tamis::vulkan
