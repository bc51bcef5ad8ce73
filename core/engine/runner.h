// Runner: a loaded model on a device. Turns batches of sequence chunks into steps: fills the step inputs,
// finds or makes the plan for the bucket, runs it, and hands back logits, tokens or hidden states. No
// sampling policy, no text.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/backend/registry.h"
#include "core/cache/cache_pool.h"
#include "core/engine/step_policy.h"
#include "core/exec/plan.h"
#include "core/exec/step.h"
#include "core/model/config.h"
#include "core/model/weight_store.h"

namespace tamis {

enum class AttentionMode : std::uint8_t {
  kAuto,    // sparse where the model has an indexer, dense otherwise
  kSparse,  // an error for a model without an indexer
  kDense,   // every visible key, whatever the model says: for comparison
};

struct RunnerOptions {
  std::string device = "cpu";
  Precision precision;
  AttentionMode attention = AttentionMode::kAuto;
  // Cached tokens over all sequences. The model's own limit bounds each sequence.
  std::int64_t cache_tokens = 8192;
  std::int64_t max_batch_tokens =
      512;  // tokens of one step; longer prompts are cut into chunks by the caller
  std::int64_t max_sequences = 64;
  bool mtp = false;          // make caches for the MTP layer, too
  bool layers_only = false;  // make the inputs of steps that run the layers alone
  // Nothing is loaded or allocated: plan() works, step() does not. The device may then also be a capability
  // (core/policy/capability.h): "sm100", "gfx942".
  bool plan_only = false;
  // Its families win over those of the policy.
  PlanOptions plan;
  // What the policy is asked with: kernels of prefill and decode, dense_threshold.
  PolicyFlags policy;
};

// How one token is drawn; see op `sample`. temperature 0 takes the largest logit.
struct SamplingConfig {
  float temperature = 0.0f;
  std::int32_t top_k = 0;
  float top_p = 1.0f;
  float min_p = 0.0f;
  float repetition = 1.0f;
  float presence = 0.0f;
  float frequency = 0.0f;
  std::uint64_t seed = 0;
  bool has_penalties() const { return repetition != 1.0f || presence != 0.0f || frequency != 0.0f; }
};

using SequenceId = int;

// The next tokens of one sequence. They are appended to its cache.
struct StepItem {
  SequenceId sequence = 0;
  std::vector<std::int32_t> tokens;
  enum class Logits : std::uint8_t { kNone, kLast, kAll } logits = Logits::kLast;
  // Draw a token after the last one given. Ignored unless logits == kLast.
  std::optional<SamplingConfig> sample;
  std::vector<std::int32_t> history;  // tokens that the penalties count; read only if `sample` has penalties
  std::vector<float> draft_hidden;    // MTP steps: [tokens, H] of the main model
};

struct StepOptions {
  bool mtp = false;
  bool keep_hidden = false;
  bool all_hidden = false;  // and the selected indices: such a step is never prefilled densely
  // The layers alone, on what lies in the inputs kStreamIn and kDeltaIn; items want no logits.
  bool layers_only = false;
  bool index_scores = false;  // needs all_hidden
  // Copies logits to the host: half a megabyte a row for the published models. Without it they stay on the
  // device, and only what is drawn from them comes back.
  bool logits = true;
  // Padding tokens added to the batch: tests prove that they change nothing.
  std::int64_t extra_padding = 0;
};

// One sequence of a step by its size alone.
struct StepShape {
  std::int64_t new_tokens = 0;
  std::int64_t length = 0;  // after the step
};

struct StepResult {
  std::int64_t n_out = 0;
  std::vector<float> logits;                   // [n_out, V], in order of items and tokens; if asked for
  std::vector<std::int32_t> tokens;            // [n_out] if any item samples
  std::vector<float> logprobs;                 // [n_out]
  std::vector<float> hidden;                   // [real tokens, H] after the final norm, if kept
  std::vector<std::vector<float>> all_hidden;  // [layers + 1][real tokens * H]
  std::map<std::int64_t, std::vector<std::int32_t>>
      indices;  // with all_hidden: [real tokens, topk] per indexer layer
  std::map<std::int64_t, std::vector<float>> index_scores;  // if asked for: the scores of `indices`
};

class Runner {
 public:
  // Loads the weights (mapped, not copied, where the device can). The checkpoint is kept.
  static Result<std::unique_ptr<Runner>> create(ModelConfig config, std::unique_ptr<Checkpoint> checkpoint,
                                                const RunnerOptions& options,
                                                const LoadProgress& progress = {});
  ~Runner();
  // The device of that name, or what stands in for one that is not here (core/policy/capability.h).
  static Result<std::shared_ptr<Device>> find_device(const std::string& name);

  const ModelConfig& config() const { return config_; }
  const RunnerOptions& options() const { return options_; }
  bool has_mtp() const { return weight_set_.has_mtp; }
  Device& device() { return *device_; }

