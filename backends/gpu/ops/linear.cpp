// Portable rows of linear on CUDA and HIP. With act_quant each first rounds the activations into the
// workspace. Packed FP8 weights are one launch; stored ones a launch per piece, each for its own output
// columns.
#include "core/ops/linear/linear.h"

#include "backends/gpu/products.h"
#include "kernels_gpu/linear/launch.h"

namespace tamis::gpu {
namespace {

using namespace linear_operand;

Quantized quantized_x(const OpCall& call) {
  return quantized_shape(call.as<LinearParams>().act_quant, call[kX].desc.dim(0), call[kX].desc.dim(1));
}

std::int64_t workspace(const DeviceInfo&, const OpCall& call) { return quantized_x(call).bytes; }

Reason accept_dtypes(const OpCall& call) {
  if (Reason why = accept_activations("x", call[kX]); !why.accepted()) return why;
  return accept_activations("y", call[kY]);
}

Reason accepts_stored(const DeviceInfo&, const OpCall& call) {
  if (Reason why = accept_dtypes(call); !why.accepted()) return why;
  return accept_stored(call[kWeight]);
}

Reason accepts_packed(const DeviceInfo&, const OpCall& call) {
  if (Reason why = accept_dtypes(call); !why.accepted()) return why;
  return accept_row_scales(call[kWeight]);
}

Reason prefers_few_tokens(const DeviceInfo&, const OpCall& call) {
  return call[kX].desc.dim(0) <= kDecodeTokens ? accept() : reason::slower("more than 8 tokens");
}

// Everything but w; x is rounded first where the call says so.
Result<Linear> prepare_call(GpuQueue& queue, const OpCall& call, const Scratch& scratch) {
  Linear args;
  args.x.rows = rows_of(call[kX]);
  args.y = rows_of(call[kY]);
  args.tokens = call[kX].desc.dim(0);
  args.k = call[kX].desc.dim(1);
  const Quantized shape = quantized_x(call);
  if (shape.bytes == 0) return args;
  std::byte* codes = address_of(scratch.workspace, scratch.workspace_offset);
  const ActQuant mode = call.as<LinearParams>().act_quant;
  TAMIS_ASSIGN_OR_RETURN(args.x, quantize(queue, "linear", mode, planes_of(call[kX]), shape, codes));
  return args;
}

Status launch_kernel(GpuQueue& queue, const Linear& args, bool decode) {
  return decode ? queue.submit("linear", launch_linear_decode, args)
                : queue.submit("linear", launch_linear_tiled, args);
}

template <bool decode>
Status launch_packed(Queue& queue, const OpCall& call, const Scratch& scratch) {
  auto& gpu_queue = static_cast<GpuQueue&>(queue);
  const Weight& weight = *call[kWeight].weight;
  if (weight.stored()) return internal_error("linear: the row reads {} and w is stored", kRowScalesLayout);
  TAMIS_ASSIGN_OR_RETURN(Linear args, prepare_call(gpu_queue, call, scratch));
  args.w = packed_rows(weight);
  args.packed = true;
  return launch_kernel(gpu_queue, args, decode);
}

template <bool decode>
Status launch_stored(Queue& queue, const OpCall& call, const Scratch& scratch) {
  auto& gpu_queue = static_cast<GpuQueue&>(queue);
  const Weight& weight = *call[kWeight].weight;
  TAMIS_ASSIGN_OR_RETURN(Linear args, prepare_call(gpu_queue, call, scratch));
  const auto out_size = static_cast<std::int64_t>(dtype_size(call[kY].desc.dtype));
  std::int64_t column = 0;
  for (const WeightPiece& piece : weight.pieces) {
    args.w = piece_rows(piece, weight.desc.dtype);
    args.y.data = data<std::byte>(call[kY]) + column * out_size;
    TAMIS_RETURN_IF_ERROR(launch_kernel(gpu_queue, args, decode));
    column += piece.rows;
  }
  return {};
}

constexpr auto kRows =
    product_rows({.op = "linear",
                  .names = {TAMIS_GPU_ROOM ".linear.packed_decode", TAMIS_GPU_ROOM ".linear.packed",
                            TAMIS_GPU_ROOM ".linear.decode", TAMIS_GPU_ROOM ".linear.portable"},
                  .accepts_packed = accepts_packed,
                  .accepts_stored = accepts_stored,
                  .prefers_decode = prefers_few_tokens,
                  .workspace = workspace,
                  .launch_packed_decode = launch_packed<true>,
                  .launch_packed = launch_packed<false>,
                  .launch_stored_decode = launch_stored<true>,
                  .launch_stored = launch_stored<false>});

}  // namespace

std::span<const KernelRow> rows_linear() { return kRows; }

}  // namespace tamis::gpu
