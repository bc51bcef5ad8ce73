// CPU rows of moe_experts: one fused kernel (kernels/moe_experts/fused.cpp), by the product that multiplies
// its blocks.
#include "core/ops/moe_experts/moe_experts.h"

#include "backends/cpu/host_tensor.h"
#include "backends/cpu/kernels/common/tile_product.h"
#include "backends/cpu/kernels/moe_experts/fused.h"
#include "backends/cpu/kernels/product/product_rows.h"
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

Reason accepts_bf16(const DeviceInfo& device, const OpCall& call) {
  const ActQuant act_quant = call.as<MoeExpertsParams>().act_quant;
  for (int i : {kW13, kW2}) {
    Reason reason = accept_bf16_product(call[kX], call[i], act_quant);
    if (!reason.accepted()) return reason;
  }
  return accepts(device, call);
}

Reason prefers_bf16_dot(const DeviceInfo& device, const OpCall& call) {
  return prefer_bf16_product(device, call[kX].desc.dim(0));
}

template <const Product& product>
std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  return moe_experts_workspace(product, device, call);
}

template <const Product& product>
Status compute(const OpCall& call, const Scratch& scratch) {
  return moe_experts(product, call, scratch);
}

// With fewer tokens no expert reaches the rows from which OpenBLAS is used.
Reason prefers_blas(const DeviceInfo&, const OpCall& call) {
  return call[kX].desc.dim(0) >= kBlasRows ? accept() : reason::slower("fewer than 8 tokens");
}

constexpr auto kRows = product_rows({
  .op = "moe_experts",
  .names = {"cpu.moe_experts.amx_bf16", "cpu.moe_experts.avx512_bf16", "cpu.moe_experts.avx512",
            "cpu.moe_experts.avx2",     "cpu.moe_experts.openblas",    "cpu.moe_experts.portable"},
  .accepts = accepts, .accepts_bf16 = accepts_bf16, .prefers_bf16_dot = prefers_bf16_dot,
  .prefers_blas = prefers_blas,
#if defined(__x86_64__)
  .amx = {workspace<kAmxProduct>, launch<&compute<kAmxProduct>>},
  .avx512_bf16 = {workspace<kAvx512Bf16Product>, launch<&compute<kAvx512Bf16Product>>},
  .avx512 = {workspace<kAvx512Product>, launch<&compute<kAvx512Product>>},
  .avx2 = {workspace<kAvx2Product>, launch<&compute<kAvx2Product>>},
#endif
  .openblas = {workspace<kBlasProduct>, launch<&compute<kBlasProduct>>},
  .portable = {workspace<kPortableProduct>, launch<&compute<kPortableProduct>>},
});

}  // namespace

std::span<const KernelRow> rows_moe_experts() { return kRows; }

}  // namespace tamis::cpu
