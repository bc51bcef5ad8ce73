// moe_experts on the queue: the kernels of its decomposition one after the other over planned workspace,
// without the copies of moe_permute (w13's product reads the tokens through the order) and without the zeros
// that nobody reads. act_quant rounds every token once, not once per expert.
//
//   order, [codes of x], w13, silu_mul, [codes of the product], w2, combine: 5 to 7 launches, more if the
//   weights lie in many pieces
#pragma once

#include "core/ops/moe_experts/moe_experts.h"

#include "backends/gpu/grouped_gemm.h"
#include "kernels_gpu/moe_combine/launch.h"
#include "kernels_gpu/moe_permute/launch.h"
#include "kernels_gpu/silu_mul/launch.h"

namespace tamis::gpu {

inline constexpr const char* kExpertsName = "moe_experts";

// Sizes of a call, and where its intermediates lie in the workspace, in bytes. The experts' outputs take the
// place of gate and up.
struct ExpertsLayout {
  std::int64_t tokens, topk, rows, hidden, inner, experts;
  Quantized x_codes, inner_codes;  // at `codes`, one after the other's use
  std::int64_t row_of = 0, token_of = 0, offsets = 0, gate_up = 0, product = 0, codes = 0, bytes = 0;

  explicit ExpertsLayout(const OpCall& call)
      : tokens(call[moe_experts_operand::kIds].desc.dim(0)),
        topk(call[moe_experts_operand::kIds].desc.dim(1)),
        rows(tokens * topk),
        hidden(call[moe_experts_operand::kW2].desc.dim(1)),
        inner(call[moe_experts_operand::kW2].desc.dim(2)),
        experts(call[moe_experts_operand::kW2].desc.dim(0)) {
    const ActQuant mode = call.as<MoeExpertsParams>().act_quant;
    x_codes = quantized_shape(mode, tokens, hidden);
    inner_codes = quantized_shape(mode, rows, inner);
    const auto size = static_cast<std::int64_t>(dtype_size(call[moe_experts_operand::kX].desc.dtype));
    row_of = add(4 * rows);
    token_of = add(4 * rows);
    offsets = add(4 * (experts + 1));
    gate_up = add(rows * std::max(2 * inner, hidden) * size);
    product = add(rows * inner * size);
    codes = add(std::max(x_codes.bytes, inner_codes.bytes));
  }

 private:
  std::int64_t add(std::int64_t count) {
    constexpr std::int64_t kAlignment = 256;
    const std::int64_t begin = bytes;
    bytes += (count + kAlignment - 1) / kAlignment * kAlignment;
    return begin;
  }
};

inline Reason accept_experts_call(const OpCall& call) {
  using namespace moe_experts_operand;
  for (int i : {kX, kShared, kOut}) {
    if (!call[i].present()) continue;
    const char* name = call.op->operands[static_cast<std::size_t>(i)].name;
    if (Reason why = accept_activations(name, call[i]); !why.accepted()) return why;
  }
  return accept_experts(call[kW2]);
}

// One launch of the row. fnuz: the kernel takes codes of x as Quantize::fnuz says.
class ExpertsLaunch {
 public:
  ExpertsLaunch(GpuQueue& queue, const OpCall& call, std::byte* workspace, GroupedKernel kernel,
                bool fnuz = false)
      : queue_(queue), call_(call), layout_(call), workspace_(workspace), kernel_(kernel) {
    layout_.x_codes.fnuz = layout_.inner_codes.fnuz = fnuz;
  }

  Status run() {
    TAMIS_RETURN_IF_ERROR(order());
    TAMIS_RETURN_IF_ERROR(gate_up());
    TAMIS_RETURN_IF_ERROR(activate());
    TAMIS_RETURN_IF_ERROR(down());
    return combine();
  }

 private:
  std::int32_t* ints(std::int64_t offset) const {
    return reinterpret_cast<std::int32_t*>(workspace_ + offset);
  }

  // Copies of tokens that experts have: where the last expert's rows end.
  const std::int32_t* used_rows() const { return ints(layout_.offsets) + layout_.experts; }

  // Rows of `width` elements of x's dtype in the workspace.
  Rows rows_at(std::int64_t offset, std::int64_t width) const {
    return {workspace_ + offset, width, element_of(call_[moe_experts_operand::kX].desc.dtype)};
  }

  Status order() {
    ExpertOrder args;
    args.ids = ints_of(call_[moe_experts_operand::kIds]);
    args.row_of = {ints(layout_.row_of), layout_.topk};
    args.offsets = {ints(layout_.offsets), 1};
    args.token_of = ints(layout_.token_of);
    args.tokens = layout_.tokens;
    args.topk = layout_.topk;
    args.experts = layout_.experts;
    return queue_.submit(kExpertsName, launch_expert_order, args);
  }

  // `x` as it is, or its codes.
  Result<Activations> operand(const Rows& x, const Quantized& shape) {
    if (shape.bytes == 0) return Activations{.rows = x};
    Planes planes;
    planes.data = x.data;
    planes.dim2 = shape.rows;
    planes.stride2 = x.stride;
    planes.element = x.element;
    const ActQuant mode = call_.as<MoeExpertsParams>().act_quant;
    return quantize(queue_, kExpertsName, mode, planes, shape, workspace_ + layout_.codes);
  }

  Status multiply(int weight, const Activations& x, const Rows& y) {
    GroupedGemm args = grouped_gemm(call_[weight], ints(layout_.offsets), layout_.rows);
    args.x = x;
    args.y = y;
    return submit_grouped_gemm(queue_, kExpertsName, *call_[weight].weight, kernel_, args);
  }

  Status gate_up() {
    TAMIS_ASSIGN_OR_RETURN(Activations x, operand(rows_of(call_[moe_experts_operand::kX]), layout_.x_codes));
    x.index = ints(layout_.token_of);
    return multiply(moe_experts_operand::kW13, x, rows_at(layout_.gate_up, 2 * layout_.inner));
  }

  Status activate() {
    SiluMul args;
    args.x = rows_at(layout_.gate_up, 2 * layout_.inner);
    args.y = rows_at(layout_.product, layout_.inner);
    args.tokens = layout_.rows;
    args.width = layout_.inner;
    args.used = used_rows();
    return queue_.submit(kExpertsName, launch_silu_mul, args);
  }

  Status down() {
    Quantized codes = layout_.inner_codes;
    codes.used = used_rows();
    TAMIS_ASSIGN_OR_RETURN(const Activations x, operand(rows_at(layout_.product, layout_.inner), codes));
    return multiply(moe_experts_operand::kW2, x, rows_at(layout_.gate_up, layout_.hidden));
  }

  Status combine() {
    MoeCombine args;
    args.y = rows_at(layout_.gate_up, layout_.hidden);
    args.shared = rows_of(call_[moe_experts_operand::kShared]);
    args.out = rows_of(call_[moe_experts_operand::kOut]);
    args.row_of = {ints(layout_.row_of), layout_.topk};
    args.weights = data<float>(call_[moe_experts_operand::kWeights]);
    args.weights_stride = call_[moe_experts_operand::kWeights].desc.stride(0);
    args.tokens = layout_.tokens;
    args.topk = layout_.topk;
    args.rows = layout_.rows;
    args.width = layout_.hidden;
    return queue_.submit(kExpertsName, launch_moe_combine, args);
  }

  GpuQueue& queue_;
  const OpCall& call_;
  ExpertsLayout layout_;
  std::byte* workspace_;
  GroupedKernel kernel_;
};

}  // namespace tamis::gpu
