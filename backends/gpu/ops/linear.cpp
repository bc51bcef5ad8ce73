// Portable rows of linear on CUDA and HIP. With act_quant each first rounds the activations into the
// workspace. Packed FP8 weights are one launch; stored ones a launch per piece, each for its own output
// columns.
#include "core/ops/linear/linear.h"

#include "backends/gpu/operands.h"
#include "core/backend/row_scales_layout.h"
#include "kernels_gpu/linear/launch.h"

namespace tamis::gpu {
namespace {

using namespace linear_operand;

constexpr std::int64_t kScaleAlignment = 16;
constexpr int kWeightBlockLog2 = 7;
static_assert(kWeightBlock == 1 << kWeightBlockLog2);

// Workspace of act_quant: codes [tokens, K], then scales f32 [tokens, groups].
struct Quantized {
  std::int64_t groups = 0;
  std::int64_t scales_offset = 0;
  std::int64_t bytes = 0;
};

Quantized quantized_shape(const OpCall& call) {
  if (call.as<LinearParams>().act_quant == ActQuant::kNone) return {};
  const std::int64_t tokens = call[kX].desc.dim(0), k = call[kX].desc.dim(1);
  Quantized shape;
  shape.groups = (k + kQuantGroup - 1) / kQuantGroup;
  shape.scales_offset = (tokens * k + kScaleAlignment - 1) / kScaleAlignment * kScaleAlignment;
  shape.bytes = shape.scales_offset + 4 * tokens * shape.groups;
  return shape;
}

std::int64_t workspace(const DeviceInfo&, const OpCall& call) { return quantized_shape(call).bytes; }

Reason accept_dtypes(const OpCall& call) {
  if (!is_activation(call[kX].desc.dtype))
    return reason::dtype("x", dtype_name(call[kX].desc.dtype), "f32, bf16, f16");
  if (!is_activation(call[kY].desc.dtype))
    return reason::dtype("y", dtype_name(call[kY].desc.dtype), "f32, bf16, f16");
  return accept();
}

Reason accepts_stored(const DeviceInfo&, const OpCall& call) {
  if (Reason why = accept_dtypes(call); !why.accepted()) return why;
  const Weight* weight = call[kWeight].weight;
  return weight == nullptr || weight->stored() ? accept() : reason::weight_layout(weight->layout);
}

Reason accepts_packed(const DeviceInfo&, const OpCall& call) {
  if (Reason why = accept_dtypes(call); !why.accepted()) return why;
  return accept_row_scales(call[kWeight]);
}

Reason prefers_few_tokens(const DeviceInfo&, const OpCall& call) {
  return call[kX].desc.dim(0) <= kDecodeTokens ? accept() : reason::slower("more than 8 tokens");
}

WeightRows piece_rows(const WeightPiece& piece, DType dtype) {
  WeightRows rows;
  rows.rows = {address_of(piece.buffer, piece.offset), piece.row_stride, element_of(dtype)};
  rows.count = piece.rows;
  if (piece.scale_buffer == nullptr) return rows;
  rows.scales = reinterpret_cast<const float*>(address_of(piece.scale_buffer, piece.scale_offset));
  rows.scale_stride = piece.scale_stride;
  rows.rows_per_scale_log2 = kWeightBlockLog2;
  rows.first_row = piece.first_row;
  rows.first_col = piece.first_col;
  return rows;
}

WeightRows packed_rows(const Weight& weight) {
  const RowScalesShape shape = row_scales_shape(weight.desc);
  std::byte* codes = address_of(weight.packed, weight.packed_offset);
  WeightRows rows;
  rows.rows = {codes, shape.row_bytes, Element::kE4M3};
  rows.count = shape.rows;
  rows.scales = reinterpret_cast<const float*>(codes + shape.scales_offset());
  rows.scale_stride = shape.groups;
  return rows;
}

// Everything but w; x is rounded first where the call says so.
Result<Linear> prepare_call(GpuQueue& queue, const OpCall& call, const Scratch& scratch) {
  Linear args;
  args.x.rows = rows_of(call[kX]);
  args.y = rows_of(call[kY]);
  args.tokens = call[kX].desc.dim(0);
  args.k = call[kX].desc.dim(1);
  const Quantized shape = quantized_shape(call);
  if (shape.bytes == 0) return args;
  std::byte* codes = address_of(scratch.workspace, scratch.workspace_offset);
  Quantize quantize;
  quantize.x = args.x.rows;
  quantize.out.rows = {codes, args.k, Element::kE4M3};
  quantize.out.scales = reinterpret_cast<const float*>(codes + shape.scales_offset);
  quantize.out.groups = shape.groups;
  quantize.tokens = args.tokens;
  quantize.k = args.k;
  quantize.pow2 = call.as<LinearParams>().act_quant == ActQuant::kE4M3Group128Pow2;
  TAMIS_RETURN_IF_ERROR(queue.submit("linear", launch_quantize, quantize));
  args.x = quantize.out;
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

constexpr KernelRow kRows[] = {
    {.name = TAMIS_GPU_ROOM ".linear.packed_decode",
     .op = "linear",
     .families = "packed",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accepts_packed,
     .prefers = prefers_few_tokens,
     .weight_layout = row_scales_layout,
     .pack = pack_row_scales,
     .workspace = workspace,
     .launch = launch_packed<true>},
    {.name = TAMIS_GPU_ROOM ".linear.packed",
     .op = "linear",
     .families = "packed",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accepts_packed,
     .weight_layout = row_scales_layout,
     .pack = pack_row_scales,
     .workspace = workspace,
     .launch = launch_packed<false>},
    {.name = TAMIS_GPU_ROOM ".linear.decode",
     .op = "linear",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accepts_stored,
     .prefers = prefers_few_tokens,
     .workspace = workspace,
     .launch = launch_stored<true>},
    {.name = TAMIS_GPU_ROOM ".linear.portable",
     .op = "linear",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accepts_stored,
     .workspace = workspace,
     .launch = launch_stored<false>},
};

}  // namespace

std::span<const KernelRow> rows_linear() { return kRows; }

}  // namespace tamis::gpu
