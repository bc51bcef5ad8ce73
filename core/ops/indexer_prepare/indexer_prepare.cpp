#include "core/ops/indexer_prepare/indexer_prepare.h"

#include <array>
#include <bit>
#include <cmath>

#include "core/ops/hadamard/hadamard.h"
#include "core/ops/index_k_store/index_k_store.h"
#include "core/ops/index_k_store/indexer_checks.h"
#include "core/ops/quantize_group/quantize_group.h"
#include "core/ops/rope/rope.h"

namespace tamis {
namespace {

using namespace indexer_prepare_operand;
using indexer::check;

constexpr const char* kName = "indexer_prepare";
constexpr std::array<OperandDef, 8> kOperands{{{"q", Role::kIn},
                                               {"k", Role::kIn},
                                               {"inv_freq", Role::kWeight},
                                               {"positions", Role::kIn},
                                               {"slot", Role::kIn},
                                               {"q_out", Role::kOut},
                                               {"q_scale", Role::kOut, true},
                                               {"cache", Role::kState}}};

Status check_inputs(std::span<const TensorDesc> d) {
  if (d[kQ].rank != 3 || !indexer::is_activation(d[kQ].dtype)) {
    return shape_error(kName, "q", "f32, bf16 or f16 [T, Hi, Di]", d[kQ]);
  }
  const std::int64_t tokens = d[kQ].dim(0), dim = d[kQ].dim(2);
  if (!indexer::is_activation(d[kK].dtype) || !indexer::has_shape(d[kK], {tokens, dim})) {
    return shape_error(kName, "k", fmt::format("f32, bf16 or f16 [{}, {}]", tokens, dim), d[kK]);
  }
  TAMIS_RETURN_IF_ERROR(check({kName, "inv_freq", DType::kF32, {indexer::kAnySize}}, d[kInvFreq]));
  if (2 * d[kInvFreq].dim(0) > dim) {
    return shape_error(kName, "inv_freq", fmt::format("at most f32[{}]", dim / 2), d[kInvFreq]);
  }
  TAMIS_RETURN_IF_ERROR(check({kName, "positions", DType::kI32, {tokens}}, d[kPositions]));
  return check({kName, "slot", DType::kI32, {tokens}}, d[kSlot]);
}

Status infer(const void* params, std::span<TensorDesc> d) {
  const auto& p = *static_cast<const IndexerPrepareParams*>(params);
  TAMIS_RETURN_IF_ERROR(check_inputs(d));
  const std::int64_t tokens = d[kQ].dim(0), heads = d[kQ].dim(1), dim = d[kQ].dim(2);
  TAMIS_RETURN_IF_ERROR(indexer::check_index_cache(kName, p.format, p.page_size, dim, d[kCache]));
  const bool fp8 = p.format == IndexFormat::kFp8Paged;
  if (fp8 && !std::has_single_bit(static_cast<std::uint64_t>(dim))) {
    return shape_error(kName, "q", "Di a power of two (Hadamard)", d[kQ]);
  }
  if (wanted(d[kQScale]) != fp8) {
    return invalid_argument("{}: q_scale: expected {}", kName,
                            fp8 ? "an output" : "none (the format is exact)");
  }
  if (fp8) TAMIS_RETURN_IF_ERROR(set_output(kName, "q_scale", {DType::kF32, {tokens, heads}}, d[kQScale]));
  return set_output(kName, "q_out", {fp8 ? DType::kE4M3 : d[kQ].dtype, {tokens, heads, dim}}, d[kQOut]);
}

double flops(const OpCall& call) {
  const TensorDesc& q = call[kQ].desc;
  const double vectors = static_cast<double>(q.dim(0) * (q.dim(1) + 1)), dim = static_cast<double>(q.dim(2));
  const bool fp8 = call.as<IndexerPrepareParams>().format == IndexFormat::kFp8Paged;
  const double rotated = 6.0 * static_cast<double>(call[kInvFreq].desc.dim(0));
  return vectors * (rotated + (fp8 ? dim * (std::log2(dim) + 4) : 0.0));
}

// Of the cache, the rows written.
double bytes(const OpCall& call) {
  const TensorDesc &k = call[kK].desc, &cache = call[kCache].desc;
  const auto size = static_cast<double>(dtype_size(cache.dtype));
  const bool fp8 = call.as<IndexerPrepareParams>().format == IndexFormat::kFp8Paged;
  const double row = static_cast<double>(k.dim(1)) * size + (fp8 ? 4.0 : 0.0);
  return operand_bytes(call) - static_cast<double>(cache.elements()) * size +
         static_cast<double>(k.dim(0)) * row;
}

Status decompose(const Decomposition& d) {
  const auto& p = *static_cast<const IndexerPrepareParams*>(d.params);
  const RopeParams rope{.pairing = p.pairing};
  ValueId q = add_rope(d.graph, d.values[kQ], d.values[kPositions], d.values[kInvFreq], rope);
  ValueId k = add_rope(d.graph, d.values[kK], d.values[kPositions], d.values[kInvFreq], rope);
  ValueId k_scale = kNoValue;
  if (p.format == IndexFormat::kFp8Paged && d.graph.status().ok()) {
    const auto dim = static_cast<std::int32_t>(d.graph.desc(q).dim(2));
    const NodeValues queries = add_quantize_group(d.graph, add_hadamard(d.graph, q), {dim, p.pow2});
    const NodeValues keys = add_quantize_group(d.graph, add_hadamard(d.graph, k), {dim, true});
    q = queries[quantize_group_operand::kCodes];
    d.values[kQScale] = queries[quantize_group_operand::kScales];
    k = keys[quantize_group_operand::kCodes];
    k_scale = keys[quantize_group_operand::kScales];
  }
  d.values[kQOut] = q;
  d.values[kCache] =
      add_index_k_store(d.graph, k, k_scale, d.values[kSlot], d.values[kCache], {p.format, p.page_size});
  return d.graph.status();
}

}  // namespace

const OpDef op::indexer_prepare{
    .name = kName,
    .params_size = sizeof(IndexerPrepareParams),
    .operands = kOperands,
    .infer = infer,
    .flops = flops,
    .bytes = bytes,
    .decompose = decompose,
    .tolerance = {.f32 = 2e-6},
    .per_token = operand_bits({indexer_prepare_operand::kQ, indexer_prepare_operand::kK,
                               indexer_prepare_operand::kPositions, indexer_prepare_operand::kSlot,
                               indexer_prepare_operand::kQOut, indexer_prepare_operand::kQScale}),
};

}  // namespace tamis
