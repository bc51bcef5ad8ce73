// Vulkan row of merge_lse: shaders/merge_lse/portable.comp, a work group per (token, head).
#include "core/ops/merge_lse/merge_lse.h"

#include "backends/vulkan/caches.h"

namespace tamis::vulkan {
namespace {

using namespace merge_lse_operand;

struct Arguments {
  VectorArguments a, b, out;
  std::uint64_t lse_a, lse_b, lse, lse_a_stride, lse_b_stride;
  std::uint32_t rows, heads, width;
};
static_assert(sizeof(Arguments) <= kPushBytes);

Reason accepts(const DeviceInfo&, const OpCall& call) {
  const TensorDesc& a = call[kA].desc;
  Reason bad = accept_width("T x h", a.dim(0) * a.dim(1));
  return bad.accepted() ? accept_width("D", a.dim(2)) : bad;
}

Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  VulkanQueue& recorder = as_vulkan(queue);
  TAMIS_RETURN_IF_ERROR(recorder.begin_launch(call, scratch));
  const Tensor &a = call[kA], &b = call[kB];
  const std::int64_t rows = a.desc.dim(0) * a.desc.dim(1);
  const Arguments arguments{vectors_of(a),
                            vectors_of(b),
                            vectors_of(call[kOut]),
                            address(call[kLseA]),
                            address(call[kLseB]),
                            address(call[kLse]),
                            row_stride(call[kLseA]),
                            row_stride(call[kLseB]),
                            static_cast<std::uint32_t>(rows),
                            dim(a, 1),
                            dim(a, 2)};
  return recorder.dispatch({"merge_lse/portable", {type_of(a), type_of(b)}}, arguments, rows);
}

constexpr KernelRow kRows[] = {{.name = "vulkan.merge_lse.portable",
                                .op = "merge_lse",
                                .families = "portable",
                                .needs = kNeeds,
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts,
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_merge_lse() { return kRows; }

}  // namespace tamis::vulkan
