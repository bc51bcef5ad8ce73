// CUDA rows of indexer_scores. The two Hopper rows give the same bits: they differ in who shares a key tile.
// Those on mma.sync: e4m3 (sm_89 on), and bf16, which takes what the others do not.
#include "core/ops/indexer_scores/indexer_scores.h"

#include "backends/cuda/indexer_args.h"

namespace tamis::cuda {
namespace {

using namespace indexer_scores_operand;

ScoreCall score_call(const OpCall& call) {
  const auto& p = call.as<IndexerScoresParams>();
  return {call[kQ],          call[kWeights],   call[kQScale], call[kKeys], call[kKeyScale],
          call[kSeqOfToken], call[kPageTable], call[kKs],     call[kKe],   p.format,
          p.paged,           p.page_size,      p.scale,       p.max_keys};
}

Reason accepts_fp8(const DeviceInfo&, const OpCall& call) { return accepts_wgmma(score_call(call)); }
Reason accepts_mma(const DeviceInfo& device, const OpCall& call) {
  return accepts_mma_fp8(device, score_call(call));
}
Reason accepts_bf16(const DeviceInfo&, const OpCall& call) { return cuda::accepts_mma(score_call(call)); }

Reason prefers_decode(const DeviceInfo&, const OpCall& call) {
  return few_tokens(score_call(call)) ? accept() : reason::slower("many tokens share their keys");
}

template <cudaError_t (*kernel)(const IndexerScoresArgs&, cudaStream_t)>
Status launch(Queue& queue, const OpCall& call, const Scratch&) {
  auto& cuda_queue = static_cast<CudaQueue&>(queue);
  IndexerScoresArgs args = score_args(score_call(call), cuda_queue.multiprocessors());
  args.scores = pointer<float>(call[kScores]);
  args.score_stride = call[kScores].desc.stride(0);
  return cuda_queue.launched(kernel(args, cuda_queue.stream()));
}

constexpr Numerics kFp8Numerics{.accuracy = "fp8_unit", .invariance = Invariance::kBatch};

constexpr KernelRow kRows[] = {
    {.name = "cuda.indexer_scores.decode_wgmma_sm90_fp8",
     .op = "indexer_scores",
     .families = "deep_gemm deepgemm",
     .needs = {.arch_min = 90, .arch_max = 91},
     .numerics = kFp8Numerics,
     .accepts = accepts_fp8,
     .prefers = prefers_decode,
     .launch = launch<indexer_scores_wgmma_decode>},
    {.name = "cuda.indexer_scores.prefill_wgmma_sm90_fp8",
     .op = "indexer_scores",
     .families = "deep_gemm deepgemm",
     .needs = {.arch_min = 90, .arch_max = 91},
     .numerics = kFp8Numerics,
     .accepts = accepts_fp8,
     .launch = launch<indexer_scores_wgmma_prefill>},
    {.name = "cuda.indexer_scores.mma_sm89_fp8",
     .op = "indexer_scores",
     .families = "mma",
     .needs = {.arch_min = 89},
     .numerics = kFp8Numerics,
     .accepts = accepts_mma,
     .launch = launch<indexer_scores_mma_fp8>},
    {.name = "cuda.indexer_scores.mma_sm80_bf16",
     .op = "indexer_scores",
     .families = "mma",
     .needs = {.arch_min = 80},
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accepts_bf16,
     .launch = launch<indexer_scores_mma>},
};

}  // namespace

std::span<const KernelRow> rows_indexer_scores() { return kRows; }

}  // namespace tamis::cuda
