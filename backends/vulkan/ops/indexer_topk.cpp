// Vulkan rows of indexer_topk: scores of some tokens in the workspace, the best of them, and so on; at the
// end the shader of index_to_slot. `prefill_coopmat` and `sampled` score all keys of a block of tokens and
// choose once, by shaders/topk_select/sampled.comp. `portable` goes through the keys in chunks and keeps the
// best so far: its memory does not grow with the keys a token may see beyond a chunk.
//
// NVIDIA 580.159.04, H100 80GB HBM3, 2026-11-23, tamis bench op --device vulkan --op indexer_topk --grid all:
// 2048 of 64K keys, 1 / 64 / 4096 tokens of one sequence, in 94 us / 0.43 ms / 22.4 ms by `prefill_coopmat`;
// 152 us / 4.4 ms by `sampled`, 379 us / 4.6 ms / 287 ms by `portable`.
#include "core/ops/indexer_topk/indexer_topk.h"

#include <algorithm>

#include "backends/vulkan/index_scores_coopmat.h"
#include "backends/vulkan/slots.h"
#include "backends/vulkan/topk.h"

namespace tamis::vulkan {
namespace {

using namespace indexer_topk_operand;

// 16 MB of scores. A chunk of one token is 512 work groups of scoring; 128 tokens are as many of selection,
// about a large device's units.
constexpr std::int64_t kChunkKeys = 1 << 15;
constexpr std::int64_t kChunkTokens = 128;

// Scores of a block, 64 MB of them: 256 tokens at 64K keys. 4096 tokens took 23.4 ms with half as many, 22.4
// with these and 22.2 with twice as many.
constexpr std::int64_t kBlockScores = 1 << 24;
constexpr std::int64_t kBlockTokens = 512;

struct KeepBest {
  std::uint64_t scores, scores_stride, best, idx, idx_stride, count, ke;
  std::uint32_t k, max_keys, first_token, tokens, first_key, keys_count;
};

Reason accepts(const DeviceInfo& device, const OpCall& call) {
  return accept_index_scores(device, call.as<IndexerTopkParams>().max_keys);
}

// Scores [tokens, keys] of a chunk, then those of its tokens' best so far [tokens, k].
struct Chunk {
  std::int64_t tokens, keys, k;

  explicit Chunk(const OpCall& call)
      : tokens(std::min(kChunkTokens, call[kQ].desc.dim(0))),
        keys(std::min(kChunkKeys, call.as<IndexerTopkParams>().max_keys)),
        k(call.as<IndexerTopkParams>().k) {}
  std::int64_t bytes() const { return 4 * tokens * (keys + k); }
};

std::int64_t workspace(const DeviceInfo&, const OpCall& call) { return Chunk(call).bytes(); }

IndexScores score_arguments(const OpCall& call) {
  const auto& params = call.as<IndexerTopkParams>();
  const Tensor& q = call[kQ];
  IndexScores args = index_scores({q, call[kWeights], call[kQScale]}, params.scale);
  args.keys = index_cache_of(call[kKeys], params.format, params.page_size, q.desc.dim(2));
  args.table = page_table_of(call[kPageTable], params.page_size);
  args.sequence = address(call[kSeqOfToken]);
  args.ke = address(call[kKe]);
  args.max_keys = static_cast<std::uint32_t>(params.max_keys);
  args.min_keys = static_cast<std::uint32_t>(params.k) + 1;
  return args;
}

KeepBest select_arguments(const OpCall& call) {
  const auto& params = call.as<IndexerTopkParams>();
  KeepBest args{};
  args.idx = address(call[kIdx]);
  args.idx_stride = row_stride(call[kIdx]);
  args.count = address(call[kCount]);
  args.ke = address(call[kKe]);
  args.k = static_cast<std::uint32_t>(params.k);
  args.max_keys = static_cast<std::uint32_t>(params.max_keys);
  return args;
}

// One chunk of keys: scores, then the best of them. What was recorded before has read the last chunk.
Status dispatch_chunk(VulkanQueue& recorder, const OpCall& call, const IndexScores& scoring,
                      const KeepBest& selection) {
  const auto& params = call.as<IndexerTopkParams>();
  const Kernel kernel =
      index_scores_kernel(type_of(call[kQ]), index_type(call[kKeys], params.format), true, scoring.heads);
  TAMIS_RETURN_IF_ERROR(dispatch_index_scores(recorder, kernel, scoring));
  recorder.barrier();
  TAMIS_RETURN_IF_ERROR(recorder.dispatch({"indexer_topk/keep_best", {}}, selection, selection.tokens));
  recorder.barrier();
  return {};
}

Status dispatch_chunks(VulkanQueue& recorder, const OpCall& call, std::uint64_t memory) {
  const Chunk chunk(call);
  IndexScores scoring = score_arguments(call);
  KeepBest selection = select_arguments(call);
  scoring.scores = selection.scores = memory;
  scoring.scores_stride = selection.scores_stride = 4 * static_cast<std::uint64_t>(chunk.keys);
  selection.best = memory + static_cast<std::uint64_t>(4 * chunk.tokens * chunk.keys);
  const std::int64_t tokens = call[kQ].desc.dim(0), max_keys = scoring.max_keys;
  for (std::int64_t token = 0; token < tokens; token += chunk.tokens) {
    scoring.first_token = selection.first_token = static_cast<std::uint32_t>(token);
    scoring.tokens = selection.tokens = static_cast<std::uint32_t>(std::min(chunk.tokens, tokens - token));
    for (std::int64_t key = 0; key < max_keys; key += chunk.keys) {
      scoring.first_key = selection.first_key = static_cast<std::uint32_t>(key);
      scoring.keys_count = selection.keys_count =
          static_cast<std::uint32_t>(std::min(chunk.keys, max_keys - key));
      TAMIS_RETURN_IF_ERROR(dispatch_chunk(recorder, call, scoring, selection));
    }
  }
  return {};
}

// The tokens of a block, whose scores [tokens, stride] of all keys lie in the workspace at once.
struct Block {
  std::int64_t stride, tokens;

