// CPU rows of moe_experts: one fused kernel (kernels/moe_experts/fused.cpp), which multiplies tiles with
// plain loops or with OpenBLAS.
#include "core/ops/moe_experts/moe_experts.h"

#include "backends/cpu/host_tensor.h"
#include "backends/cpu/kernels/moe_experts/fused.h"
#include "backends/cpu/queue.h"

namespace tamis::cpu {
namespace {

using namespace moe_experts_operand;

Reason accepts(const DeviceInfo&, const OpCall& call) {
  for (int i : {kX, kShared, kOut}) {
    if (call[i].present() && !is_activation(call[i].desc.dtype)) {
      return reason::dtype(call.op->operands[static_cast<std::size_t>(i)].name,
                           dtype_name(call[i].desc.dtype), "f32, bf16, f16");
    }
  }
  for (int i : {kW13, kW2}) {
    const Weight* weight = call[i].weight;
    if (weight != nullptr && !weight->stored()) return reason::weight_layout(weight->layout);
  }
  return accept();
}

// With fewer tokens no expert reaches the rows from which OpenBLAS is used.
Reason prefers_blas(const DeviceInfo&, const OpCall& call) {
  return call[kX].desc.dim(0) >= kBlasRows ? accept() : reason::slower("fewer than 8 tokens");
}

constexpr KernelRow kRows[] = {
    {.name = "cpu.moe_experts.openblas",
     .op = "moe_experts",
     .families = "openblas",
     .needs = {.all_of = kOpenBlas},
     .accepts = accepts,
     .prefers = prefers_blas,
     .workspace = moe_experts_workspace,
     .launch = launch<&moe_experts_blas>},
    {.name = "cpu.moe_experts.portable",
     .op = "moe_experts",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accepts,
     .workspace = moe_experts_workspace,
     .launch = launch<&moe_experts_portable>},
};

}  // namespace

std::span<const KernelRow> rows_moe_experts() { return kRows; }

}  // namespace tamis::cpu
