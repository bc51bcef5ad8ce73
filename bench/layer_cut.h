// A published model cut down to one decoder layer, so that the layer can be timed at full width on a machine
// that holds no more than that.
#pragma once

#include "core/engine/memory_need.h"
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

// What a run takes at most, before anything is allocated. The weights are made in host memory: on the CPU
// they count among the device's.
struct LayerNeed {
  MemoryNeed device, host;
  std::int64_t generated = 0;  // bytes of weights

  bool host_copy() const { return host.weights > 0; }
};
// From plans of steps of these shapes on a runner that only plans.
Result<LayerNeed> layer_need(const ModelConfig& config, const RunnerOptions& options,
                             const std::vector<std::vector<StepShape>>& steps);
// As check_memory(MemoryNeed, …), of the device and of the host.
Status check_memory(const LayerNeed& need, const RunnerOptions& options);

}  // namespace tamis::bench
