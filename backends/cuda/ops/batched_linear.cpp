// CUDA rows of batched_linear for few tokens.
#include "core/ops/batched_linear/batched_linear.h"

#include "backends/cuda/tensor_args.h"
#include "backends/gpu/products.h"
#include "kernels_cuda/batched_linear/launch.h"

namespace tamis::cuda {
namespace {

using namespace batched_linear_operand;

Reason accepts_fp8(const DeviceInfo&, const OpCall& call) {
  constexpr std::int64_t kMost = 1 << 20;
  const auto& params = call.as<BatchedLinearParams>();
  if (params.act_quant != ActQuant::kNone) return reject("act_quant is not none");
  const std::int64_t heads = call[kX].desc.dim(1), k = call[kX].desc.dim(2), n = call[kY].desc.dim(2);
  const std::int64_t columns = params.w_is_kn ? n : k;
  if (columns % 16 != 0) return reason::size(params.w_is_kn ? "N" : "K", columns, "multiples of 16");
  if (std::max(k, n) > kMost) return reason::size("K or N", std::max(k, n), "up to 2^20");
  if (heads > gpu::kMaxGridY) return reason::size("h", heads, "up to 65535");
  if (call[kX].desc.dim(0) > kMost) return reason::size("tokens", call[kX].desc.dim(0), "up to 2^20");
  if (!params.w_is_kn) {
    if (call[kX].desc.dtype == DType::kF32) return reason::dtype("x", "f32", "bf16, f16");
    for (int d : {0, 1})
      if (call[kX].desc.stride(d) % 8 != 0)
        return reason::size("a stride of x", call[kX].desc.stride(d), "multiples of 8");
    if (call[kX].offset % 16 != 0) return reason::size("offset of x", call[kX].offset, "multiples of 16");
  }
  return accept_row_scales(call[kWeight]);
}

Reason prefers_few_tokens(const DeviceInfo&, const OpCall& call) {
  return call[kX].desc.dim(0) <= 8 ? accept() : reason::slower("more than 8 tokens");
}

Status launch_fp8(Queue& queue, const OpCall& call, const Scratch&) {
  auto& cuda_queue = static_cast<CudaQueue&>(queue);
  const TensorDesc &x = call[kX].desc, &y = call[kY].desc;
  const gpu::WeightRows w = gpu::packed_rows(*call[kWeight].weight);
  const BatchedFp8Args args{.x = const_matrix(call[kX]),
                            .x_head_stride = x.stride(1),
                            .codes = static_cast<const std::uint8_t*>(w.rows.data),
                            .row_bytes = w.rows.stride,
                            .scales = w.scales,
                            .groups = w.scale_stride,
                            .y = matrix(call[kY]),
                            .y_head_stride = y.stride(1),
                            .tokens = static_cast<int>(x.dim(0)),
                            .heads = static_cast<int>(x.dim(1)),
                            .k = static_cast<int>(x.dim(2)),
                            .n = static_cast<int>(y.dim(2))};
  const auto kernel = call.as<BatchedLinearParams>().w_is_kn ? batched_decode_kn : batched_decode_nk;
  return cuda_queue.launched(kernel(args, cuda_queue.stream()));
}

constexpr KernelRow kRows[] = {{.name = "cuda.batched_linear.decode_sm80_fp8",
                                .op = "batched_linear",
                                .families = "packed",
                                .needs = {.arch_min = 80},
                                .accepts = accepts_fp8,
                                .prefers = prefers_few_tokens,
                                .weight_layout = row_scales_layout,
                                .pack = pack_row_scales,
                                .launch = launch_fp8}};

}  // namespace

std::span<const KernelRow> rows_batched_linear() { return kRows; }

}  // namespace tamis::cuda
