// The fused CPU kernel of moe_experts, by the product that multiplies its blocks.
#pragma once

#include "backends/cpu/kernels/product/product.h"
#include "core/backend/kernel_table.h"

namespace tamis::cpu {

std::int64_t moe_experts_workspace(const Product& product, const DeviceInfo& device, const OpCall& call);
Status moe_experts(const Product& product, const OpCall& call, const Scratch& scratch);

}  // namespace tamis::cpu
