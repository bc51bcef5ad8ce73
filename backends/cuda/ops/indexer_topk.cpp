// CUDA rows of indexer_topk: the score kernels of indexer_scores write a block of tokens' scores into the
// workspace, topk_select's kernels choose from it and write slots as well. The workspace is bounded by
// kScoreBytes whatever the tokens and keys: long contexts are scored in blocks of fewer tokens.
//
// NVIDIA H100 80GB HBM3, 2026-11-22, tamis bench op --device cuda --op indexer_topk --tokens 1,64: 2048 of
// 64K keys in 36.5 us and 115 us. Same machine and day, L2 flushed by writing 256 MiB: 4096 tokens 5.0 ms; 64
// tokens of sequences of their own 259 us.
#include "core/ops/indexer_topk/indexer_topk.h"

#include <algorithm>

#include "backends/cuda/indexer_args.h"
#include "kernels_cuda/topk_select/launch.h"

namespace tamis::cuda {
namespace {

using namespace indexer_topk_operand;

// 512 tokens at 64K keys, as fast as twice that; half costs 4 % more time, a quarter 15 %.
constexpr std::int64_t kScoreBytes = 128 << 20;
constexpr std::int64_t kTokenMultiple = 16;  // of the tokens that share a key tile

const Tensor kAbsent{};

ScoreCall score_call(const OpCall& call) {
  const auto& p = call.as<IndexerTopkParams>();
  return {call[kQ],         call[kWeights], call[kQScale], call[kKeys], kAbsent, call[kSeqOfToken],
          call[kPageTable], kAbsent,        call[kKe],     p.format,    true,    p.page_size,
          p.scale,          p.max_keys};
}

// How a call is cut, and where its parts lie in the workspace.
struct Plan {
  std::int64_t score_stride, block_tokens;
  TopkSplit split;

