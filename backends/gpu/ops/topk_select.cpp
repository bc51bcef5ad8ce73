// Portable row of topk_select on CUDA and HIP.
#include "core/ops/topk_select/topk_select.h"

#include "backends/gpu/operands.h"
#include "kernels_gpu/topk_select/launch.h"

namespace tamis::gpu {
namespace {

using namespace topk_select_operand;

Reason accepts(const DeviceInfo&, const OpCall& call) {
  const std::int64_t width = call[kScores].desc.dim(1);
  return width <= 0x7fffffff ? accept() : reason::size("S", width, "up to 2^31 - 1");
}

TopkSelect arguments(const OpCall& call) {
  return {.scores = data<float>(call[kScores]),
          .scores_stride = call[kScores].desc.stride(0),
          .ks = ints_of(call[kKs]),
          .ke = ints_of(call[kKe]),
          .idx = ints_of(call[kIdx]),
          .count = ints_of(call[kCount]),
          .tokens = call[kScores].desc.dim(0),
          .width = call[kScores].desc.dim(1),
          .k = call.as<TopkSelectParams>().k};
}

constexpr KernelRow kRows[] = {
    {.name = TAMIS_GPU_ROOM ".topk_select.portable",
     .op = "topk_select",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accepts,
     .launch = launch<&arguments, &launch_topk_select>},
};

}  // namespace

std::span<const KernelRow> rows_topk_select() { return kRows; }

}  // namespace tamis::gpu
