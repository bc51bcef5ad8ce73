// Loading, plans and sequences. Step inputs and results are in runner_step.cpp.
#include "core/engine/runner.h"

namespace tamis {
namespace {

Status check_options(const ModelConfig& config, const RunnerOptions& options) {
  if (options.attention == AttentionMode::kSparse && !config.is_dsa()) {
    return unsupported("attention sparse: {} has no indexer", config.architecture);
  }
  const DType act = options.precision.activations;
  if (act != DType::kF32 && act != DType::kBF16) {
    return invalid_argument("activations: expected f32 or bf16, found {}", dtype_name(act));
  }
  if (options.cache_tokens < 1 || options.max_batch_tokens < 1 || options.max_sequences < 1) {
    return invalid_argument("cache_tokens, max_batch_tokens and max_sequences must be positive");
  }
  return {};
}

}  // namespace

Runner::~Runner() = default;

Result<std::unique_ptr<Runner>> Runner::create(ModelConfig config, std::unique_ptr<Checkpoint> checkpoint,
                                               const RunnerOptions& options, const LoadProgress& progress) {
  TAMIS_RETURN_IF_ERROR(check_options(config, options));
  std::unique_ptr<Runner> runner(new Runner);
  runner->config_ = std::move(config);
  runner->options_ = options;
  runner->checkpoint_ = std::move(checkpoint);
  Registry& registry = Registry::instance();
  TAMIS_ASSIGN_OR_RETURN(runner->device_, registry.device(options.device));
  TAMIS_ASSIGN_OR_RETURN(runner->host_, registry.device("cpu"));
  runner->target_ = {registry.backend(runner->device_->info().backend), runner->device_.get(),
                     registry.backend("cpu"), runner->host_.get(), nullptr};
  TAMIS_ASSIGN_OR_RETURN(runner->queue_, runner->device_->create_queue());
  TAMIS_ASSIGN_OR_RETURN(runner->host_queue_, runner->host_->create_queue());
  TAMIS_ASSIGN_OR_RETURN(runner->weight_set_, declare_weights(runner->config_, *runner->checkpoint_));
  const bool mtp = options.mtp && runner->weight_set_.has_mtp;
  TAMIS_ASSIGN_OR_RETURN(runner->cache_, CachePool::create(runner->config_, options.precision,
                                                           options.cache_tokens, mtp, *runner->device_));
  TAMIS_ASSIGN_OR_RETURN(runner->weights_, WeightStore::load(runner->weight_set_, *runner->checkpoint_,
                                                             *runner->device_, *runner->host_, progress));
  runner->target_.weights = &runner->weights_->weights();
  TAMIS_RETURN_IF_ERROR(runner->make_weights_resident());
  TAMIS_RETURN_IF_ERROR(runner->make_inputs());
  return runner;
}

// Now, so that loading takes its time here and not at the first tokens. What decode asks for comes first: it
// reads every weight for a few tokens, so its layouts matter most.
Status Runner::make_weights_resident() {
  for (std::int64_t tokens : {std::int64_t{1}, options_.max_batch_tokens}) {
    const StepKey key = key_for_shapes({{tokens, tokens}});
    TAMIS_ASSIGN_OR_RETURN(const Graph graph, build_step_graph(config_, weight_set_,
                                                               {key, options_.precision, cache_->n_pages()}));
    TAMIS_ASSIGN_OR_RETURN(const std::unique_ptr<Plan> plan, Plan::create(graph, target_, options_.plan));
    TAMIS_RETURN_IF_ERROR(weights_->make_resident(*plan).status());
  }
  return {};
}

Result<Plan*> Runner::plan(const StepKey& key) {
  if (const auto it = plans_.find(key); it != plans_.end()) return it->second.get();
  TAMIS_ASSIGN_OR_RETURN(const Graph graph, build_step_graph(config_, weight_set_,
                                                             {key, options_.precision, cache_->n_pages()}));
  TAMIS_ASSIGN_OR_RETURN(std::unique_ptr<Plan> plan, Plan::create(graph, target_, options_.plan));
  TAMIS_ASSIGN_OR_RETURN(const bool changed, weights_->make_resident(*plan));
  if (changed) {
    TAMIS_ASSIGN_OR_RETURN(plan, Plan::create(graph, target_, options_.plan));
  }
  if (arena_ == nullptr || arena_->bytes() < plan->arena_bytes()) {
    // Plans bound earlier keep the smaller arena alive: their captures hold its addresses.
    TAMIS_ASSIGN_OR_RETURN(arena_, device_->alloc(plan->arena_bytes()));
  }
  Bindings bindings;
  bindings.arena = arena_;
  weights_->bind(bindings);
  cache_->bind(bindings);
  for (const auto& [name, input] : inputs_) bindings.buffers[name] = {input.buffer.get(), 0};
  TAMIS_RETURN_IF_ERROR(plan->bind(bindings));
  plan->set_capture(capture_);
  return plans_.emplace(key, std::move(plan)).first->second.get();
}

std::vector<const Plan*> Runner::plans() const {
  std::vector<const Plan*> views;
  for (const auto& [key, plan] : plans_) views.push_back(plan.get());
  return views;
}

std::int64_t Runner::resident_bytes() const {
  std::int64_t bytes = weights_->owned_bytes() + cache_->bytes() + (arena_ != nullptr ? arena_->bytes() : 0);
  for (const auto& [name, input] : inputs_) bytes += 2 * input.buffer->bytes();
  return bytes;
}

Result<SequenceId> Runner::new_sequence() {
  if (static_cast<std::int64_t>(sequences_.size()) >= options_.max_sequences) {
    return out_of_memory("{} sequences are open, the limit is {}", sequences_.size(), options_.max_sequences);
  }
  sequences_[next_sequence_] = {};
  return next_sequence_++;
}

void Runner::free_sequence(SequenceId id) {
  const auto it = sequences_.find(id);
  if (it == sequences_.end()) return;
  cache_->truncate(it->second, 0);
  sequences_.erase(it);
}

std::int64_t Runner::length(SequenceId id) const {
  const auto it = sequences_.find(id);
  return it == sequences_.end() ? 0 : it->second.length;
}

Status Runner::truncate(SequenceId id, std::int64_t length) {
  const auto it = sequences_.find(id);
  if (it == sequences_.end()) return not_found("sequence {} is not open", id);
  if (length < 0) return invalid_argument("truncate to {} tokens", length);
  cache_->truncate(it->second, length);
  return {};
}

}  // namespace tamis
