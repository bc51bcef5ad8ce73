// Portable row of topk_select on CUDA and HIP.
#include "backends/gpu/topk_select.h"

namespace tamis::gpu {
namespace {

constexpr KernelRow kRows[] = {
    {.name = TAMIS_GPU_ROOM ".topk_select.portable",
     .op = "topk_select",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accepts_topk_select,
     .launch = launch<&topk_select_arguments, &launch_topk_select>},
};

}  // namespace

std::span<const KernelRow> rows_topk_select() { return kRows; }

}  // namespace tamis::gpu
