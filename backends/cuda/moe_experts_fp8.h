// Rows of moe_experts that multiply e4m3. wgmma (Hopper): five launches, each but the first started while the
// one before drains. mma.sync (sm_89 on): six, because what the epilogue of Hopper's first product does,
// silu(gate) * up rounded to e4m3, is a launch of its own.
#pragma once

#include "backends/cuda/queue.h"

namespace tamis::cuda {

enum class Fp8Unit { kWgmma, kMma };

Reason accept_experts_wgmma(const DeviceInfo& device, const OpCall& call);
Reason accept_experts_mma_fp8(const DeviceInfo& device, const OpCall& call);

template <Fp8Unit unit>
std::int64_t experts_fp8_workspace(const DeviceInfo& device, const OpCall& call);
template <Fp8Unit unit>
Status launch_experts_fp8(Queue& queue, const OpCall& call, const Scratch& scratch);

}  // namespace tamis::cuda