  Result<SequenceId> new_sequence();
  void free_sequence(SequenceId id);
  std::int64_t length(SequenceId id) const;
  // Forgets the tokens from `length` on.
  Status truncate(SequenceId id, std::int64_t length);

  // Counts `length` tokens as cached without computing them, whatever their pages hold: for benchmarks of
  // long contexts.
  Status assume_cached(SequenceId id, std::int64_t length);
  // An input of steps (step_input), for data that no item brings; buffer null: there is none.
  BufferRange input(const std::string& name) const;
  // For whoever runs plans without step(): a plan's captures belong to this queue.
  Queue& queue() { return *queue_; }
  Queue& host_queue() { return *host_queue_; }

  // Runs one step. On an error no sequence has grown.
  Result<StepResult> step(const std::vector<StepItem>& items, const StepOptions& options = {});

  // The key of a step of these shapes, each sequence wanting its last logits; the second form for a kind of
  // batch that its sizes do not show (verify, draft-extend).
  StepKey key_for_shapes(const std::vector<StepShape>& shapes) const;
  StepKey key_for_batch(const PolicyBatch& batch) const { return make_key(batch, false); }
  const StepPolicy& policy() const { return *policy_; }
  StepKey key_for(const std::vector<StepItem>& items, const StepOptions& options) const;
  // The plan that a step of this key would run, made if need be: for explain and tests.
  Result<Plan*> plan(const StepKey& key);
  void set_trace(Trace* trace) { trace_ = trace; }
  void set_capture(bool capture) { capture_ = capture; }
  // Every step by Plan::run_checked().
  void set_checked(bool checked) { checked_ = checked; }
  // Rows, fallbacks and memory of the plans made so far.
  std::vector<const Plan*> plans() const;
  std::int64_t resident_bytes() const;
  // For tests and memory reports.
  const CachePool& cache() const { return *cache_; }
  const WeightStore& weights() const { return *weights_; }

 private:
  struct Input {
    std::shared_ptr<Buffer> buffer;
    std::vector<std::byte> staging;
  };
  Runner() = default;
  Status find_devices();
  Status allocate(const LoadProgress& progress);
  Status make_inputs();
  Status check_memory_need() const;
  Status make_weights_resident(const LoadProgress& progress);
  Status check_items(const std::vector<StepItem>& items, const StepOptions& options) const;
  Result<std::unique_ptr<Plan>> make_plan(const StepKey& key, bool quiet = false) const;
  Status bind(Plan& plan);
  StepKey make_key(const PolicyBatch& batch, bool keep_sparse) const;
  Status reserve(const std::vector<StepItem>& items);
  Result<StepResult> run_step(const std::vector<StepItem>& items, const StepOptions& options);
  Status fill_inputs(const std::vector<StepItem>& items, const StepKey& key);
  Status fill_sampling(const std::vector<StepItem>& items, const StepKey& key);
  Status fill_draft_hidden(const std::vector<StepItem>& items);
  Result<StepResult> collect(const std::vector<StepItem>& items, const StepOptions& options,
                             const StepKey& key, Plan& plan);
  Status collect_hidden(const StepKey& key, Plan& plan, std::int64_t rows, StepResult& result);
  Status collect_index_scores(const Plan& plan, std::int64_t layer, std::int64_t rows, StepResult& result);
  Status add_input(const char* name, std::int64_t bytes);
  // Staging memory of an input as n elements of T, and its upload.
  template <class T>
  std::span<T> stage(const char* name, std::int64_t n);
  Status upload(const char* name, std::int64_t bytes);
  // The first `rows` rows of an output, widened to float (or as int32).
  Result<std::vector<float>> download_floats(const Plan& plan, const std::string& output, std::int64_t rows);
  Result<std::vector<std::int32_t>> download_ints(const Plan& plan, const std::string& output,
                                                  std::int64_t rows);
  Result<std::vector<std::byte>> download_rows(const Tensor& tensor, std::int64_t rows);

  ModelConfig config_;
  RunnerOptions options_;
  std::unique_ptr<Checkpoint> checkpoint_;
  WeightSet weight_set_;
  std::optional<StepPolicy> policy_;
  std::shared_ptr<Device> device_, host_;
  PlanTarget target_;
  std::unique_ptr<Queue> queue_, host_queue_;
  std::unique_ptr<WeightStore> weights_;
  std::unique_ptr<CachePool> cache_;
  std::int64_t n_pages_ = 0;  // of the cache
  std::map<std::string, Input> inputs_;
  std::map<SequenceId, SequenceCache> sequences_;
  std::map<StepKey, std::unique_ptr<Plan>> plans_;
  std::shared_ptr<Buffer> arena_;
  SequenceId next_sequence_ = 1;
  Trace* trace_ = nullptr;
  bool capture_ = true;
  bool checked_ = false;
};

}  // namespace tamis
