#include "backends/cuda/linear_rows.h"

#include <algorithm>

#include "backends/cuda/cublas_lt.h"
#include "backends/cuda/grouped_gemm_call.h"
#include "core/ops/linear/linear.h"
#include "kernels_cuda/linear/launch.h"

namespace tamis::cuda {
namespace {

using namespace linear_operand;

constexpr std::int64_t kMostGemvSize = 1 << 20;

GroupedCall one_matrix(const OpCall& call) {
  return {call[kX], call[kWeight], call[kY], nullptr, call.as<LinearParams>().act_quant};
}

}  // namespace

Reason accept_linear_decode(const DeviceInfo&, const OpCall& call) {
  return accept_decode_fp8(one_matrix(call));
}

Status launch_linear_decode(Queue& queue, const OpCall& call, const Scratch& scratch) {
  return launch_decode_fp8(static_cast<CudaQueue&>(queue), one_matrix(call), scratch);
}

Reason accept_linear_wgmma(const DeviceInfo&, const OpCall& call) {
  return accept_grouped_fp8(one_matrix(call));
}

std::int64_t linear_fp8_workspace(const DeviceInfo&, const OpCall& call) {
  return grouped_fp8_workspace(one_matrix(call));
}

Status launch_linear_wgmma(Queue& queue, const OpCall& call, const Scratch& scratch) {
  return launch_grouped_fp8(static_cast<CudaQueue&>(queue), one_matrix(call), scratch);
}

Reason accept_linear_mma_fp8(const DeviceInfo& device, const OpCall& call) {
  return accept_grouped_fp8_mma(device, one_matrix(call));
}

Status launch_linear_mma_fp8(Queue& queue, const OpCall& call, const Scratch& scratch) {
  return launch_grouped_fp8_mma(static_cast<CudaQueue&>(queue), one_matrix(call), scratch);
}

Reason accept_linear_mma(const DeviceInfo&, const OpCall& call) {
  return accept_grouped_mma(one_matrix(call));
}

std::int64_t linear_mma_workspace(const DeviceInfo&, const OpCall& call) {
  return grouped_mma_workspace(one_matrix(call));
}

Status launch_linear_mma(Queue& queue, const OpCall& call, const Scratch& scratch) {
  return launch_grouped_mma(static_cast<CudaQueue&>(queue), one_matrix(call), scratch);
}

Reason accept_linear_gemv(const DeviceInfo&, const OpCall& call) {
  const TensorDesc& x = call[kX].desc;
  const DType w = call[kWeight].desc.dtype;
  if (call.as<LinearParams>().act_quant != ActQuant::kNone) return reject("act_quant is not none");
  if (w != DType::kBF16 && w != DType::kF16) return reason::dtype("w", dtype_name(w), "bf16, f16");
  if (x.dtype == DType::kF32) return reason::dtype("x", "f32", "bf16, f16");
  if (x.dim(1) % 8 != 0) return reason::size("K", x.dim(1), "multiples of 8");
  if (std::max(x.dim(0), x.dim(1)) > kMostGemvSize)
    return reason::size("tokens or K", std::max(x.dim(0), x.dim(1)), "up to 2^20");
  if (x.dim(0) > 1 && x.stride(0) % 8 != 0)
    return reason::size("row stride of x", x.stride(0), "multiples of 8");
  if (call[kX].offset % 16 != 0) return reason::size("offset of x", call[kX].offset, "multiples of 16");
  const Weight* weight = call[kWeight].weight;
  if (weight == nullptr) return accept();
  if (!weight->stored()) return reason::weight_layout(weight->layout);
  for (const WeightPiece& piece : weight->pieces)
    if (piece.row_stride % 8 != 0 || piece.offset % 16 != 0)
      return reject("a piece of the weight is not in multiples of 16 bytes");
  return accept();
}

Reason prefer_linear_gemv(const DeviceInfo&, const OpCall& call) {
  if (call[kX].desc.dim(0) > 8) return reason::slower("more than 8 tokens");
  return call[kY].desc.dim(1) <= 2048 ? accept() : reason::slower("more than 2048 outputs");
}

Status launch_linear_gemv(Queue& queue, const OpCall& call, const Scratch&) {
  auto& cuda_queue = static_cast<CudaQueue&>(queue);
  const Tensor& y = call[kY];
  GemvArgs args{.x = const_matrix(call[kX]),
                .w = {},
                .y = matrix(y),
                .tokens = static_cast<int>(call[kX].desc.dim(0)),
                .n = 0,
                .k = static_cast<int>(call[kX].desc.dim(1))};
  std::int64_t column = 0;
  for (const WeightPiece& piece : call[kWeight].weight->pieces) {
    args.w = {address(piece.buffer, piece.offset), piece.row_stride, element_of(call[kWeight].desc.dtype)};
    args.y.data = address(y.buffer, y.offset + column * static_cast<std::int64_t>(dtype_size(y.desc.dtype)));
    args.n = static_cast<int>(piece.rows);
    TAMIS_RETURN_IF_ERROR(cuda_queue.launched(gemv(args, cuda_queue.stream())));
    column += piece.rows;
  }
  return {};
}

// Sizes, strides and addresses in multiples of 16 bytes, which every algorithm of the library takes.
Reason accept_linear_cublas(const DeviceInfo&, const OpCall& call) {
  const DType x = call[kX].desc.dtype, w = call[kWeight].desc.dtype, y = call[kY].desc.dtype;
  if (call.as<LinearParams>().act_quant != ActQuant::kNone) return reject("act_quant is not none");
  if (w == DType::kE4M3 || w != x) return reason::dtype("w", dtype_name(w), "x's type");
  if (y != x && y != DType::kF32) return reason::dtype("y", dtype_name(y), "x's type, f32");
  const std::int64_t step = 16 / static_cast<std::int64_t>(dtype_size(x));
  for (std::int64_t size : {call[kX].desc.dim(1), call[kX].desc.stride(0), call[kY].desc.stride(0)})
    if (size % step != 0 || size == 0)
      return reason::size("K or a row stride", size, "multiples of 16 bytes");
  for (std::int64_t offset : {call[kX].offset, call[kY].offset})
    if (offset % 16 != 0) return reason::size("offset", offset, "multiples of 16 bytes");
  if (call[kX].desc.dim(0) == 0) return reject("no tokens");
  const Weight* weight = call[kWeight].weight;
  if (weight != nullptr) {
    if (!weight->stored()) return reason::weight_layout(weight->layout);
    for (const WeightPiece& piece : weight->pieces)
      if (piece.rows % step != 0 || piece.row_stride % step != 0 || piece.offset % 16 != 0)
        return reject("a piece of the weight is not in multiples of 16 bytes");
  }
  return cublas_lt_available();
}

std::int64_t linear_cublas_workspace(const DeviceInfo&, const OpCall&) { return kCublasLtWorkspace; }

Status launch_linear_cublas(Queue& queue, const OpCall& call, const Scratch& scratch) {
  auto& cuda_queue = static_cast<CudaQueue&>(queue);
  const Tensor& y = call[kY];
  LtProduct product{.x = const_matrix(call[kX]),
                    .w = {},
                    .scales = {},
                    .y = matrix(y),
                    .tokens = call[kX].desc.dim(0),
                    .n = 0,
                    .k = call[kX].desc.dim(1),
                    .workspace = workspace_part<void>(scratch, 0)};
  std::int64_t column = 0;
  for (const WeightPiece& piece : call[kWeight].weight->pieces) {
    product.w = {address(piece.buffer, piece.offset), piece.row_stride, product.x.type};
    product.y.data =
        address(y.buffer, y.offset + column * static_cast<std::int64_t>(dtype_size(y.desc.dtype)));
    product.n = piece.rows;
    TAMIS_RETURN_IF_ERROR(cublas_lt_product(product, cuda_queue.stream()));
    TAMIS_RETURN_IF_ERROR(cuda_queue.launched(cudaSuccess));
    column += piece.rows;
  }
  return {};
}

}  // namespace tamis::cuda
