// CPU row of kv_store: per token one row widened to f32 and encoded. Bytes: both inputs read, one cache row
// written; bound by memory (kPlain) or by the scalar e4m3 rounding (kPackedFp8).
#include "core/ops/kv_store/kv_store.h"

#include "backends/cpu/host_tensor.h"
#include "backends/cpu/kernels/common/kv_rows.h"
#include "backends/cpu/queue.h"
#include "backends/cpu/threads.h"

namespace tamis::cpu {
namespace {

using namespace kv_store_operand;

constexpr std::int64_t kGrain = 32;  // tokens: a row is about 1 us of work, a parallel region a few

Reason accepts(const DeviceInfo&, const OpCall&) { return accept(); }

// One row of floats per thread.
std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  const auto& params = call.as<KvStoreParams>();
  return 4 * device.units * static_cast<std::int64_t>(params.c + params.r);
}

Status compute(const OpCall& call, const Scratch& scratch) {
  const auto& params = call.as<KvStoreParams>();
  const KvLayout layout{params.format, params.c, params.r};
  const Tensor &latent = call[kLatent], &rope = call[kKRope], &cache = call[kCache];
  auto* rows = reinterpret_cast<float*>(scratch.workspace->host() + scratch.workspace_offset);
  parallel_for(latent.desc.dim(0), kGrain, [&](std::int64_t begin, std::int64_t end, int thread) {
    float* row = rows + thread * (layout.c + layout.r);
    for (std::int64_t t = begin; t < end; ++t) {
      const std::int64_t slot = data<std::int32_t>(call[kSlot])[t];
      if (slot < 0 || slot >= cache.desc.dim(0)) continue;
      load_floats(latent.desc.dtype, row_address(latent, t), layout.c, row);
      load_floats(rope.desc.dtype, row_address(rope, t), layout.r, row + layout.c);
      store_kv_row(kPortableRowOps, cache, layout, slot, row);
    }
  });
  return {};
}

constexpr KernelRow kRows[] = {
    {.name = "cpu.kv_store.portable",
     .op = "kv_store",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accepts,
     .workspace = workspace,
     .launch = launch<&compute>},
};

}  // namespace

std::span<const KernelRow> rows_kv_store() { return kRows; }

}  // namespace tamis::cpu