  explicit Block(const OpCall& call)
      : stride((call.as<IndexerTopkParams>().max_keys + 3) / 4 * 4), tokens(call[kQ].desc.dim(0)) {
    constexpr std::int64_t kTokens = 64;  // what a work group of prefill_coopmat.comp takes
    const std::int64_t fit = std::min(kBlockTokens, kBlockScores / stride);
    tokens = std::clamp<std::int64_t>(fit < kTokens ? fit : fit / kTokens * kTokens, 1, tokens);
  }
  std::int64_t bytes() const { return 4 * tokens * stride; }
};

std::int64_t block_workspace(const DeviceInfo&, const OpCall& call) { return Block(call).bytes(); }

MatrixScores matrix_scores(const OpCall& call) {
  return {call[kQ], call[kKeys], call.as<IndexerTopkParams>().format, true};
}

Reason accepts_sampled(const DeviceInfo& device, const OpCall& call) {
  const auto& params = call.as<IndexerTopkParams>();
  if (params.max_keys > kBlockScores) return reason::size("max_keys", params.max_keys, "up to 2^24");
  const Reason sampled = accept_sampled(device, params.k);
  return sampled.accepted() ? accepts(device, call) : sampled;
}

Reason accepts_matrices(const DeviceInfo& device, const OpCall& call) {
  const Reason sampled = accepts_sampled(device, call);
  return sampled.accepted() ? accept_matrix_scores(device, matrix_scores(call)) : sampled;
}

template <bool matrices>
Status dispatch_blocks(VulkanQueue& recorder, const OpCall& call, std::uint64_t memory) {
  const auto& params = call.as<IndexerTopkParams>();
  const Block block(call);
  IndexScores scoring = score_arguments(call);
  scoring.scores = memory;
  scoring.scores_stride = 4 * static_cast<std::uint64_t>(block.stride);
  scoring.keys_count = scoring.max_keys;
  TopkArguments selection{.scores = memory,
                          .scores_stride = scoring.scores_stride,
                          .idx_stride = row_stride(call[kIdx]),
                          .k = static_cast<std::uint32_t>(params.k),
                          .width = scoring.max_keys,
                          .sample_rank = sample_rank(params.k)};
  const Kernel kernel =
      index_scores_kernel(type_of(call[kQ]), index_type(call[kKeys], params.format), true, scoring.heads);
  const std::int64_t tokens = call[kQ].desc.dim(0);
  for (std::int64_t token = 0; token < tokens; token += block.tokens) {
    const auto first = static_cast<std::uint32_t>(token);
    scoring.first_token = first;
    scoring.tokens = selection.rows = static_cast<std::uint32_t>(std::min(block.tokens, tokens - token));
    selection.ke = address(call[kKe]) + 4ull * first;
    selection.count = address(call[kCount]) + 4ull * first;
    selection.idx = address(call[kIdx]) + selection.idx_stride * first;
    TAMIS_RETURN_IF_ERROR(matrices ? dispatch_matrix_scores(recorder, matrix_scores(call), scoring)
                                   : dispatch_index_scores(recorder, kernel, scoring));
    recorder.barrier();
    TAMIS_RETURN_IF_ERROR(dispatch_topk(recorder, "topk_select/sampled", selection));
    recorder.barrier();
  }
  return {};
}

template <auto dispatch>
Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  TAMIS_RETURN_IF_ERROR(dispatch(recorder, call, address(scratch.workspace, scratch.workspace_offset)));
  IndexToSlot slots = index_to_slot(call[kIdx], call[kSlots]);
  slots.sequence = address(call[kSeqOfToken]);
  slots.table = page_table_of(call[kPageTable], call.as<IndexerTopkParams>().page_size);
  return dispatch_index_to_slot(recorder, slots);
}

constexpr KernelRow kRows[] = {{.name = "vulkan.indexer_topk.prefill_coopmat",
                                .op = "indexer_topk",
                                .families = "coopmat",
                                .needs = kNeedsMatrices,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts_matrices,
                                .workspace = block_workspace,
                                .launch = launch<dispatch_blocks<true>>},
                               {.name = "vulkan.indexer_topk.sampled",
                                .op = "indexer_topk",
                                .families = "portable",
                                .needs = kNeeds,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts_sampled,
                                .workspace = block_workspace,
                                .launch = launch<dispatch_blocks<false>>},
                               {.name = "vulkan.indexer_topk.portable",
                                .op = "indexer_topk",
                                .families = "portable",
                                .needs = kNeeds,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts,
                                .workspace = workspace,
                                .launch = launch<dispatch_chunks>}};

}  // namespace

std::span<const KernelRow> rows_indexer_topk() { return kRows; }

}  // namespace tamis::vulkan