  Plan(const OpCall& call, int multiprocessors) {
    const auto& p = call.as<IndexerTopkParams>();
    const std::int64_t tokens = std::max<std::int64_t>(1, call[kQ].desc.dim(0));
    score_stride = (p.max_keys + 3) / 4 * 4;
    const std::int64_t fit = kScoreBytes / 4 / score_stride;
    block_tokens = fit < kTokenMultiple ? fit : fit / kTokenMultiple * kTokenMultiple;
    block_tokens = std::clamp<std::int64_t>(block_tokens, 1, tokens);
    split = topk_split(block_tokens, p.max_keys, p.k, multiprocessors);
  }
  std::int64_t score_bytes() const { return (block_tokens * score_stride * 4 + 255) / 256 * 256; }
  std::int64_t bytes() const { return score_bytes() + split.workspace_bytes; }
};

Reason accepts_selection(const OpCall& call) {
  const auto& p = call.as<IndexerTopkParams>();
  if (p.k > kMaxSampledK) return reason::size("k", p.k, "up to 4096");
  return p.max_keys <= kScoreBytes / 4 ? accept() : reason::size("max_keys", p.max_keys, "up to 2^25");
}
Reason accepts_fp8(const DeviceInfo&, const OpCall& call) {
  Reason why = accepts_wgmma(score_call(call));
  return why.accepted() ? accepts_selection(call) : why;
}
Reason accepts_fp8_mma(const DeviceInfo& device, const OpCall& call) {
  Reason why = accepts_mma_fp8(device, score_call(call));
  return why.accepted() ? accepts_selection(call) : why;
}
Reason accepts_bf16(const DeviceInfo&, const OpCall& call) {
  Reason why = accepts_mma(score_call(call));
  return why.accepted() ? accepts_selection(call) : why;
}

std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  return Plan(call, device.units).bytes();
}

using ScoreKernel = cudaError_t (*)(const IndexerScoresArgs&, cudaStream_t);

SlotMap slot_map(const OpCall& call, const IndexerScoresArgs& scores, std::int64_t first_token) {
  return {.seq_of_token = scores.seq_of_token == nullptr ? nullptr : scores.seq_of_token + first_token,
          .page_table = scores.page_table,
          .page_table_stride = scores.page_table_stride,
          .sequences = scores.sequences,
          .pages_per_sequence = scores.pages_per_sequence,
          .page_size = scores.page_size,
          .slots = pointer<std::int32_t>(call[kSlots]) + first_token * call[kSlots].desc.stride(0),
          .slots_stride = call[kSlots].desc.stride(0)};
}

Status launch(Queue& queue, const OpCall& call, const Scratch& scratch, ScoreKernel kernel) {
  auto& cuda_queue = static_cast<CudaQueue&>(queue);
  const ScoreCall score = score_call(call);
  const Plan plan(call, cuda_queue.multiprocessors());
  const auto k = call.as<IndexerTopkParams>().k;
  std::byte* memory = address(scratch.workspace, scratch.workspace_offset);
  IndexerScoresArgs args = score_args(score, cuda_queue.multiprocessors());
  args.scores = reinterpret_cast<float*>(memory);
  args.score_stride = plan.score_stride;
  args.min_keys = k + 1;  // who sees no more takes all of them
  args.fill = false;
  const std::int64_t idx_stride = call[kIdx].desc.stride(0);
  for (std::int64_t first = 0; first < args.tokens; first += plan.block_tokens) {
    args.first_token = first;
    args.end_token = std::min(first + plan.block_tokens, args.tokens);
    TAMIS_RETURN_IF_ERROR(cuda_queue.launched(kernel(args, cuda_queue.stream())));
    const TopkSelectArgs select{.scores = args.scores,
                                .row_stride = plan.score_stride,
                                .ks = nullptr,
                                .ke = args.ke + first,
                                .idx = pointer<std::int32_t>(call[kIdx]) + first * idx_stride,
                                .idx_stride = idx_stride,
                                .count = pointer<std::int32_t>(call[kCount]) + first,
                                .rows = args.end_token - first,
                                .width = args.max_keys,
                                .k = k};
    TAMIS_RETURN_IF_ERROR(cuda_queue.launched(topk_select_sampled(
        select, slot_map(call, args, first), plan.split, memory + plan.score_bytes(), cuda_queue.stream())));
  }
  return {};
}

Status launch_wgmma(Queue& queue, const OpCall& call, const Scratch& scratch) {
  const bool few = few_tokens(score_call(call));
  return launch(queue, call, scratch, few ? indexer_scores_wgmma_decode : indexer_scores_wgmma_prefill);
}
Status launch_mma(Queue& queue, const OpCall& call, const Scratch& scratch) {
  return launch(queue, call, scratch, indexer_scores_mma);
}
Status launch_fp8_mma(Queue& queue, const OpCall& call, const Scratch& scratch) {
  return launch(queue, call, scratch, indexer_scores_mma_fp8);
}

constexpr KernelRow kRows[] = {
    {.name = "cuda.indexer_topk.stream_wgmma_sm90_fp8",
     .op = "indexer_topk",
     .families = "deep_gemm deepgemm",
     .needs = {.arch_min = 90, .arch_max = 91},
     .numerics = {.accuracy = "fp8_unit", .invariance = Invariance::kBatch},
     .accepts = accepts_fp8,
     .workspace = workspace,
     .launch = launch_wgmma},
    {.name = "cuda.indexer_topk.stream_mma_sm89_fp8",
     .op = "indexer_topk",
     .families = "mma",
     .needs = {.arch_min = 89},
     .numerics = {.accuracy = "fp8_unit", .invariance = Invariance::kBatch},
     .accepts = accepts_fp8_mma,
     .workspace = workspace,
     .launch = launch_fp8_mma},
    {.name = "cuda.indexer_topk.stream_mma_sm80_bf16",
     .op = "indexer_topk",
     .families = "mma",
     .needs = {.arch_min = 80},
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accepts_bf16,
     .workspace = workspace,
     .launch = launch_mma},
};

}  // namespace

std::span<const KernelRow> rows_indexer_topk() { return kRows; }

}  // namespace tamis::cuda
