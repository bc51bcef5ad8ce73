// CUDA rows of moe_experts, in order of preference: e4m3 by wgmma (Hopper), by mma.sync (sm_89, sm_12x), and
// mma.sync on 16 bits, which takes any GPU and what the others do not.
#include "core/ops/moe_experts/moe_experts.h"

#include "backends/cuda/moe_experts_fp8.h"
#include "backends/cuda/moe_experts_mma.h"
#include "backends/cuda/weight_tiles.h"

namespace tamis::cuda {
namespace {

constexpr Numerics kFp8Numerics{.accuracy = "e4m3_act", .invariance = Invariance::kBatch};

constexpr KernelRow kRows[] = {
    {.name = "cuda.moe_experts.wgmma_sm90_fp8",
     .op = "moe_experts",
     .families = "wgmma deep_gemm triton",
     .needs = {.arch_min = 90, .arch_max = 100},
     .numerics = kFp8Numerics,
     .accepts = accept_experts_wgmma,
     .weight_layout = tiles_layout,
     .pack = pack_tiles,
     .workspace = experts_fp8_workspace<Fp8Unit::kWgmma>,
     .launch = launch_experts_fp8<Fp8Unit::kWgmma>},
    {.name = "cuda.moe_experts.mma_sm89_fp8",
     .op = "moe_experts",
     .families = "mma triton",
     .needs = {.arch_min = 89},
     .numerics = kFp8Numerics,
     .accepts = accept_experts_mma_fp8,
     .weight_layout = tiles_layout,
     .pack = pack_tiles,
     .workspace = experts_fp8_workspace<Fp8Unit::kMma>,
     .launch = launch_experts_fp8<Fp8Unit::kMma>},
    {.name = "cuda.moe_experts.mma_sm80",
     .op = "moe_experts",
     .families = "mma triton",
     .needs = {.arch_min = 80},
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accept_experts_mma,
     .weight_layout = tiles_layout,
     .pack = pack_tiles,
     .workspace = experts_mma_workspace,
     .launch = launch_experts_mma},
};

}  // namespace

std::span<const KernelRow> rows_moe_experts() { return kRows; }

}  // namespace tamis::cuda
