// Portable row of indexer_topk on CUDA and HIP.
#include "backends/gpu/indexer_topk.h"

namespace tamis::gpu {
namespace {

Reason accepts(const DeviceInfo&, const OpCall& call) { return accepts_topk(call); }

Status score(GpuQueue& queue, const IndexerScores& args) {
  return queue.submit("indexer_topk", launch_indexer_scores, args);
}

constexpr KernelRow kRows[] = {
    {.name = TAMIS_GPU_ROOM ".indexer_topk.portable",
     .op = "indexer_topk",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accepts,
     .workspace = topk_workspace,
     .launch = launch_chunks<&score>},
};

}  // namespace

std::span<const KernelRow> rows_indexer_topk() { return kRows; }

}  // namespace tamis::gpu
