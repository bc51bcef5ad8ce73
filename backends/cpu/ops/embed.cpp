// CPU row of embed: one table row at a time, widened and rounded. Bound by memory: T rows read, T written.
#include "core/ops/embed/embed.h"

#include "backends/cpu/kernels/common/rows.h"
#include "backends/cpu/queue.h"
#include "backends/cpu/weight_access.h"

namespace tamis::cpu {
namespace {

using namespace embed_operand;

std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  return thread_workspace_bytes(device, call[kY].desc.dim(1));
}

Status compute(const OpCall& call, const Scratch& scratch) {
  const Tensor& y = call[kY];
  const auto* ids = data<std::int32_t>(call[kIds]);
  const std::int64_t vocabulary = call[kTable].desc.dim(0), h = y.desc.dim(1);
  for_each_row(y.desc, [&](std::int64_t t, int thread) {
    float* row = thread_workspace(scratch, thread, h);
    const std::int64_t id = ids[t];
    if (id >= 0 && id < vocabulary) {
      widen_weight(*call[kTable].weight, {id, 1, 0, h}, row);
    } else {
      std::fill(row, row + h, 0.0f);
    }
    store_row(y, t, row);
  });
  return {};
}

constexpr KernelRow kRows[] = {{.name = "cpu.embed.portable",
                                .op = "embed",
                                .families = "portable",
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts_stored_weights,
                                .workspace = workspace,
                                .launch = launch<&compute>}};

}  // namespace

std::span<const KernelRow> rows_embed() { return kRows; }

}  // namespace tamis::cpu
