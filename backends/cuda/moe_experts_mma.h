// The row of moe_experts on mma.sync: the kernels of its decomposition one after the other over planned
// workspace, weights in tiles as the wgmma row takes them.
#pragma once

#include "backends/cuda/queue.h"

namespace tamis::cuda {

Reason accept_experts_mma(const DeviceInfo& device, const OpCall& call);
std::int64_t experts_mma_workspace(const DeviceInfo& device, const OpCall& call);
Status launch_experts_mma(Queue& queue, const OpCall& call, const Scratch& scratch);

}  // namespace tamis::cuda
