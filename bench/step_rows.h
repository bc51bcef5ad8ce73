// What rows of whole steps say beside their times: kernels, shares of ops, counts, precision.
#pragma once

#include "bench/row.h"
#include "core/engine/runner.h"

namespace tamis::bench {

// "bf16 activations, bf16 cache, fp8 index keys, rounded activations".
std::string describe_precision(const ModelConfig& config, const Precision& precision);

// Kernel rows, FLOPs and bytes of the plan; a note where nodes run on the host beside a device.
void describe_plan(const Plan& plan, Row& row);

// Time by op over the runs in the trace, largest first.
std::vector<Share> shares_of(const Trace& trace);

}  // namespace tamis::bench
