// Vulkan row of mla_rope_store: shaders/mla_rope_store/portable.comp, per token a work group for the cache
// row and one for each 16 heads.
#include "core/ops/mla_rope_store/mla_rope_store.h"

#include "backends/vulkan/rotary.h"

namespace tamis::vulkan {
namespace {

using namespace mla_rope_store_operand;

struct Arguments {
  RopeArguments q;
  KvCacheArguments cache;
  std::uint64_t kv, kv_stride, norm_weight, slot;
  float eps;
};
static_assert(sizeof(Arguments) > kPushBytes, "the shader takes them by address");

Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  const auto& params = call.as<MlaRopeStoreParams>();
  const Tensor &q = call[kQRope], &kv = call[kKvA], &cache = call[kCache];
  const Arguments arguments{rope_of(q, call[kQOut], call[kPositions], call[kInvFreq]),
                            kv_cache_of(cache, params.c, params.r),
                            address(kv),
                            row_stride(kv),
                            address(call[kNormWeight]),
                            address(call[kSlot]),
                            params.eps};
  const Kernel kernel{"mla_rope_store/portable", {type_of(q), type_of(kv), kv_type(cache, params.format)}};
  return recorder.dispatch(kernel, arguments, q.desc.dim(0) * (1 + rope_parts(heads_of(q))));
}

constexpr KernelRow kRows[] = {{.name = "vulkan.mla_rope_store.portable",
                                .op = "mla_rope_store",
                                .families = "portable",
                                .needs = kNeeds,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accept_any,
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_mla_rope_store() { return kRows; }

}  // namespace tamis::vulkan
