// Vulkan row of indexer_topk: the shader of indexer_scores on a chunk of keys of some tokens, then one that
// keeps the best of it, and so on; at the end that of index_to_slot. Memory does not grow with the keys a
// token may see beyond a chunk, and the sequence of dispatches depends on max_keys alone.
#include "core/ops/indexer_topk/indexer_topk.h"

#include <algorithm>

#include "backends/vulkan/index_scores.h"
#include "backends/vulkan/slots.h"

namespace tamis::vulkan {
namespace {

using namespace indexer_topk_operand;

// 16 MB of scores. A chunk of one token is 512 work groups of scoring; 128 tokens are as many of selection,
// about a large device's units.
constexpr std::int64_t kChunkKeys = 1 << 15;
constexpr std::int64_t kChunkTokens = 128;

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

Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  const std::uint64_t memory = address(scratch.workspace, scratch.workspace_offset);
  TAMIS_RETURN_IF_ERROR(dispatch_chunks(recorder, call, memory));
  IndexToSlot slots = index_to_slot(call[kIdx], call[kSlots]);
  slots.sequence = address(call[kSeqOfToken]);
  slots.table = page_table_of(call[kPageTable], call.as<IndexerTopkParams>().page_size);
  return dispatch_index_to_slot(recorder, slots);
}

constexpr KernelRow kRows[] = {{.name = "vulkan.indexer_topk.portable",
                                .op = "indexer_topk",
                                .families = "portable",
                                .needs = kNeeds,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts,
                                .workspace = workspace,
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_indexer_topk() { return kRows; }

}  // namespace tamis::vulkan
