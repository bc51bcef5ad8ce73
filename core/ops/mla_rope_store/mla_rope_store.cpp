#include "core/ops/mla_rope_store/mla_rope_store.h"

#include <array>

#include "core/ops/kv_store/kv_cache_checks.h"
#include "core/ops/kv_store/kv_store.h"
#include "core/ops/rms_norm/rms_norm.h"
#include "core/ops/rope/rope.h"

namespace tamis {
namespace {

using namespace mla_rope_store_operand;

constexpr std::array<OperandDef, 8> kOperands{{{"q_rope", Role::kIn},
                                               {"kv_a", Role::kIn},
                                               {"norm_weight", Role::kWeight},
                                               {"inv_freq", Role::kWeight},
                                               {"positions", Role::kIn},
                                               {"slot", Role::kIn},
                                               {"q_out", Role::kOut},
                                               {"cache", Role::kState}}};

Status infer(const void* params, std::span<TensorDesc> d) {
  const auto& p = *static_cast<const MlaRopeStoreParams*>(params);
  constexpr const char* kOp = "mla_rope_store";
  constexpr Elements kAct = Elements::kActivation;
  TAMIS_RETURN_IF_ERROR(check_kv_cache(kOp, {p.format, p.c, p.r}, d[kCache]));
  if (p.r % 2 != 0) return invalid_argument("{}: r must be even, found {}", kOp, p.r);
  TAMIS_RETURN_IF_ERROR(expect(kOp, "q_rope", kAct, {kAnyDim, kAnyDim, p.r}, d[kQRope]));
  const std::int64_t tokens = d[kQRope].dim(0), heads = d[kQRope].dim(1);
  TAMIS_RETURN_IF_ERROR(expect(kOp, "kv_a", kAct, {tokens, p.c + p.r}, d[kKvA]));
  TAMIS_RETURN_IF_ERROR(expect(kOp, "norm_weight", Elements::kF32, {p.c}, d[kNormWeight]));
  TAMIS_RETURN_IF_ERROR(expect(kOp, "inv_freq", Elements::kF32, {p.r / 2}, d[kInvFreq]));
  TAMIS_RETURN_IF_ERROR(expect(kOp, "positions", Elements::kI32, {tokens}, d[kPositions]));
  TAMIS_RETURN_IF_ERROR(expect(kOp, "slot", Elements::kI32, {tokens}, d[kSlot]));
  return set_output(kOp, "q_out", {d[kQRope].dtype, {tokens, heads, p.r}}, d[kQOut]);
}

double flops(const OpCall& call) {
  const auto& p = call.as<MlaRopeStoreParams>();
  const TensorDesc& q = call[kQRope].desc;
  return static_cast<double>(q.dim(0)) *
         (3.0 * static_cast<double>((q.dim(1) + 1) * p.r) + 4.0 * static_cast<double>(p.c));
}

// Of the cache, the written rows only.
double bytes(const OpCall& call) {
  double total = 0;
  for (int i = 0; i < kCache; ++i) {
    const TensorDesc& desc = call[i].desc;
    total += static_cast<double>(desc.elements()) * static_cast<double>(dtype_size(desc.dtype));
  }
  const TensorDesc& cache = call[kCache].desc;
  return total + static_cast<double>(call[kSlot].desc.dim(0) * cache.dim(1)) *
                     static_cast<double>(dtype_size(cache.dtype));
}

Status decompose(const Decomposition& d) {
  const auto& p = *static_cast<const MlaRopeStoreParams*>(d.params);
  Graph& graph = d.graph;
  const auto rotate = [&](ValueId x) {
    return add_rope(graph, x, d.values[kPositions], d.values[kInvFreq],
                    {.pairing = RopePairing::kInterleaved});
  };
  const ValueId kv_a = d.values[kKvA];
  d.values[kQOut] = rotate(d.values[kQRope]);
  const ValueId latent = add_rms_norm(graph, graph.slice(kv_a, 1, 0, p.c), d.values[kNormWeight],
                                      {.eps = p.eps, .out = graph.desc(kv_a).dtype});
  const ValueId k_rope = rotate(graph.slice(kv_a, 1, p.c, p.r));
  d.values[kCache] = add_kv_store(graph, latent, k_rope, d.values[kSlot], d.values[kCache],
                                  {.format = p.format, .c = p.c, .r = p.r});
  return graph.status();
}

}  // namespace

const OpDef op::mla_rope_store{
    .name = "mla_rope_store",
    .params_size = sizeof(MlaRopeStoreParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = bytes,
    .decompose = decompose,
    .tolerance = {.f32 = 2e-6},
    .per_token = operand_bits({mla_rope_store_operand::kQRope, mla_rope_store_operand::kKvA,
                               mla_rope_store_operand::kPositions, mla_rope_store_operand::kSlot,
                               mla_rope_store_operand::kQOut}),
};

}  // namespace tamis
