// CUDA rows of batched_linear: a few tokens times e4m3, and mma.sync for more.
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

// Stored 16-bit weights: rows one stride apart, every head whole in a piece.
Reason accept_pieces(const OpCall& call) {
  const Weight* weight = call[kWeight].weight;
  if (weight == nullptr) return accept();
  if (!weight->stored()) return reason::weight_layout(weight->layout);
  const std::int64_t rows = weight->desc.dim(1);
  for (const WeightPiece& piece : weight->pieces) {
    if (piece.row_stride % 8 != 0 || piece.offset % 16 != 0)
      return reject("a piece of the weight is not in multiples of 16 bytes");
    if (piece.row_stride != weight->pieces[0].row_stride)
      return reject("pieces of the weight have rows of different strides");
    if (piece.rows % rows != 0) return reject("a piece of the weight ends within a head");
  }
  return accept();
}

Reason accepts_mma(const DeviceInfo&, const OpCall& call) {
  constexpr std::int64_t kMost = 1 << 20;
  const TensorDesc &x = call[kX].desc, &y = call[kY].desc;
  const DType w = call[kWeight].desc.dtype;
  if (call.as<BatchedLinearParams>().act_quant != ActQuant::kNone) return reject("act_quant is not none");
  if (x.dtype == DType::kF32) return reason::dtype("x", "f32", "bf16, f16");
  if (w != DType::kE4M3 && w != x.dtype) return reason::dtype("w", dtype_name(w), "e4m3 or x's type");
  const std::int64_t tokens = x.dim(0), heads = x.dim(1), most = std::max(x.dim(2), y.dim(2));
  if (most > kMost) return reason::size("K or N", most, "up to 2^20");
  if (x.dim(2) == 0) return reject("K is 0");
  if (tokens > kMost) return reason::size("tokens", tokens, "up to 2^20");
  if (const auto tiles = batched_mma_tiles(tokens, std::min<std::int64_t>(heads, kMaxMmaHeads), y.dim(2));
      tiles > kMaxMmaTiles)
    return reason::size("tiles of 128 x 128", tiles, "up to 2^30");
  for (int d : {0, 1})
    if (x.dim(d) > 1 && x.stride(d) % 8 != 0)
      return reason::size("a stride of x", x.stride(d), "multiples of 8");
  if (call[kX].offset % 16 != 0) return reason::size("offset of x", call[kX].offset, "multiples of 16");
  return w == DType::kE4M3 ? accept_row_scales(call[kWeight]) : accept_pieces(call);
}

// 16-bit vectors at multiples of 8 bytes.
bool y_in_vectors(const Tensor& y) {
  return y.desc.dtype != DType::kF32 && y.desc.stride(0) % 4 == 0 && y.desc.stride(1) % 4 == 0 &&
         y.offset % 8 == 0;
}

// The operands of heads [first, first + heads).
BatchedMmaArgs mma_args(const OpCall& call, std::int64_t first, std::int64_t heads) {
  const Tensor &x = call[kX], &y = call[kY];
  BatchedMmaArgs args{.x = const_matrix(x),
                      .x_head_stride = x.desc.stride(1),
                      .heads_at = {},
                      .w_stride = 0,
                      .row_bytes = 0,
                      .scales = nullptr,
                      .groups = 0,
                      .y = matrix(y),
                      .y_head_stride = y.desc.stride(1),
                      .y_vectors = y_in_vectors(y),
                      .w_is_kn = call.as<BatchedLinearParams>().w_is_kn,
                      .tokens = static_cast<int>(x.desc.dim(0)),
                      .heads = static_cast<int>(heads),
                      .k = static_cast<int>(x.desc.dim(2)),
                      .n = static_cast<int>(y.desc.dim(2)),
                      .units = 0};
  const auto bytes = [](const Tensor& t) { return static_cast<std::int64_t>(dtype_size(t.desc.dtype)); };
  args.x.data = address(x.buffer, x.offset + first * x.desc.stride(1) * bytes(x));
  args.y.data = address(y.buffer, y.offset + first * y.desc.stride(1) * bytes(y));
  return args;
}

void set_packed_heads(const Weight& weight, std::int64_t first, BatchedMmaArgs& args) {
  const gpu::WeightRows w = gpu::packed_rows(weight);
  const std::int64_t rows = weight.desc.dim(1);
  args.w_stride = w.rows.stride;
  args.row_bytes = static_cast<int>(w.rows.stride);
  args.scales = w.scales + first * rows * w.scale_stride;
  args.groups = w.scale_stride;
  for (std::int64_t h = 0; h < args.heads; ++h)
    args.heads_at[h] = static_cast<const std::uint8_t*>(w.rows.data) + (first + h) * rows * w.rows.stride;
}

void set_stored_heads(const Weight& weight, std::int64_t first, BatchedMmaArgs& args) {
  const std::int64_t rows = weight.desc.dim(1);
  args.w_stride = weight.pieces[0].row_stride * 2;
  std::int64_t head = 0;
  for (const WeightPiece& piece : weight.pieces) {
    for (std::int64_t row = 0; row < piece.rows; row += rows, ++head) {
      if (head < first || head >= first + args.heads) continue;
      args.heads_at[head - first] =
          reinterpret_cast<const std::uint8_t*>(address(piece.buffer, piece.offset + row * args.w_stride));
    }
  }
}

Status launch_mma(Queue& queue, const OpCall& call, const Scratch&) {
  auto& cuda_queue = static_cast<CudaQueue&>(queue);
  const Weight& weight = *call[kWeight].weight;
  const std::int64_t heads = call[kX].desc.dim(1);
  for (std::int64_t first = 0; first < heads; first += kMaxMmaHeads) {
    BatchedMmaArgs args = mma_args(call, first, std::min<std::int64_t>(heads - first, kMaxMmaHeads));
    if (weight.desc.dtype == DType::kE4M3) {
      set_packed_heads(weight, first, args);
    } else {
      set_stored_heads(weight, first, args);
    }
    args.units = cuda_queue.multiprocessors();
    TAMIS_RETURN_IF_ERROR(cuda_queue.launched(batched_mma(args, cuda_queue.stream())));
  }
  return {};
}

constexpr KernelRow kRows[] = {{.name = "cuda.batched_linear.decode_sm80_fp8",
                                .op = "batched_linear",
                                .families = "packed",
                                .needs = {.arch_min = 80},
                                .accepts = accepts_fp8,
                                .prefers = prefers_few_tokens,
                                .weight_layout = row_scales_layout,
                                .pack = pack_row_scales,
                                .launch = launch_fp8},
                               {.name = "cuda.batched_linear.mma_sm80",
                                .op = "batched_linear",
                                .families = "mma",
                                .needs = {.arch_min = 80},
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts_mma,
                                .weight_layout = row_scales_layout,
                                .pack = pack_row_scales,
                                .launch = launch_mma}};

}  // namespace

std::span<const KernelRow> rows_batched_linear() { return kRows; }

}  // namespace tamis::cuda
