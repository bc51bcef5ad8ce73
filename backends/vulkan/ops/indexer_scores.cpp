// Vulkan rows of indexer_scores: prefill_coopmat.comp, on cooperative matrices, a work group per 256 keys and
// several tokens; portable.comp, a work group per token and 64 keys.
#include "core/ops/indexer_scores/indexer_scores.h"

#include "backends/vulkan/index_scores_coopmat.h"

namespace tamis::vulkan {
namespace {

using namespace indexer_scores_operand;

Reason accepts(const DeviceInfo& device, const OpCall& call) {
  return accept_index_scores(device, call.as<IndexerScoresParams>().max_keys);
}

// Ragged key rows are a cache whose slots they are.
IndexFormat format_of(const OpCall& call) {
  const auto& params = call.as<IndexerScoresParams>();
  return params.paged ? params.format : IndexFormat::kExact;
}

MatrixScores matrix_scores(const OpCall& call) {
  const auto& params = call.as<IndexerScoresParams>();
  return {call[kQ], call[kKeys], format_of(call), params.paged};
}

Reason accepts_matrices(const DeviceInfo& device, const OpCall& call) {
  Reason width = accept_width("max_keys", call.as<IndexerScoresParams>().max_keys);
  return width.accepted() ? accept_matrix_scores(device, matrix_scores(call)) : width;
}

IndexScores arguments(const OpCall& call) {
  const auto& params = call.as<IndexerScoresParams>();
  const Tensor &q = call[kQ], &keys = call[kKeys], &scores = call[kScores];
  IndexScores args = index_scores({q, call[kWeights], call[kQScale]}, params.scale);
  args.keys = index_cache_of(keys, format_of(call), params.page_size, q.desc.dim(2));
  args.table = page_table_of(call[kPageTable], params.page_size);
  args.key_scale = address(call[kKeyScale]);
  args.sequence = address(call[kSeqOfToken]);
  args.ks = address(call[kKs]);
  args.ke = address(call[kKe]);
  args.scores = address(scores);
  args.scores_stride = row_stride(scores);
  args.max_keys = args.keys_count = static_cast<std::uint32_t>(params.max_keys);
  args.tokens = dim(q, 0);
  return args;
}

Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  const IndexScores args = arguments(call);
  const std::uint32_t key_type = index_type(call[kKeys], format_of(call));
  const bool paged = call.as<IndexerScoresParams>().paged;
  return dispatch_index_scores(recorder, index_scores_kernel(type_of(call[kQ]), key_type, paged, args.heads),
                               args);
}

Status launch_matrices(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  return dispatch_matrix_scores(recorder, matrix_scores(call), arguments(call));
}

constexpr KernelRow kRows[] = {{.name = "vulkan.indexer_scores.prefill_coopmat",
                                .op = "indexer_scores",
                                .families = "coopmat",
                                .needs = kNeedsMatrices,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts_matrices,
                                .launch = launch_matrices},
                               {.name = "vulkan.indexer_scores.portable",
                                .op = "indexer_scores",
                                .families = "portable",
                                .needs = kNeeds,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts,
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_indexer_scores() { return kRows; }

}  // namespace tamis::vulkan
