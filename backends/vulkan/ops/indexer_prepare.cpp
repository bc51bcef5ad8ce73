// Vulkan row of indexer_prepare: shaders/indexer_prepare/portable.comp, some 512 values of a token a work
// group.
#include "core/ops/indexer_prepare/indexer_prepare.h"

#include <algorithm>
#include <cmath>

#include "backends/vulkan/caches.h"

namespace tamis::vulkan {
namespace {

using namespace indexer_prepare_operand;

constexpr std::int64_t kValues = 512;    // of a work group, unless one vector is wider
constexpr std::int64_t kMostDim = 4096;  // 16 KB of shared memory

struct Arguments {
  VectorArguments q, q_out;
  IndexCacheArguments cache;
  std::uint64_t q_scale, k, k_stride, inv_freq, positions, slot;
  std::uint32_t tokens, heads, pairs;
  float factor;
};
static_assert(sizeof(Arguments) > kPushBytes, "the shader takes them by address");

// Vectors of a work group.
std::int64_t vectors_each(const OpCall& call) {
  return std::max<std::int64_t>(1, kValues / std::max<std::int64_t>(1, call[kQ].desc.dim(2)));
}

Reason accepts(const DeviceInfo& device, const OpCall& call) {
  const std::int64_t dim = call[kQ].desc.dim(2);
  if (dim > kMostDim) return reason::size("Di", dim, "up to 4096");
  return accept_shared(device, 4 * vectors_each(call) * (dim + 1));
}

Arguments arguments_of(const OpCall& call) {
  const auto& params = call.as<IndexerPrepareParams>();
  const Tensor &q = call[kQ], &k = call[kK];
  const std::int64_t width = q.desc.dim(2);
  return {vectors_of(q),
          vectors_of(call[kQOut]),
          index_cache_of(call[kCache], params.format, params.page_size, width),
          address(call[kQScale]),
          address(k),
          row_stride(k),
          address(call[kInvFreq]),
          address(call[kPositions]),
          address(call[kSlot]),
          dim(q, 0),
          dim(q, 1),
          dim(call[kInvFreq], 0),
          static_cast<float>(1.0 / std::sqrt(static_cast<double>(width)))};
}

Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  const auto& params = call.as<IndexerPrepareParams>();
  const Tensor& q = call[kQ];
  const std::int64_t each = vectors_each(call);
  const Kernel kernel{"indexer_prepare/portable",
                      {type_of(q), type_of(call[kK]), index_type(call[kCache], params.format), dim(q, 2),
                       static_cast<std::uint32_t>(each),
                       params.pairing == RopePairing::kInterleaved ? 1u : 0u, params.pow2 ? 1u : 0u}};
  const std::int64_t parts = (q.desc.dim(1) + each) / each;  // of the heads and the key
  return recorder.dispatch(kernel, arguments_of(call), q.desc.dim(0) * parts);
}

constexpr KernelRow kRows[] = {{.name = "vulkan.indexer_prepare.portable",
                                .op = "indexer_prepare",
                                .families = "portable",
                                .needs = kNeeds,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts,
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_indexer_prepare() { return kRows; }

}  // namespace tamis::vulkan
