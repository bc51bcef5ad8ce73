// CPU row of moe_permute: a serial counting sort of the ids, then copies in parallel over tokens (each source
// row is read once for its topk copies). Bound by writing T * topk * H elements.
#include "core/ops/moe_permute/moe_permute.h"

#include <algorithm>
#include <cstring>

#include "backends/cpu/host_tensor.h"
#include "backends/cpu/kernels/common/expert_order.h"
#include "backends/cpu/queue.h"
#include "backends/cpu/threads.h"

namespace tamis::cpu {
namespace {

using namespace moe_permute_operand;

Status compute(const OpCall& call, const Scratch&) {
  const Tensor& x = call[kX];
  const Tensor& xp = call[kXp];
  const std::int64_t experts = call.as<MoePermuteParams>().n_experts;
  const std::int64_t tokens = call[kIds].desc.dim(0), topk = call[kIds].desc.dim(1);
  const auto row_bytes = static_cast<std::size_t>(x.desc.dim(1)) * dtype_size(x.desc.dtype);
  auto* row_of = data<std::int32_t>(call[kRowOf]);
  auto* offsets = data<std::int32_t>(call[kOffsets]);
  order_by_expert(call[kIds], experts, row_of, offsets);
  parallel_for(tokens, 1, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin * topk; i < end * topk; ++i) {
      if (row_of[i] >= 0) std::memcpy(row_address(xp, row_of[i]), row_address(x, i / topk), row_bytes);
    }
  });
  const std::int64_t used = offsets[experts];
  parallel_for(tokens * topk - used, 1, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin; i < end; ++i) std::memset(row_address(xp, used + i), 0, row_bytes);
  });
  return {};
}

Reason accepts(const DeviceInfo&, const OpCall& call) {
  return is_activation(call[kX].desc.dtype)
             ? accept()
             : reason::dtype("x", dtype_name(call[kX].desc.dtype), "f32, bf16, f16");
}

constexpr KernelRow kRows[] = {
    {.name = "cpu.moe_permute.portable",
     .op = "moe_permute",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accepts,
     .launch = launch<&compute>},
};

}  // namespace

std::span<const KernelRow> rows_moe_permute() { return kRows; }

}  // namespace tamis::cpu
