#include "core/ops/kv_store/kv_store.h"

#include <array>

#include "core/ops/kv_store/kv_cache_checks.h"

namespace tamis {
namespace {

using namespace kv_store_operand;

constexpr std::array<OperandDef, 4> kOperands{
    {{"latent", Role::kIn}, {"k_rope", Role::kIn}, {"slot", Role::kIn}, {"cache", Role::kState}}};

Status infer(const void* params, std::span<TensorDesc> d) {
  const auto& p = *static_cast<const KvStoreParams*>(params);
  TAMIS_RETURN_IF_ERROR(check_kv_cache("kv_store", {p.format, p.c, p.r}, d[kCache]));
  TAMIS_RETURN_IF_ERROR(expect("kv_store", "latent", Elements::kActivation, {kAnyDim, p.c}, d[kLatent]));
  const std::int64_t tokens = d[kLatent].dim(0);
  TAMIS_RETURN_IF_ERROR(expect("kv_store", "k_rope", Elements::kActivation, {tokens, p.r}, d[kKRope]));
  return expect("kv_store", "slot", Elements::kI32, {tokens}, d[kSlot]);
}

double flops(const OpCall&) { return 0; }

// Of the cache, the written rows only.
double bytes(const OpCall& call) {
  const double row = static_cast<double>(call[kCache].desc.dim(1)) *
                     static_cast<double>(dtype_size(call[kCache].desc.dtype));
  double total = static_cast<double>(call[kSlot].desc.dim(0)) * (row + 4);
  for (int i : {kLatent, kKRope}) {
    const TensorDesc& desc = call[i].desc;
    total += static_cast<double>(desc.elements()) * static_cast<double>(dtype_size(desc.dtype));
  }
  return total;
}

}  // namespace

const OpDef op::kv_store{
    .name = "kv_store",
    .params_size = sizeof(KvStoreParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = bytes,
    .decompose = nullptr,
    .tolerance = {.f32 = 0},
    .per_token = operand_bits({kv_store_operand::kLatent, kv_store_operand::kKRope, kv_store_operand::kSlot}),
};

}  // namespace tamis
