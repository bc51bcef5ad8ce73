// Vulkan row of indexer_scores: shaders/indexer_scores/portable.comp, a work group per token and 64 keys.
#include "core/ops/indexer_scores/indexer_scores.h"

#include "backends/vulkan/index_scores.h"

namespace tamis::vulkan {
namespace {

using namespace indexer_scores_operand;

Reason accepts(const DeviceInfo& device, const OpCall& call) {
  return accept_index_scores(device, call.as<IndexerScoresParams>().max_keys);
}

Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  const auto& params = call.as<IndexerScoresParams>();
  const Tensor &q = call[kQ], &keys = call[kKeys], &scores = call[kScores];
  // Ragged key rows are a cache whose slots they are.
  const IndexFormat format = params.paged ? params.format : IndexFormat::kExact;
  IndexScores args = index_scores({q, call[kWeights], call[kQScale]}, params.scale);
  args.keys = index_cache_of(keys, format, params.page_size, q.desc.dim(2));
  args.table = page_table_of(call[kPageTable], params.page_size);
  args.key_scale = address(call[kKeyScale]);
  args.sequence = address(call[kSeqOfToken]);
  args.ks = address(call[kKs]);
  args.ke = address(call[kKe]);
  args.scores = address(scores);
  args.scores_stride = row_stride(scores);
  args.max_keys = args.keys_count = static_cast<std::uint32_t>(params.max_keys);
  args.tokens = dim(q, 0);
  return dispatch_index_scores(
      recorder, index_scores_kernel(type_of(q), index_type(keys, format), params.paged, args.heads), args);
}

constexpr KernelRow kRows[] = {{.name = "vulkan.indexer_scores.portable",
                                .op = "indexer_scores",
                                .families = "portable",
                                .needs = kNeeds,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts,
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_indexer_scores() { return kRows; }

}  // namespace tamis::vulkan
