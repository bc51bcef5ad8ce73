// HIP rows of indexer_scores on matrix instructions.
#include "core/ops/indexer_scores/indexer_scores.h"

#include "backends/gpu/indexer_scores.h"
#include "backends/hip/matrix_scores.h"
#include "backends/hip/queue.h"

namespace tamis::hip {
namespace {

using namespace indexer_scores_operand;

Reason accepts(const DeviceInfo&, const OpCall& call) {
  return accepts_matrix_scores(gpu::indexer_scores_arguments(call), call[kQ], call[kKeys]);
}

template <auto kernel>
Status launch(Queue& queue, const OpCall& call, const Scratch&) {
  auto& hip_queue = static_cast<HipQueue&>(queue);
  const MatrixScores args = matrix_scores(gpu::indexer_scores_arguments(call), hip_queue.units());
  return hip_queue.submit(call.op->name, kernel, args);
}

constexpr KernelRow row(const char* name, const char* families, Features needs,
                        decltype(KernelRow::launch) run) {
  return {.name = name,
          .op = "indexer_scores",
          .families = families,
          .needs = needs,
          .numerics = {.invariance = Invariance::kBatch},
          .accepts = accepts,
          .launch = run};
}

constexpr KernelRow kRows[] = {
    row("hip.indexer_scores.mfma_gfx9_bf16", "mfma", kMfmaGfx9, launch<&launch_indexer_scores_mfma_gfx9>),
    row("hip.indexer_scores.wmma_gfx11_bf16", "wmma", kWmmaGfx11, launch<&launch_indexer_scores_wmma_gfx11>),
    row("hip.indexer_scores.wmma_gfx12_bf16", "wmma", kWmmaGfx12, launch<&launch_indexer_scores_wmma_gfx12>),
};

}  // namespace

std::span<const KernelRow> rows_indexer_scores() { return kRows; }

}  // namespace tamis::hip
