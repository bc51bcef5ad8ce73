// A published model cut down to one decoder layer, so that the layer can be timed at full width on a machine
// that holds no more than that.
#pragma once

#include "core/engine/runner.h"

namespace tamis::bench {

// kEnds: embedding, final norm and head, no layer.
enum class LayerPart : std::uint8_t { kDense, kMoe, kEnds };
const char* part_name(LayerPart part);  // dense, moe, ends
Result<LayerPart> parse_part(const std::string& name);
// How many of the model's main layers are of this kind; 1 for kEnds.
std::int64_t count_parts(const ModelConfig& model, LayerPart part);

// The model with that part alone. `experts` > 0: so many routed experts instead of the model's.
// kInvalidArgument: the model has no such layer, or cannot route to so few experts.
Result<ModelConfig> cut_part(const ModelConfig& model, LayerPart part, std::int64_t experts);

// What a run takes at most, before anything is allocated.
struct MemoryNeed {
  std::int64_t weights = 0, packed = 0, cache = 0, arena = 0, inputs = 0;
  bool host_copy = false;  // weights are made in host memory and then uploaded
  // On the host, what a row packs stands beside the stored weights; on a device, in their place.
  std::int64_t device() const { return weights + (host_copy ? 0 : packed) + cache + arena + inputs; }
  std::int64_t host() const { return host_copy ? weights : 0; }
};
// From plans of steps of these shapes on a runner that only plans.
Result<MemoryNeed> memory_need(const ModelConfig& config, const RunnerOptions& options,
                               const std::vector<std::vector<StepShape>>& steps);
// kOutOfMemory: "needs X GB (weights …, cache …), has Y GB".
Status check_memory(const MemoryNeed& need, const RunnerOptions& options);

}  // namespace tamis::bench
