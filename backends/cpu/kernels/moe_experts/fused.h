// The fused CPU kernel of moe_experts, by the product it multiplies tiles with.
#pragma once

#include "backends/cpu/kernels/common/tile_product.h"
#include "core/backend/kernel_table.h"

namespace tamis::cpu {

std::int64_t moe_experts_workspace(const DeviceInfo& device, const OpCall& call);
Status moe_experts_portable(const OpCall& call, const Scratch& scratch);
Status moe_experts_blas(const OpCall& call, const Scratch& scratch);

}  // namespace tamis::cpu
