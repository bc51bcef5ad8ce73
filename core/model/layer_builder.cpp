#include "core/model/layer_builder.h"

#include "core/ops/add_rms_norm/add_rms_norm.h"
#include "core/ops/batched_linear/batched_linear.h"
#include "core/ops/dense_mla/dense_mla.h"
#include "core/ops/indexer_prepare/indexer_prepare.h"
#include "core/ops/indexer_scores/indexer_scores.h"
#include "core/ops/indexer_topk/indexer_topk.h"
#include "core/ops/kv_gather/kv_gather.h"
#include "core/ops/layer_norm/layer_norm.h"
#include "core/ops/linear/linear.h"
#include "core/ops/mha_prefill/mha_prefill.h"
#include "core/ops/mla_rope_store/mla_rope_store.h"
#include "core/ops/moe_experts/moe_experts.h"
#include "core/ops/moe_route/moe_route.h"
#include "core/ops/rms_norm/rms_norm.h"
#include "core/ops/silu_mul/silu_mul.h"
#include "core/ops/sparse_mla/sparse_mla.h"

namespace tamis {
namespace {

// The indexer's k_norm is a LayerNorm with bias and its own eps, for both families (DeepSeek-V3.2
// inference/model.py).
constexpr float kIndexNormEps = 1e-6f;

}  // namespace

LayerBuilder::LayerBuilder(Graph& graph, const ModelConfig& config, const WeightSet& weights,
                           const StepGraphOptions& options)
    : graph_(graph), config_(config), weights_(weights), options_(options) {}

ValueId LayerBuilder::weight(const std::string& name) {
  if (const auto it = named_.find(name); it != named_.end()) return it->second;
  const WeightSpec* spec = weights_.find(name);
  if (spec == nullptr) {
    graph_.fail(internal_error("the graph uses weight {}, which is not declared", name));
    return kNoValue;
  }
  return named_[name] = graph_.weight(name, spec->desc);
}

ValueId LayerBuilder::step_input(const char* name, const TensorDesc& desc) {
  if (const auto it = named_.find(name); it != named_.end()) return it->second;
  return named_[name] = graph_.input(name, desc);
}

ValueId LayerBuilder::positions() {
  return step_input(step_input::kPositions, {DType::kI32, {options_.key.n_tokens}});
}
ValueId LayerBuilder::write_slot() {
  return step_input(step_input::kWriteSlot, {DType::kI32, {options_.key.n_tokens}});
}
ValueId LayerBuilder::visible() {
  return step_input(step_input::kVisible, {DType::kI32, {options_.key.n_tokens}});
}
ValueId LayerBuilder::seq_of_token() {
  return step_input(step_input::kSeqOfToken, {DType::kI32, {options_.key.n_tokens}});
}
ValueId LayerBuilder::page_table() {
  return step_input(step_input::kPageTable,
                    {DType::kI32, {options_.key.n_seqs, options_.key.max_kv / kPageSize}});
}
ValueId LayerBuilder::kv_len() {
  return step_input(step_input::kKvLen, {DType::kI32, {options_.key.n_seqs}});
}

ValueId LayerBuilder::project(ValueId x, const std::string& name) {
  const WeightSpec* spec = weights_.find(name);
  const bool fp8 = spec != nullptr && spec->desc.dtype == DType::kE4M3;
  const ActQuant quant = fp8 ? options_.precision.act_quant : ActQuant::kNone;
  return add_linear(graph_, x, weight(name), {quant, options_.precision.activations});
}

LayerBuilder::Normed LayerBuilder::add_norm(const Residual& in, const std::string& name, float eps) {
  const DType out = options_.precision.activations;
  if (in.delta == kNoValue) return {in.x, add_rms_norm(graph_, in.x, weight(name), RmsNormParams{eps, out})};
  const NodeValues node = add_add_rms_norm(graph_, in.x, in.delta, weight(name), {eps, out});
  return {node[add_rms_norm_operand::kSum], node[add_rms_norm_operand::kY]};
}

Residual LayerBuilder::layer(const Residual& in, std::int64_t index, const LayerConfig& layer) {
  const std::string prefix = fmt::format("model.layers.{}.", index);
  graph_.set_label(fmt::format("layers.{}.attention", index));
  const Normed attention_in = add_norm(in, prefix + "in_norm", config_.rms_norm_eps);
  // The stream before this layer is complete only here, where the norm adds the pending delta.
  if (options_.key.all_hidden && !options_.key.mtp)
    graph_.mark_output(attention_in.sum, fmt::format("hidden_{}", index));
  const ValueId attended = attention(attention_in.y, index, layer);
  graph_.set_label(fmt::format("layers.{}.{}", index, layer.is_moe ? "moe" : "mlp"));
  const Normed ffn_in = add_norm({attention_in.sum, attended}, prefix + "post_norm", config_.rms_norm_eps);
  return {ffn_in.sum, layer.is_moe ? moe(ffn_in.y, index) : mlp(ffn_in.y, prefix + "mlp.")};
}

ValueId LayerBuilder::attention(ValueId a, std::int64_t index, const LayerConfig& layer) {
  const std::string prefix = fmt::format("model.layers.{}.self_attn.", index);
  const std::int64_t tokens = options_.key.n_tokens, heads = config_.n_heads;
  const std::int64_t nope = config_.qk_nope_head_dim, rope = config_.qk_rope_head_dim;
  const Precision& precision = options_.precision;

  const ValueId in = project(a, prefix + "in");
  const bool low_rank = config_.q_lora_rank > 0;
  const std::int64_t q_width = low_rank ? config_.q_lora_rank : heads * config_.qk_head_dim();
  ValueId cq = kNoValue;
  ValueId q = graph_.slice(in, 1, 0, q_width);
  if (low_rank) {
    cq = add_rms_norm(graph_, q, weight(prefix + "q_a_norm"),
                      RmsNormParams{config_.latent_norm_eps, precision.activations});
    q = project(cq, prefix + "q_b");
  }
  q = graph_.reshape(q, {tokens, heads, config_.qk_head_dim()});
  const ValueId q_nope = graph_.slice(q, 2, 0, nope);
  const ValueId kv_a = graph_.slice(in, 1, q_width, config_.latent_dim());
  const ValueId cache_in =
      graph_.state(kv_cache_name(index), kv_cache_desc(config_, precision, options_.n_pages));
  const auto c = static_cast<std::int32_t>(config_.kv_lora_rank), r = static_cast<std::int32_t>(rope);
  const NodeValues stored =
      graph_.add(op::mla_rope_store, MlaRopeStoreParams{precision.kv_format, c, r, config_.latent_norm_eps},
                 {graph_.slice(q, 2, nope, rope), kv_a, weight(prefix + "kv_a_norm"), weight("inv_freq"),
                  positions(), write_slot(), kNewValue, cache_in});
  const ValueId q_rope = stored[mla_rope_store_operand::kQOut],
                cache = stored[mla_rope_store_operand::kCache];

  if (layer.has_indexer) {
    const ValueId k_raw = graph_.slice(in, 1, q_width + config_.latent_dim(), config_.indexer.head_dim);
    selections_[index] = this->index(a, cq, k_raw, index);
  }
  ValueId out = kNoValue;
  if (options_.key.variant == StepVariant::kSparse && layer.index_source >= 0) {
    out = sparse_attention(q_nope, q_rope, selections_[layer.index_source], cache, prefix);
  } else if (options_.key.variant == StepVariant::kDenseExpanded) {
    out = dense_expanded(q_nope, q_rope, cache, prefix);
  } else {
    out = dense_absorbed(q_nope, q_rope, cache, prefix);
  }
  return project(graph_.reshape(out, {tokens, heads * config_.v_head_dim}), prefix + "o");
}

// The keys are stored in every variant: a later sparse step needs them. Only a sparse step scores and
// selects.
Selection LayerBuilder::index(ValueId a, ValueId cq, ValueId k_raw, std::int64_t layer) {
  const std::string prefix = fmt::format("model.layers.{}.self_attn.indexer.", layer);
  const IndexerConfig& indexer = config_.indexer;
  const Precision& precision = options_.precision;
  const bool fp8 = precision.index_format == IndexFormat::kFp8Paged;
  const ValueId q = graph_.reshape(project(cq, prefix + "wq_b"),
                                   {options_.key.n_tokens, indexer.n_heads, indexer.head_dim});
  const ValueId k = add_layer_norm(graph_, k_raw, weight(prefix + "k_norm.weight"),
                                   weight(prefix + "k_norm.bias"), {kIndexNormEps, precision.activations});
  const ValueId cache_in =
      graph_.state(index_cache_name(layer), index_cache_desc(config_, precision, options_.n_pages));
  const RopePairing pairing = indexer.rope_interleave ? RopePairing::kInterleaved : RopePairing::kHalfSplit;
  const auto page = static_cast<std::int32_t>(kPageSize);
  const NodeValues prepared = graph_.add(
      op::indexer_prepare,
      IndexerPrepareParams{pairing, precision.index_format, config_.quant.pow2_scales, page},
      {q, k, weight("inv_freq"), positions(), write_slot(), kNewValue, fp8 ? kNewValue : kNoValue, cache_in});
  if (options_.key.variant != StepVariant::kSparse) return {};
  // The gate is an fp32 product whatever the activations are: in bf16 it flips selections.
  const ValueId gate = add_linear(graph_, a, weight(prefix + "weights_proj"), {ActQuant::kNone, DType::kF32});
  const NodeValues chosen = graph_.add(
      op::indexer_topk,
      IndexerTopkParams{precision.index_format, page, static_cast<std::int32_t>(indexer.topk),
                        config_.index_scale(), options_.key.max_kv},
      {prepared[indexer_prepare_operand::kQOut], gate,
       fp8 ? prepared[indexer_prepare_operand::kQScale] : kNoValue, prepared[indexer_prepare_operand::kCache],
       seq_of_token(), page_table(), visible(), kNewValue, kNewValue, kNewValue});
  if (options_.key.all_hidden) {
    graph_.mark_output(chosen[indexer_topk_operand::kIdx], fmt::format("indices_{}", layer));
  }
  if (options_.key.index_scores) {
    const ValueId scores =
        add_indexer_scores(graph_,
                           {.q = prepared[indexer_prepare_operand::kQOut],
                            .w = gate,
                            .q_scale = fp8 ? prepared[indexer_prepare_operand::kQScale] : kNoValue,
                            .keys = prepared[indexer_prepare_operand::kCache],
                            .seq_of_token = seq_of_token(),
                            .page_table = page_table(),
                            .ke = visible()},
                           {precision.index_format, true, page, config_.index_scale(), options_.key.max_kv});
    graph_.mark_output(scores, fmt::format("index_scores_{}", layer));
  }
  return {chosen[indexer_topk_operand::kSlots], chosen[indexer_topk_operand::kCount]};
}

ValueId LayerBuilder::absorb_out(ValueId u, const std::string& prefix) {
  return add_batched_linear(
      graph_, u, weight(prefix + "w_uv"),
      {.w_is_kn = false, .act_quant = ActQuant::kNone, .out = options_.precision.activations});
}

// Absorbing multiplies with the dequantised halves of kv_b; the reference code quantises no activation there
// either.
ValueId LayerBuilder::sparse_attention(ValueId q_nope, ValueId q_rope, const Selection& selection,
                                       ValueId cache, const std::string& prefix) {
  const Precision& precision = options_.precision;
  const ValueId q_latent =
      add_batched_linear(graph_, q_nope, weight(prefix + "w_uk"),
                         {.w_is_kn = true, .act_quant = ActQuant::kNone, .out = precision.activations});
  const NodeValues out = graph_.add(
      op::sparse_mla,
      SparseMlaParams{precision.kv_format, static_cast<std::int32_t>(config_.kv_lora_rank),
                      static_cast<std::int32_t>(config_.qk_rope_head_dim), config_.softmax_scale(),
                      precision.activations},
      {q_latent, q_rope, cache, selection.slots, selection.count, kNoValue, kNewValue, kNewValue, kNoValue});
  return absorb_out(out[sparse_mla_operand::kOut], prefix);
}

ValueId LayerBuilder::dense_absorbed(ValueId q_nope, ValueId q_rope, ValueId cache,
                                     const std::string& prefix) {
  const Precision& precision = options_.precision;
  const ValueId q_latent =
      add_batched_linear(graph_, q_nope, weight(prefix + "w_uk"),
                         {.w_is_kn = true, .act_quant = ActQuant::kNone, .out = precision.activations});
  const NodeValues out = graph_.add(
      op::dense_mla,
      DenseMlaParams{precision.kv_format, static_cast<std::int32_t>(config_.kv_lora_rank),
                     static_cast<std::int32_t>(config_.qk_rope_head_dim),
                     static_cast<std::int32_t>(kPageSize), config_.softmax_scale(), precision.activations},
      {q_latent, q_rope, cache, page_table(), seq_of_token(), visible(), kNewValue, kNewValue});
  return absorb_out(out[dense_mla_operand::kOut], prefix);
}

// Keys and values come from the cache, also those of this very step: chunking a prompt changes nothing.
ValueId LayerBuilder::dense_expanded(ValueId q_nope, ValueId q_rope, ValueId cache,
                                     const std::string& prefix) {
  const Precision& precision = options_.precision;
  const std::int64_t total = options_.key.total_kv, nope = config_.qk_nope_head_dim;
  const NodeValues gathered =
      graph_.add(op::kv_gather,
                 KvGatherParams{precision.kv_format, static_cast<std::int32_t>(config_.kv_lora_rank),
                                static_cast<std::int32_t>(config_.qk_rope_head_dim),
                                static_cast<std::int32_t>(kPageSize), precision.activations, total},
                 {cache, page_table(), kv_len(), kNewValue, kNewValue});
  const ValueId kv = graph_.reshape(project(gathered[kv_gather_operand::kLatent], prefix + "kv_b"),
                                    {total, config_.n_heads, nope + config_.v_head_dim});
  const NodeValues out =
      graph_.add(op::mha_prefill, MhaPrefillParams{config_.softmax_scale(), precision.activations},
                 {q_nope, q_rope, graph_.slice(kv, 2, 0, nope), gathered[kv_gather_operand::kKRope],
                  graph_.slice(kv, 2, nope, config_.v_head_dim), seq_of_token(), kv_len(), visible(),
                  kNewValue, kNewValue});
  return out[mha_prefill_operand::kOut];
}

ValueId LayerBuilder::mlp(ValueId m, const std::string& prefix) {
  return project(add_silu_mul(graph_, project(m, prefix + "gate_up")), prefix + "down");
}

ValueId LayerBuilder::moe(ValueId m, std::int64_t index) {
  const std::string prefix = fmt::format("model.layers.{}.mlp.", index);
  const MoeConfig& moe = config_.moe;
  // The router is an fp32 product: bf16 logits flip experts.
  const ValueId logits = add_linear(graph_, m, weight(prefix + "gate"), {ActQuant::kNone, DType::kF32});
  MoeRouteParams route{};
  route.topk = static_cast<std::int32_t>(moe.top_k);
  route.n_group = static_cast<std::int32_t>(moe.n_group);
  route.topk_group = static_cast<std::int32_t>(moe.topk_group);
  route.norm_topk = moe.norm_topk_prob;
  route.scale = moe.routed_scaling_factor;
  const NodeValues routed =
      graph_.add(op::moe_route, route, {logits, weight(prefix + "bias"), write_slot(), kNewValue, kNewValue});
  if (options_.key.layers_only) {
    graph_.mark_output(routed[moe_route_operand::kIds], fmt::format("experts_{}", index));
  }
  const ValueId shared = moe.n_shared > 0 ? mlp(m, prefix + "shared.") : kNoValue;
  const WeightSpec* w13 = weights_.find(prefix + "w13");
  const bool fp8 = w13 != nullptr && w13->desc.dtype == DType::kE4M3;
  const NodeValues out = graph_.add(
      op::moe_experts,
      MoeExpertsParams{fp8 ? options_.precision.act_quant : ActQuant::kNone, options_.precision.activations},
      {m, routed[moe_route_operand::kIds], routed[moe_route_operand::kWeights], weight(prefix + "w13"),
       weight(prefix + "w2"), shared, kNewValue});
  return out[moe_experts_operand::kOut];
}

}  // namespace tamis
