// Random weights for a configuration: `--random FAMILY --layers N`.
#pragma once

#include <memory>

#include "core/checkpoint/checkpoint.h"
#include "core/model/config.h"

namespace tamis {

// Every tensor of tensor_inventory(config), filled on first use so that activations stay of order one:
// matrices with a root mean square near in^-0.5, embedding near 1, norms 1 +- 0.25, the router's correction
// bias near 0.05, FP8 scales a power of two.
Result<std::unique_ptr<Checkpoint>> random_checkpoint(const ModelConfig& config, std::uint64_t seed);

}  // namespace tamis
