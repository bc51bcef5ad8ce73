// Vulkan row of kv_store: shaders/kv_store/portable.comp, a work group per 128 latent values of a token and
// one for its rotated part.
#include "core/ops/kv_store/kv_store.h"

#include "backends/vulkan/launch.h"

namespace tamis::vulkan {
namespace {

using namespace kv_store_operand;

constexpr std::int64_t kGroup = 128;  // latent values that share a scale

struct Arguments {
  std::uint64_t latent, rope, slot, cache, latent_stride, rope_stride, cache_stride, slots;
  std::uint32_t tokens, c, r, groups;
};

Reason accepts(const DeviceInfo&, const OpCall&) { return accept(); }

Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  const auto& params = call.as<KvStoreParams>();
  const Tensor &latent = call[kLatent], &rope = call[kKRope], &cache = call[kCache];
  const std::int64_t groups = (params.c + kGroup - 1) / kGroup;
  const Arguments arguments{address(latent),
                            address(rope),
                            address(call[kSlot]),
                            address(cache),
                            row_stride(latent),
                            row_stride(rope),
                            row_stride(cache),
                            static_cast<std::uint64_t>(cache.desc.dim(0)),
                            dim(latent, 0),
                            static_cast<std::uint32_t>(params.c),
                            static_cast<std::uint32_t>(params.r),
                            static_cast<std::uint32_t>(groups)};
  const bool packed = params.format == KvFormat::kPackedFp8;
  const Kernel kernel{"kv_store/portable",
                      {type_of(latent), type_of(rope), type_of(cache), packed ? 1u : 0u}};
  return recorder.dispatch(kernel, arguments, latent.desc.dim(0) * (groups + 1));
}

constexpr KernelRow kRows[] = {{.name = "vulkan.kv_store.portable",
                                .op = "kv_store",
                                .families = "portable",
                                .needs = kNeeds,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts,
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_kv_store() { return kRows; }

}  // namespace tamis::vulkan
