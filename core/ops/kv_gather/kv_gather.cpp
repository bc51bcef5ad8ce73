#include "core/ops/kv_gather/kv_gather.h"

#include <array>

#include "core/ops/kv_store/kv_cache_checks.h"

namespace tamis {
namespace {

using namespace kv_gather_operand;

constexpr std::array<OperandDef, 5> kOperands{{{"cache", Role::kIn},
                                               {"page_table", Role::kIn},
                                               {"kv_len", Role::kIn},
                                               {"latent", Role::kOut},
                                               {"k_rope", Role::kOut}}};

Status infer(const void* params, std::span<TensorDesc> d) {
  const auto& p = *static_cast<const KvGatherParams*>(params);
  TAMIS_RETURN_IF_ERROR(check_kv_cache("kv_gather", {p.format, p.c, p.r}, d[kCache]));
  TAMIS_RETURN_IF_ERROR(check_page_size("kv_gather", p.page_size));
  TAMIS_RETURN_IF_ERROR(check_out_dtype("kv_gather", p.out));
  if (p.total <= 0) return invalid_argument("kv_gather: total must be positive, found {}", p.total);
  TAMIS_RETURN_IF_ERROR(expect("kv_gather", "page_table", Elements::kI32, {kAnyDim, kAnyDim}, d[kPageTable]));
  TAMIS_RETURN_IF_ERROR(expect("kv_gather", "kv_len", Elements::kI32, {d[kPageTable].dim(0)}, d[kKvLen]));
  TAMIS_RETURN_IF_ERROR(set_output("kv_gather", "latent", {p.out, {p.total, p.c}}, d[kLatent]));
  return set_output("kv_gather", "k_rope", {p.out, {p.total, p.r}}, d[kKRope]);
}

double flops(const OpCall&) { return 0; }

// Of the cache, `total` rows.
double bytes(const OpCall& call) {
  const TensorDesc &cache = call[kCache].desc, &latent = call[kLatent].desc;
  const auto& p = call.as<KvGatherParams>();
  const double in = static_cast<double>(cache.dim(1)) * static_cast<double>(dtype_size(cache.dtype));
  const double out = static_cast<double>(p.c + p.r) * static_cast<double>(dtype_size(latent.dtype));
  return static_cast<double>(p.total) * (in + out);
}

}  // namespace

const OpDef op::kv_gather{
    .name = "kv_gather",
    .params_size = sizeof(KvGatherParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = bytes,
    .decompose = nullptr,
    .tolerance = {.f32 = 0},
};

}  // namespace tamis
