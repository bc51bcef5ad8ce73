// CUDA rows of moe_experts. wgmma on e4m3 (Hopper): five launches, each but the first started while the one
// before drains. mma.sync on 16 bits: any GPU, and what the first does not take.
#include "core/ops/moe_experts/moe_experts.h"

#include "backends/cuda/grouped_gemm_call.h"
#include "backends/cuda/moe_experts_mma.h"
#include "kernels_cuda/moe_combine/launch.h"
#include "kernels_cuda/moe_permute/launch.h"

namespace tamis::cuda {
namespace {

using namespace moe_experts_operand;

struct Shape {
  std::int64_t tokens, topk, rows, experts, hidden, inner;

  explicit Shape(const OpCall& call)
      : tokens(call[kX].desc.dim(0)),
        topk(call[kIds].desc.dim(1)),
        rows(tokens * topk),
        experts(call[kW2].desc.dim(0)),
        hidden(call[kX].desc.dim(1)),
        inner(call[kW2].desc.dim(2)) {}
};

// Where the intermediates lie in the workspace. Copies of a token are rows, sorted by expert.
struct Parts {
  std::int64_t row_of, offsets, x, x_scales, product, product_scales, y, bytes;

  explicit Parts(const Shape& s) {
    const std::int64_t capacity = fp8_plane_capacity(s.rows), groups = (s.hidden + 127) / 128;
    WorkspaceLayout layout;
    row_of = layout.add(s.rows * 4);
    offsets = layout.add((s.experts + 1) * 4);
    x = layout.add(groups * capacity * 128);
    x_scales = layout.add(groups * capacity * 4);
    product = layout.add(s.inner * capacity);
    product_scales = layout.add(s.inner / 128 * capacity * 4);
    y = layout.add(s.rows * s.hidden * 2);
    bytes = layout.bytes();
  }
};

Reason accepts(const DeviceInfo&, const OpCall& call) {
  const Shape s(call);
  if (call[kX].desc.dtype != DType::kBF16) return reason::dtype("x", dtype_name(call[kX].desc.dtype), "bf16");
  if (call.as<MoeExpertsParams>().act_quant == ActQuant::kNone)
    return reject("act_quant is none, the row multiplies e4m3");
  if (s.inner % 128 != 0) return reason::size("I", s.inner, "multiples of 128");
  if (s.hidden % 8 != 0) return reason::size("H", s.hidden, "multiples of 8");
  if (s.experts > kMaxGroupedExperts) return reason::size("experts", s.experts, "up to 1024");
  if (s.rows > (1 << 30)) return reason::size("rows", s.rows, "up to 2^30");
  for (int i : {kW13, kW2}) {
    if (call[i].desc.dtype != DType::kE4M3)
      return reason::dtype(i == kW13 ? "w13" : "w2", dtype_name(call[i].desc.dtype), "e4m3");
    if (Reason why = accept_tiles(call[i]); !why.accepted()) return why;
  }
  return accept();
}

std::int64_t workspace(const DeviceInfo&, const OpCall& call) { return Parts(Shape(call)).bytes; }

Status sort_and_quantize(CudaQueue& queue, const OpCall& call, const Scratch& scratch, const Fp8Planes& x) {
  const Shape s(call);
  const Parts parts(s);
  const MoeSortArgs sort{.ids = pointer<const std::int32_t>(call[kIds]),
                         .ids_stride = call[kIds].desc.stride(0),
                         .tokens = s.tokens,
                         .topk = s.topk,
                         .n_experts = static_cast<std::int32_t>(s.experts),
                         .row_of = workspace_part<std::int32_t>(scratch, parts.row_of),
                         .offsets = workspace_part<std::int32_t>(scratch, parts.offsets),
                         .dependent = true};
  TAMIS_RETURN_IF_ERROR(queue.launched(moe_sort(sort, queue.stream())));
  const QuantizeRowsArgs quantize{
      .x = const_matrix(call[kX]),
      .tokens = s.tokens,
      .columns = s.hidden,
      .row_of = sort.row_of,
      .topk = s.topk,
      .planes = x,
      .pow2 = call.as<MoeExpertsParams>().act_quant == ActQuant::kE4M3Group128Pow2,
      .dependent = true,
      .early = false};  // the product reads the sorted offsets before it waits
  return queue.launched(quantize_rows(quantize, queue.stream()));
}

Status multiply(CudaQueue& queue, const OpCall& call, const Scratch& scratch, const Fp8Planes& x) {
  const Shape s(call);
  const Parts parts(s);
  const Fp8Planes product{workspace_part<std::uint8_t>(scratch, parts.product),
                          workspace_part<float>(scratch, parts.product_scales), x.capacity};
  GroupedFp8Args args{.w = weight_tiles(call[kW13]),
                      .x = x,
                      .offsets = workspace_part<std::int32_t>(scratch, parts.offsets),
                      .rows = s.rows,
                      .expected_rows = (s.rows + s.experts - 1) / s.experts,
                      .y = {workspace_part<std::uint16_t>(scratch, parts.y), s.hidden, Element::kBF16},
                      .product = product,
                      .pow2 = call.as<MoeExpertsParams>().act_quant == ActQuant::kE4M3Group128Pow2,
                      .dependent = true};
  TAMIS_RETURN_IF_ERROR(queue.launched(grouped_fp8_gate_up_sm90(args, queue.stream())));
  args.w = weight_tiles(call[kW2]);
  args.x = product;
  return queue.launched(grouped_fp8_sm90(args, queue.stream()));
}

Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  auto& cuda_queue = static_cast<CudaQueue&>(queue);
  const Shape s(call);
  const Parts parts(s);
  const Fp8Planes x{workspace_part<std::uint8_t>(scratch, parts.x),
                    workspace_part<float>(scratch, parts.x_scales), fp8_plane_capacity(s.rows)};
  TAMIS_RETURN_IF_ERROR(sort_and_quantize(cuda_queue, call, scratch, x));
  TAMIS_RETURN_IF_ERROR(multiply(cuda_queue, call, scratch, x));
  const bool shared = call[kShared].present();
  const MoeCombineArgs combine{
      .y = {workspace_part<std::uint16_t>(scratch, parts.y), s.hidden, Element::kBF16},
      .row_of = workspace_part<std::int32_t>(scratch, parts.row_of),
      .row_of_stride = s.topk,
      .weights = pointer<const float>(call[kWeights]),
      .weights_stride = call[kWeights].desc.stride(0),
      .shared = shared ? const_matrix(call[kShared]) : ConstMatrix{nullptr, 0, Element::kF32},
      .out = matrix(call[kOut]),
      .rows = s.rows,
      .tokens = s.tokens,
      .topk = s.topk,
      .hidden = s.hidden,
      .dependent = true};
  return cuda_queue.launched(moe_combine(combine, cuda_queue.stream()));
}

constexpr KernelRow kRows[] = {
    {.name = "cuda.moe_experts.wgmma_sm90_fp8",
     .op = "moe_experts",
     .families = "wgmma deep_gemm triton",
     .needs = {.arch_min = 90, .arch_max = 100},
     .numerics = {.accuracy = "e4m3_act", .invariance = Invariance::kBatch},
     .accepts = accepts,
     .weight_layout = tiles_layout,
     .pack = pack_tiles,
     .workspace = workspace,
     .launch = launch},
    {.name = "cuda.moe_experts.mma_sm80",
     .op = "moe_experts",
     .families = "mma triton",
     .needs = {.arch_min = 80},
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accept_experts_mma,
     .weight_layout = tiles_layout,
     .pack = pack_tiles,
     .workspace = experts_mma_workspace,
     .launch = launch_experts_mma},
};

}  // namespace

std::span<const KernelRow> rows_moe_experts() { return kRows; }

}  // namespace tamis::cuda
