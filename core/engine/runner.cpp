// Loading, plans and sequences. Step inputs and results are in runner_step.cpp.
#include "core/engine/runner.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/ranges.h>

#include "core/engine/memory_need.h"
#include "core/policy/capability.h"

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
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();  // slots and positions are i32
  const std::pair<const char*, std::int64_t> counts[] = {{"cache_tokens", options.cache_tokens},
                                                         {"max_batch_tokens", options.max_batch_tokens},
                                                         {"max_sequences", options.max_sequences}};
  for (const auto& [name, count] : counts) {
    if (count < 1 || count > kMost)
      return invalid_argument("{}: expected 1 to {}, found {}", name, kMost, count);
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
  runner->n_pages_ = CachePool::pages_for(options.cache_tokens);
  TAMIS_RETURN_IF_ERROR(runner->find_devices());
  TAMIS_ASSIGN_OR_RETURN(runner->weight_set_, declare_weights(runner->config_, *runner->checkpoint_));
  if (!options.plan_only) TAMIS_RETURN_IF_ERROR(runner->allocate(progress));
  return runner;
}

Status Runner::find_devices() {
  Registry& registry = Registry::instance();
  Result<std::shared_ptr<Device>> device = registry.device(options_.device);
  if (device.ok()) {
    device_ = *device;
  } else {
    const Result<DeviceInfo> info = find_capability(options_.device);
    if (!info.ok()) {
      if (!options_.plan_only) return device.status();
      return not_found("{}; to explain for: {}", device.status().message(),
                       fmt::join(capability_names(), ", "));
    }
    device_ = make_stand_in(*info);
    if (!options_.plan_only) return device_->create_queue().status();
  }
  const std::string& backend = device_->info().backend;
  if (registry.backend(backend) == nullptr) {
    return not_found("device {}: its backend {} is not here: {}", options_.device, backend,
                     registry.device(backend).status().message());
  }
  TAMIS_ASSIGN_OR_RETURN(host_, registry.device("cpu"));
  target_ = {registry.backend(backend), device_.get(), registry.backend("cpu"), host_.get(), nullptr};
  return {};
}

Status Runner::allocate(const LoadProgress& progress) {
  TAMIS_ASSIGN_OR_RETURN(queue_, device_->create_queue());
  TAMIS_ASSIGN_OR_RETURN(host_queue_, host_->create_queue());
  const bool mtp = options_.mtp && weight_set_.has_mtp;
  TAMIS_RETURN_IF_ERROR(check_memory_need());
  TAMIS_ASSIGN_OR_RETURN(
      cache_, CachePool::create(config_, options_.precision, options_.cache_tokens, mtp, *device_));
  TAMIS_ASSIGN_OR_RETURN(weights_, WeightStore::load(weight_set_, *checkpoint_, *device_, *host_, progress));
  target_.weights = &weights_->weights();
  TAMIS_RETURN_IF_ERROR(make_weights_resident(progress));
  return make_inputs();
}

// Before the first allocation, so that a model that does not fit says what it lacks, not where it stopped.
// Step inputs, some tens of KB, are not counted.
Status Runner::check_memory_need() const {
  MemoryNeed need;
  const bool mtp = options_.mtp && weight_set_.has_mtp;
  need.cache = CachePool::bytes_for(config_, options_.precision, options_.cache_tokens, mtp);
  const std::int64_t longest = std::min(options_.cache_tokens, config_.max_positions);
  for (std::int64_t tokens : {std::int64_t{1}, std::min(options_.max_batch_tokens, longest)}) {
    TAMIS_ASSIGN_OR_RETURN(const std::unique_ptr<Plan> plan,
                           make_plan(key_for_shapes({{tokens, longest}}), true));
    need.add(*plan, *device_);
  }
  return check_memory(need, options_.cache_tokens, *device_);
}

// Now, so that loading takes its time here and not at the first tokens. What decode asks for comes first: it
// reads every weight for a few tokens, so its layouts matter most.
Status Runner::make_weights_resident(const LoadProgress& progress) {
  for (std::int64_t tokens : {std::int64_t{1}, options_.max_batch_tokens}) {
    TAMIS_ASSIGN_OR_RETURN(const std::unique_ptr<Plan> plan, make_plan(key_for_shapes({{tokens, tokens}})));
    TAMIS_RETURN_IF_ERROR(weights_->make_resident(*plan, progress).status());
  }
  return {};
}

Result<std::unique_ptr<Plan>> Runner::make_plan(const StepKey& key, bool quiet) const {
  TAMIS_ASSIGN_OR_RETURN(const Graph graph,
                         build_step_graph(config_, weight_set_, {key, options_.precision, n_pages_}));
  PlanOptions options = options_.plan;
  options.log_fallbacks = !quiet;
  return Plan::create(graph, target_, options);
}

Result<Plan*> Runner::plan(const StepKey& key) {
  if (const auto it = plans_.find(key); it != plans_.end()) return it->second.get();
  TAMIS_ASSIGN_OR_RETURN(std::unique_ptr<Plan> plan, make_plan(key));
  if (!options_.plan_only) {
    TAMIS_ASSIGN_OR_RETURN(const bool changed, weights_->make_resident(*plan));
    if (changed) {
      TAMIS_ASSIGN_OR_RETURN(plan, make_plan(key));
    }
    TAMIS_RETURN_IF_ERROR(bind(*plan));
  }
  return plans_.emplace(key, std::move(plan)).first->second.get();
}

Status Runner::bind(Plan& plan) {
  if (arena_ == nullptr || arena_->bytes() < plan.arena_bytes()) {
    // Plans bound earlier keep the smaller arena alive: their captures hold its addresses.
    TAMIS_ASSIGN_OR_RETURN(arena_, device_->alloc(plan.arena_bytes()));
  }
  Bindings bindings;
  bindings.arena = arena_;
  weights_->bind(bindings);
  cache_->bind(bindings);
  for (const auto& [name, input] : inputs_) bindings.buffers[name] = {input.buffer.get(), 0};
  TAMIS_RETURN_IF_ERROR(plan.bind(bindings));
  plan.set_capture(capture_);
  return {};
}

std::vector<const Plan*> Runner::plans() const {
  std::vector<const Plan*> views;
  for (const auto& [key, plan] : plans_) views.push_back(plan.get());
  return views;
}

std::int64_t Runner::resident_bytes() const {
  if (options_.plan_only) return 0;
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
