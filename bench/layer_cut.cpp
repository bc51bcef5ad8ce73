#include "bench/layer_cut.h"

#include <algorithm>
#include <cstring>
#include <set>

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

// Of the weights that the plan's rows want packed and that are not in `seen` yet.
std::int64_t packed_bytes(const Plan& plan, const DeviceInfo& device, std::set<std::string>& seen) {
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < plan.nodes().size(); ++i) {
    const PlannedNode& planned = plan.nodes()[i];
    if (planned.choice.row->weight_layout == nullptr) continue;
    const PlanCall call = plan.unbound_call(i);
    for (std::size_t o = 0; o < planned.node->operands.size(); ++o) {
      const ValueId operand = planned.node->operands[o];
      if (operand < 0) continue;
      const StorageInfo& storage = plan.graph().storage(plan.graph().value(operand).storage);
      if (storage.kind != StorageKind::kWeight || plan.graph().desc(operand).rank < 2) continue;
      const Layout layout = planned.choice.row->weight_layout(device, call.call, o);
      if (std::strcmp(layout.name, kStoredLayout) == 0) continue;
      if (seen.insert(storage.name).second) bytes += layout.bytes;
    }
  }
  return bytes;
}

std::string gigabytes(std::int64_t bytes) {
  return fmt::format("{:.1f} GB", static_cast<double>(bytes) * 1e-9);
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

Result<MemoryNeed> memory_need(const ModelConfig& config, const RunnerOptions& options,
                               const std::vector<std::vector<StepShape>>& steps) {
  MemoryNeed need;
  TAMIS_ASSIGN_OR_RETURN(std::unique_ptr<Checkpoint> checkpoint, random_checkpoint(config, 0));
  TAMIS_ASSIGN_OR_RETURN(const StoredBytes stored, stored_bytes(*checkpoint, config));
  need.weights = resident_weight_bytes(config, stored);
  const std::int64_t pages = CachePool::pages_for(options.cache_tokens);
  for (const LayerConfig& layer : config.layers) {
    need.cache += kv_cache_desc(config, options.precision, pages).span_bytes();
    if (layer.has_indexer) need.cache += index_cache_desc(config, options.precision, pages).span_bytes();
  }
  RunnerOptions planning = options;
  planning.plan_only = true;
  TAMIS_ASSIGN_OR_RETURN(const std::unique_ptr<Runner> runner,
                         Runner::create(config, std::move(checkpoint), planning));
  std::set<std::string> packed;
  for (const std::vector<StepShape>& shapes : steps) {
    StepKey key = runner->key_for_shapes(shapes);
    key.layers_only = options.layers_only;
    if (key.layers_only) key.n_out = 0;
    TAMIS_ASSIGN_OR_RETURN(const Plan* plan, runner->plan(key));
    need.arena = std::max(need.arena, plan->arena_bytes());
    need.packed += packed_bytes(*plan, runner->device().info(), packed);
  }
  need.inputs = 4 * options.max_batch_tokens * config.hidden * 4 +
                8 * bucket(options.max_sequences) * kv_bucket(options.cache_tokens) / kPageSize;
  need.host_copy = runner->device().info().backend != "cpu";
  return need;
}

Status check_memory(const MemoryNeed& need, const RunnerOptions& options) {
  TAMIS_ASSIGN_OR_RETURN(const std::shared_ptr<Device> device, Registry::instance().device(options.device));
  TAMIS_ASSIGN_OR_RETURN(const std::shared_ptr<Device> host, Registry::instance().device("cpu"));
  const std::string parts = fmt::format("weights {}, packed {}, cache {}, arena {}, inputs {}",
                                        gigabytes(need.weights), gigabytes(need.packed),
                                        gigabytes(need.cache), gigabytes(need.arena), gigabytes(need.inputs));
  if (const std::int64_t has = device->free_bytes(); has > 0 && need.device() > has)
    return out_of_memory("{} needs {} ({}), has {} free", device->info().name, gigabytes(need.device()),
                         parts, gigabytes(has));
  if (const std::int64_t has = host->free_bytes(); has > 0 && need.host() > has)
    return out_of_memory("the host needs {} to make the weights, has {} free", gigabytes(need.host()),
                         gigabytes(has));
  return {};
}

}  // namespace tamis::bench
