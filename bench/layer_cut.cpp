#include "bench/layer_cut.h"

#include <algorithm>

#include "core/model/model_size.h"
#include "core/model/random_model.h"

namespace tamis::bench {
namespace {

constexpr std::int64_t kCutVocabulary = 64;  // a layer needs none; the weights of both ends stay small

bool is_part(const LayerConfig& layer, LayerPart part) { return layer.is_moe == (part == LayerPart::kMoe); }

Status set_experts(MoeConfig& moe, std::int64_t experts) {
  if (experts <= 0 || experts == moe.n_experts) return {};
  const std::int64_t reachable = experts / moe.n_group * moe.topk_group;
  if (experts > moe.n_experts || experts % moe.n_group != 0 || reachable < moe.top_k) {
    return invalid_argument(
        "experts: expected a multiple of {} up to {}, of which {} in {} hold at least {}, found {}",
        moe.n_group, moe.n_experts, moe.topk_group, moe.n_group, moe.top_k, experts);
  }
  moe.n_experts = experts;
  return {};
}

}  // namespace

const char* part_name(LayerPart part) {
  switch (part) {
    case LayerPart::kDense: return "dense";
    case LayerPart::kMoe: return "moe";
    case LayerPart::kEnds: return "ends";
  }
  return "";
}

Result<LayerPart> parse_part(const std::string& name) {
  for (LayerPart part : {LayerPart::kDense, LayerPart::kMoe, LayerPart::kEnds}) {
    if (name == part_name(part)) return part;
  }
  return invalid_argument("part of a model: expected dense, moe or ends, found {}", name);
}

std::int64_t count_parts(const ModelConfig& model, LayerPart part) {
  if (part == LayerPart::kEnds) return 1;
  return std::count_if(model.layers.begin(), model.layers.end(),
                       [part](const LayerConfig& layer) { return is_part(layer, part); });
}

Result<ModelConfig> cut_part(const ModelConfig& model, LayerPart part, std::int64_t experts) {
  ModelConfig cut = model;
  cut.n_mtp_layers = 0;
  TAMIS_RETURN_IF_ERROR(set_experts(cut.moe, experts));
  cut.layers.clear();
  cut.n_layers = 0;
  if (part == LayerPart::kEnds) return cut;
  const auto found = std::find_if(model.layers.begin(), model.layers.end(),
                                  [part](const LayerConfig& layer) { return is_part(layer, part); });
  if (found == model.layers.end())
    return invalid_argument("{}: no {} layer among its {}", family_name(model.family), part_name(part),
                            model.n_layers);
  // With an indexer of its own wherever the model has one: layers that share indices do less.
  cut.layers.push_back(
      {.is_moe = found->is_moe, .has_indexer = model.is_dsa(), .index_source = model.is_dsa() ? 0 : -1});
  cut.n_layers = 1;
  cut.vocab_size = kCutVocabulary;
  return cut;
}

Result<LayerNeed> layer_need(const ModelConfig& config, const RunnerOptions& options,
                             const std::vector<std::vector<StepShape>>& steps) {
  LayerNeed need;
  TAMIS_ASSIGN_OR_RETURN(std::unique_ptr<Checkpoint> checkpoint, random_checkpoint(config, 0));
  TAMIS_ASSIGN_OR_RETURN(const StoredBytes stored, stored_bytes(*checkpoint, config));
  need.generated = resident_weight_bytes(config, stored);
  need.device.cache = CachePool::bytes_for(config, options.precision, options.cache_tokens, options.mtp);
  RunnerOptions planning = options;
  planning.plan_only = true;
  TAMIS_ASSIGN_OR_RETURN(const std::unique_ptr<Runner> runner,
                         Runner::create(config, std::move(checkpoint), planning));
  for (const std::vector<StepShape>& shapes : steps) {
    StepKey key = runner->key_for_shapes(shapes);
    key.layers_only = options.layers_only;
    if (key.layers_only) key.n_out = 0;
    TAMIS_ASSIGN_OR_RETURN(const Plan* plan, runner->plan(key));
    need.device.add(*plan, runner->device());
  }
  need.device.activations += 4 * options.max_batch_tokens * config.hidden * 4 +
                             8 * bucket(options.max_sequences) * kv_bucket(options.cache_tokens) / kPageSize;
  const bool on_host = runner->device().info().backend == "cpu";
  (on_host ? need.device : need.host).weights += need.generated;
  return need;
}

Status check_memory(const LayerNeed& need, const RunnerOptions& options) {
  TAMIS_ASSIGN_OR_RETURN(const std::shared_ptr<Device> device, Registry::instance().device(options.device));
  TAMIS_RETURN_IF_ERROR(tamis::check_memory(need.device, options.cache_tokens, *device));
  if (!need.host_copy()) return {};
  TAMIS_ASSIGN_OR_RETURN(const std::shared_ptr<Device> host, Registry::instance().device("cpu"));
  return tamis::check_memory(need.host, 0, *host).with_context("to make the weights");
}

}  // namespace tamis::bench
