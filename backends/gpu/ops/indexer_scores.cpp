// Portable row of indexer_scores on CUDA and HIP.
#include "backends/gpu/indexer_scores.h"

namespace tamis::gpu {
namespace {

constexpr KernelRow kRows[] = {
    {.name = TAMIS_GPU_ROOM ".indexer_scores.portable",
     .op = "indexer_scores",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accept_any,
     .launch = launch<&indexer_scores_arguments, &launch_indexer_scores>},
};

}  // namespace

std::span<const KernelRow> rows_indexer_scores() { return kRows; }

}  // namespace tamis::gpu
