// CUDA rows of linear, those on matrix units first (linear_rows.h). FP8 weights are read in the layout
// row_scales; any weight as stored by the portable row, one launch a piece. act_quant is a pass of its own
// before the product: x rounded to e4m3 and back, f32.
#include "core/ops/linear/linear.h"

#include "backends/cuda/linear_rows.h"
#include "backends/cuda/tensor_args.h"
#include "core/backend/row_scales_layout.h"
#include "kernels_cuda/linear/launch.h"

namespace tamis::cuda {
namespace {

using namespace linear_operand;

std::int64_t workspace(const DeviceInfo&, const OpCall& call) {
  return call.as<LinearParams>().act_quant == ActQuant::kNone ? 0 : call[kX].desc.elements() * 4;
}

Reason accepts_packed(const DeviceInfo&, const OpCall& call) { return accept_row_scales(call[kWeight]); }

Reason accepts_stored(const DeviceInfo&, const OpCall& call) {
  const Weight* weight = call[kWeight].weight;
  return weight != nullptr && !weight->stored() ? reason::weight_layout(weight->layout) : accept();
}

Reason prefers_decode(const DeviceInfo&, const OpCall& call) {
  return call[kX].desc.dim(0) <= kDecodeTokens ? accept() : reason::slower("more than 8 tokens");
}

// The activations that the product reads: x itself, or its quantised values in the workspace.
Result<ConstMatrix> activations(CudaQueue& queue, const OpCall& call, const Scratch& scratch) {
  const ConstMatrix x = const_matrix(call[kX]);
  const ActQuant quant = call.as<LinearParams>().act_quant;
  if (quant == ActQuant::kNone) return x;
  const std::int64_t k = call[kX].desc.dim(1);
  auto* rounded = reinterpret_cast<float*>(address(scratch.workspace, scratch.workspace_offset));
  const FakeQuantArgs args{x, rounded, call[kX].desc.dim(0), k, quant == ActQuant::kE4M3Group128Pow2};
  TAMIS_RETURN_IF_ERROR(queue.launched(fake_quantize(args, queue.stream())));
  return ConstMatrix{rounded, k, Element::kF32};
}

template <cudaError_t (*kernel)(const LinearPackedArgs&, cudaStream_t)>
Status launch_packed(Queue& queue, const OpCall& call, const Scratch& scratch) {
  auto& cuda_queue = static_cast<CudaQueue&>(queue);
  TAMIS_ASSIGN_OR_RETURN(const ConstMatrix x, activations(cuda_queue, call, scratch));
  const Weight& weight = *call[kWeight].weight;
  const RowScalesShape shape = row_scales_shape(weight.desc);
  const std::byte* codes = address(weight.packed, weight.packed_offset);
  const LinearPackedArgs args{.x = x,
                              .codes = reinterpret_cast<const std::uint8_t*>(codes),
                              .row_bytes = shape.row_bytes,
                              .scales = reinterpret_cast<const float*>(codes + shape.scales_offset()),
                              .groups = shape.groups,
                              .y = matrix(call[kY]),
                              .tokens = call[kX].desc.dim(0),
                              .n = shape.rows,
                              .k = shape.cols};
  return cuda_queue.launched(kernel(args, cuda_queue.stream()));
}

Status launch_stored(Queue& queue, const OpCall& call, const Scratch& scratch) {
  auto& cuda_queue = static_cast<CudaQueue&>(queue);
  TAMIS_ASSIGN_OR_RETURN(const ConstMatrix x, activations(cuda_queue, call, scratch));
  const Tensor& y = call[kY];
  const Element type = element_of(call[kWeight].desc.dtype);
  std::int64_t column = 0;
  for (const WeightPiece& piece : call[kWeight].weight->pieces) {
    const std::int64_t y_offset = column * static_cast<std::int64_t>(dtype_size(y.desc.dtype));
    const LinearArgs args{
        .x = x,
        .w = {address(piece.buffer, piece.offset), piece.row_stride, type},
        .scales = reinterpret_cast<const float*>(address(piece.scale_buffer, piece.scale_offset)),
        .scale_stride = piece.scale_stride,
        .scale_first_row = piece.first_row,
        .scale_first_col = piece.first_col,
        .y = {address(y.buffer, y.offset + y_offset), y.desc.stride(0), element_of(y.desc.dtype)},
        .tokens = call[kX].desc.dim(0),
        .n = piece.rows,
        .k = call[kX].desc.dim(1)};
    TAMIS_RETURN_IF_ERROR(cuda_queue.launched(linear_portable(args, cuda_queue.stream())));
    column += piece.rows;
  }
  return {};
}

constexpr KernelRow kRows[] = {
    kLinearDecode,
    kLinearWgmma,
    kLinearCublas,
    kLinearMma,
    {.name = "cuda.linear.packed_decode",
     .op = "linear",
     .families = "packed",
     .needs = {.arch_min = 80},
     .accepts = accepts_packed,
     .prefers = prefers_decode,
     .weight_layout = row_scales_layout,
     .pack = pack_row_scales,
     .workspace = workspace,
     .launch = launch_packed<&linear_packed_decode>},
    {.name = "cuda.linear.packed",
     .op = "linear",
     .families = "packed",
     .needs = {.arch_min = 80},
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accepts_packed,
     .weight_layout = row_scales_layout,
     .pack = pack_row_scales,
     .workspace = workspace,
     .launch = launch_packed<&linear_packed>},
    {.name = "cuda.linear.portable",
     .op = "linear",
     .families = "portable",
     .needs = {.arch_min = 80},
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accepts_stored,
     .workspace = workspace,
     .launch = launch_stored},
};

}  // namespace

std::span<const KernelRow> rows_linear() { return kRows; }

}  // namespace tamis::cuda
