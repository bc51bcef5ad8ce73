// Vulkan row of index_k_store: shaders/index_k_store/portable.comp, a work group per token.
#include "core/ops/index_k_store/index_k_store.h"

#include "backends/vulkan/caches.h"

namespace tamis::vulkan {
namespace {

using namespace index_k_store_operand;

struct Arguments {
  std::uint64_t k, scale, slot, k_stride, scale_stride;
  IndexCacheArguments cache;
  std::uint32_t tokens, unused = 0;
};

Reason accepts(const DeviceInfo&, const OpCall& call) { return accept_width("Di", call[kK].desc.dim(1)); }

Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  const auto& params = call.as<IndexKStoreParams>();
  const Tensor &k = call[kK], &scale = call[kScale], &cache = call[kCache];
  const Arguments arguments{address(k),
                            address(scale),
                            address(call[kSlot]),
                            row_stride(k),
                            scale.present() ? row_stride(scale) : 0,
                            index_cache_of(cache, params.format, params.page_size, k.desc.dim(1)),
                            dim(k, 0)};
  const Kernel kernel{"index_k_store/portable", {type_of(k), index_type(cache, params.format)}};
  return recorder.dispatch(kernel, arguments, k.desc.dim(0));
}

constexpr KernelRow kRows[] = {{.name = "vulkan.index_k_store.portable",
                                .op = "index_k_store",
                                .families = "portable",
                                .needs = kNeeds,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts,
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_index_k_store() { return kRows; }

}  // namespace tamis::vulkan
