// CPU row of index_k_store: one cache row per token, copied or rounded. Bound by memory.
#include "core/ops/index_k_store/index_k_store.h"

#include <cstring>

#include "backends/cpu/host_tensor.h"
#include "backends/cpu/kernels/indexer/index_cache.h"
#include "backends/cpu/queue.h"
#include "backends/cpu/threads.h"

namespace tamis::cpu {
namespace {

using namespace index_k_store_operand;

constexpr std::int64_t kGrain = 64;  // tokens: some 8 KB of keys

Reason accepts(const DeviceInfo&, const OpCall&) { return accept(); }

Status compute(const OpCall& call, const Scratch&) {
  const auto& params = call.as<IndexKStoreParams>();
  const Tensor &k = call[kK], &scale = call[kScale], &slot = call[kSlot];
  const std::int64_t dim = k.desc.dim(1);
  const indexer::IndexCache cache(call[kCache], params.format, params.page_size, dim);
  parallel_for(k.desc.dim(0), kGrain, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t t = begin; t < end; ++t) {
      const std::int64_t row = data<std::int32_t>(slot)[t * slot.desc.stride(0)];
      if (!cache.contains(row)) continue;
      if (params.format == IndexFormat::kFp8Paged) {
        std::memcpy(cache.key(row), row_address(k, t), static_cast<std::size_t>(dim));
        std::memcpy(cache.scale(row), row_address(scale, t), 4);
      } else {
        indexer::convert_row(k.desc.dtype, row_address(k, t), cache.dtype(), dim, cache.key(row));
      }
    }
  });
  return {};
}

constexpr KernelRow kRows[] = {
    {.name = "cpu.index_k_store.portable",
     .op = "index_k_store",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accepts,
     .launch = launch<&compute>},
};

}  // namespace

std::span<const KernelRow> rows_index_k_store() { return kRows; }

}  // namespace tamis::cpu
