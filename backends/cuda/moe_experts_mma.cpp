#include "backends/cuda/moe_experts_mma.h"

#include <algorithm>

#include "backends/cuda/grouped_gemm_call.h"
#include "core/ops/moe_experts/moe_experts.h"
#include "kernels_cuda/moe_combine/launch.h"
#include "kernels_cuda/moe_permute/launch.h"
#include "kernels_gpu/silu_mul/launch.h"

namespace tamis::cuda {
namespace {

using namespace moe_experts_operand;

constexpr const char* kName = "moe_experts";

// A call, its intermediates as operands of the products, and where those lie in the workspace. Rows are
// copies of tokens, sorted by expert. The experts' outputs take the place of gate and up.
class Experts {
 public:
  Experts(const OpCall& call, const Scratch& scratch)
      : call_(call),
        scratch_(scratch),
        tokens_(call[kX].desc.dim(0)),
        topk_(call[kIds].desc.dim(1)),
        rows_(tokens_ * topk_),
        experts_(call[kW2].desc.dim(0)),
        hidden_(call[kX].desc.dim(1)),
        inner_(call[kW2].desc.dim(2)) {
    const std::int64_t size = static_cast<std::int64_t>(dtype_size(call[kX].desc.dtype));
    row_of_ = layout_.add(rows_ * 4);
    offsets_ = layout_.add((experts_ + 1) * 4);
    x_ = rows_tensor(layout_.add(rows_ * hidden_ * size), hidden_);
    const std::int64_t wide = layout_.add(rows_ * std::max(2 * inner_, hidden_) * size);
    gate_up_ = rows_tensor(wide, 2 * inner_);
    y_ = rows_tensor(wide, hidden_);
    product_ = rows_tensor(layout_.add(rows_ * inner_ * size), inner_);
    codes_ = layout_.add(std::max(grouped_mma_workspace(up()), grouped_mma_workspace(down())));
  }

  std::int64_t bytes() const { return layout_.bytes(); }
  GroupedCall up() const { return product_of(x_, kW13, gate_up_); }
  GroupedCall down() const { return product_of(product_, kW2, y_); }

  Status run(CudaQueue& queue) const {
    TAMIS_RETURN_IF_ERROR(sort(queue));
    Scratch codes = scratch_;
    codes.workspace_offset += codes_;
    TAMIS_RETURN_IF_ERROR(launch_grouped_mma(queue, up(), codes));
    gpu::SiluMul silu;
    silu.x = gpu::rows_of(gate_up_);
    silu.y = gpu::rows_of(product_);
    silu.tokens = rows_;
    silu.width = inner_;
    silu.used = offsets() + experts_;
    TAMIS_RETURN_IF_ERROR(queue.submit(kName, gpu::launch_silu_mul, silu));
    TAMIS_RETURN_IF_ERROR(launch_grouped_mma(queue, down(), codes));
    return combine(queue);
  }

 private:
  Tensor rows_tensor(std::int64_t offset, std::int64_t width) const {
    Tensor tensor;
    tensor.desc = {call_[kX].desc.dtype, {rows_, width}};
    tensor.buffer = scratch_.workspace;
    tensor.offset = scratch_.workspace_offset + offset;
    return tensor;
  }

  GroupedCall product_of(const Tensor& x, int weight, const Tensor& y) const {
    return {x, call_[weight], y, offsets(), call_.as<MoeExpertsParams>().act_quant, offsets() + experts_};
  }

  std::int32_t* row_of() const { return workspace_part<std::int32_t>(scratch_, row_of_); }
  std::int32_t* offsets() const { return workspace_part<std::int32_t>(scratch_, offsets_); }

  Status sort(CudaQueue& queue) const {
    const MoeSortArgs sort{.ids = pointer<const std::int32_t>(call_[kIds]),
                           .ids_stride = call_[kIds].desc.stride(0),
                           .tokens = tokens_,
                           .topk = topk_,
                           .n_experts = static_cast<std::int32_t>(experts_),
                           .row_of = row_of(),
                           .offsets = offsets(),
                           .dependent = false};
    TAMIS_RETURN_IF_ERROR(queue.launched(moe_sort(sort, queue.stream())));
    const MoeGatherArgs gather{.x = const_matrix(call_[kX]),
                               .row_of = row_of(),
                               .total = offsets() + experts_,
                               .xp = address(x_),
                               .tokens = tokens_,
                               .topk = topk_,
                               .hidden = hidden_};
    return queue.launched(moe_gather(gather, queue.stream()));
  }

  Status combine(CudaQueue& queue) const {
    const bool shared = call_[kShared].present();
    const MoeCombineArgs combine{
        .y = const_matrix(y_),
        .row_of = row_of(),
        .row_of_stride = topk_,
        .weights = pointer<const float>(call_[kWeights]),
        .weights_stride = call_[kWeights].desc.stride(0),
        .shared = shared ? const_matrix(call_[kShared]) : ConstMatrix{nullptr, 0, Element::kF32},
        .out = matrix(call_[kOut]),
        .rows = rows_,
        .tokens = tokens_,
        .topk = topk_,
        .hidden = hidden_,
        .dependent = false};
    return queue.launched(moe_combine(combine, queue.stream()));
  }

  const OpCall& call_;
  Scratch scratch_;
  std::int64_t tokens_, topk_, rows_, experts_, hidden_, inner_;
  WorkspaceLayout layout_;
  std::int64_t row_of_ = 0, offsets_ = 0, codes_ = 0;
  Tensor x_, gate_up_, product_, y_;
};

}  // namespace

Reason accept_experts_mma(const DeviceInfo&, const OpCall& call) {
  const Experts experts(call, Scratch{});
  if (Reason why = accept_grouped_mma(experts.up()); !why.accepted()) return why;
  return accept_grouped_mma(experts.down());
}

std::int64_t experts_mma_workspace(const DeviceInfo&, const OpCall& call) {
  return Experts(call, Scratch{}).bytes();
}

Status launch_experts_mma(Queue& queue, const OpCall& call, const Scratch& scratch) {
  return Experts(call, scratch).run(static_cast<CudaQueue&>(queue));
}

}  // namespace tamis::cuda
