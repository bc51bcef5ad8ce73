// HIP rows of indexer_topk whose scores are made on matrix instructions.
#include "backends/gpu/indexer_topk.h"

#include "backends/hip/matrix_scores.h"
#include "backends/hip/queue.h"
#include "kernels_hip/common/select_limits.h"
#include "kernels_hip/indexer_topk/launch.h"

namespace tamis::hip {
namespace {

using namespace indexer_topk_operand;

Reason accepts(const DeviceInfo&, const OpCall& call) {
  if (Reason why = gpu::accepts_topk(call); !why.accepted()) return why;
  return accepts_matrix_scores(gpu::topk_score_arguments(call), call[kQ], call[kKeys]);
}

template <auto kernel>
Status score(gpu::GpuQueue& queue, const gpu::IndexerScores& args) {
  const MatrixScores matrix = matrix_scores(args, static_cast<HipQueue&>(queue).units());
  return queue.submit("indexer_topk", kernel, matrix);
}

template <auto kernel>
Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  return call.as<IndexerTopkParams>().k <= kMaxSampledK
             ? gpu::launch_chunks<&score<kernel>, &launch_keep_best_sampled>(queue, call, scratch)
             : gpu::launch_chunks<&score<kernel>>(queue, call, scratch);
}

constexpr KernelRow row(const char* name, const char* families, Features needs,
                        decltype(KernelRow::launch) run) {
  return {.name = name,
          .op = "indexer_topk",
          .families = families,
          .needs = needs,
          .numerics = {.invariance = Invariance::kBatch},
          .accepts = accepts,
          .workspace = gpu::topk_workspace,
          .launch = run};
}

constexpr KernelRow kRows[] = {
    row("hip.indexer_topk.mfma_gfx9_bf16", "mfma", kMfmaGfx9, launch<&launch_indexer_scores_mfma_gfx9>),
    row("hip.indexer_topk.wmma_gfx11_bf16", "wmma", kWmmaGfx11, launch<&launch_indexer_scores_wmma_gfx11>),
    row("hip.indexer_topk.wmma_gfx12_bf16", "wmma", kWmmaGfx12, launch<&launch_indexer_scores_wmma_gfx12>),
};

}  // namespace

std::span<const KernelRow> rows_indexer_topk() { return kRows; }

}  // namespace tamis::hip
