// Vulkan row of kv_gather: shaders/kv_gather/portable.comp, a work group per 8 rows.
#include "core/ops/kv_gather/kv_gather.h"

#include "backends/vulkan/caches.h"

namespace tamis::vulkan {
namespace {

using namespace kv_gather_operand;

constexpr std::int64_t kRowsPerGroup = 8;  // of shaders/kv_gather/portable.comp

struct Arguments {
  KvCacheArguments cache;
  PageTableArguments table;
  std::uint64_t lengths, latent, rope, latent_stride, rope_stride;
  std::uint32_t total, unused = 0;
};

Reason accepts(const DeviceInfo&, const OpCall& call) {
  return accept_width("total", call.as<KvGatherParams>().total);
}

Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  const auto& params = call.as<KvGatherParams>();
  const Tensor &cache = call[kCache], &latent = call[kLatent], &rope = call[kKRope];
  const Arguments arguments{kv_cache_of(cache, params.c, params.r),
                            page_table_of(call[kPageTable], params.page_size),
                            address(call[kKvLen]),
                            address(latent),
                            address(rope),
                            row_stride(latent),
                            row_stride(rope),
                            static_cast<std::uint32_t>(params.total)};
  const Kernel kernel{"kv_gather/portable",
                      {kv_type(cache, params.format), type_of(latent), kv_aligned(cache, params.c)}};
  return recorder.dispatch(kernel, arguments, (params.total + kRowsPerGroup - 1) / kRowsPerGroup);
}

constexpr KernelRow kRows[] = {{.name = "vulkan.kv_gather.portable",
                                .op = "kv_gather",
                                .families = "portable",
                                .needs = kNeeds,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts,
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_kv_gather() { return kRows; }

}  // namespace tamis::vulkan
