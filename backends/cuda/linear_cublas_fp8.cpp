// linear on cuBLASLt's block-scaled e4m3 (12.9 and later, Hopper): x with a scale for 128 columns of a row, w
// with one for 128 x 128, as checkpoints of DeepSeek-V3 store it.
#include "backends/cuda/cublas_lt.h"
#include "backends/cuda/grouped_gemm_call.h"
#include "backends/cuda/linear_rows.h"
#include "core/ops/linear/linear.h"
#include "kernels_cuda/moe_grouped_gemm/launch.h"

namespace tamis::cuda {
namespace {

using namespace linear_operand;

struct Parts {
  std::int64_t library, codes, scales, bytes;
};

Parts parts_of(const OpCall& call) {
  const std::int64_t tokens = call[kX].desc.dim(0), columns = call[kX].desc.dim(1);
  WorkspaceLayout layout;
  Parts parts{};
  parts.library = layout.add(kCublasLtWorkspace);
  parts.codes = layout.add(tokens * columns);
  parts.scales = layout.add(columns / kWeightBlock * tokens * 4);
  parts.bytes = layout.bytes();
  return parts;
}

Reason accept_piece(const WeightPiece& piece, std::int64_t columns) {
  if (piece.rows % 16 != 0 || piece.row_stride % 16 != 0 || piece.offset % 16 != 0)
    return reject("a piece of the weight is not in multiples of 16");
  if (piece.first_row % kWeightBlock != 0) return reject("a piece of the weight begins inside a scale block");
  if (piece.scale_stride != columns / kWeightBlock || piece.first_col != 0 || piece.scale_offset % 16 != 0)
    return reject("a piece's scales are not the rows of a matrix [N / 128, K / 128]");
  return accept();
}

}  // namespace

Reason accept_linear_cublas_fp8(const DeviceInfo&, const OpCall& call) {
  const DType w = call[kWeight].desc.dtype, y = call[kY].desc.dtype;
  const std::int64_t columns = call[kX].desc.dim(1);
  if (w != DType::kE4M3) return reason::dtype("w", dtype_name(w), "e4m3");
  if (call.as<LinearParams>().act_quant == ActQuant::kNone)
    return reject("act_quant is none, the row multiplies e4m3");
  if (y != DType::kBF16) return reason::dtype("y", dtype_name(y), "bf16");
  const std::int64_t tokens = call[kX].desc.dim(0);
  if (tokens == 0 || tokens % 4 != 0) return reason::size("tokens", tokens, "multiples of 4");
  if (columns == 0 || columns % (4 * kWeightBlock) != 0)
    return reason::size("K", columns, "multiples of 512");
  if (call[kY].desc.dim(1) % 16 != 0) return reason::size("N", call[kY].desc.dim(1), "multiples of 16");
  if (call[kY].desc.stride(0) % 8 != 0 || call[kY].offset % 16 != 0)
    return reject("rows of y are not in multiples of 16 bytes");
  if (const Weight* weight = call[kWeight].weight; weight != nullptr) {
    if (!weight->stored()) return reason::weight_layout(weight->layout);
    for (const WeightPiece& piece : weight->pieces)
      if (Reason why = accept_piece(piece, columns); !why.accepted()) return why;
  }
  return cublas_lt_available();
}

std::int64_t linear_cublas_fp8_workspace(const DeviceInfo&, const OpCall& call) {
  return parts_of(call).bytes;
}

Status launch_linear_cublas_fp8(Queue& queue, const OpCall& call, const Scratch& scratch) {
  auto& cuda_queue = static_cast<CudaQueue&>(queue);
  const Parts parts = parts_of(call);
  const Tensor& y = call[kY];
  const std::int64_t tokens = call[kX].desc.dim(0), columns = call[kX].desc.dim(1);
  const Fp8Planes rounded{workspace_part<std::uint8_t>(scratch, parts.codes),
                          workspace_part<float>(scratch, parts.scales), tokens};
  const QuantizeRowsArgs quantize{.x = const_matrix(call[kX]),
                                  .tokens = tokens,
                                  .columns = columns,
                                  .row_of = nullptr,
                                  .topk = 1,
                                  .planes = rounded,
                                  .pow2 = call.as<LinearParams>().act_quant == ActQuant::kE4M3Group128Pow2,
                                  .dependent = false,
                                  .early = false,
                                  .row_major = true};
  TAMIS_RETURN_IF_ERROR(cuda_queue.launched(quantize_rows(quantize, cuda_queue.stream())));
  std::int64_t column = 0;
  for (const WeightPiece& piece : call[kWeight].weight->pieces) {
    const std::int64_t scale = piece.first_row / kWeightBlock * piece.scale_stride * 4;
    const LtProduct product{.x = {rounded.codes, columns, Element::kE4M3},
                            .w = {address(piece.buffer, piece.offset), piece.row_stride, Element::kE4M3},
                            .scales = {rounded.scales, reinterpret_cast<const float*>(address(
                                                           piece.scale_buffer, piece.scale_offset + scale))},
                            .y = {address(y.buffer, y.offset + column * 2), y.desc.stride(0), Element::kBF16},
                            .tokens = tokens,
                            .n = piece.rows,
                            .k = columns,
                            .workspace = workspace_part<void>(scratch, parts.library)};
    TAMIS_RETURN_IF_ERROR(cublas_lt_product(product, cuda_queue.stream()));
    TAMIS_RETURN_IF_ERROR(cuda_queue.launched(cudaSuccess));
    column += piece.rows;
  }
  return {};
}

}  // namespace tamis::cuda
