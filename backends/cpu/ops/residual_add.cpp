// CPU row of residual_add. Bound by memory: x and delta read once, y written once.
#include "core/ops/residual_add/residual_add.h"

#include "backends/cpu/kernels/common/rows.h"
#include "backends/cpu/queue.h"

namespace tamis::cpu {
namespace {

using namespace residual_add_operand;

std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  return thread_workspace_bytes(device, 2 * call[kX].desc.dim(1));
}

Status compute(const OpCall& call, const Scratch& scratch) {
  const Tensor &x = call[kX], &delta = call[kDelta], &y = call[kY];
  const std::int64_t h = x.desc.dim(1);
  for_each_row(x.desc, [&](std::int64_t t, int thread) {
    float* row = thread_workspace(scratch, thread, 2 * h);
    float* added = row + h;
    load_row(x, t, row);
    load_row(delta, t, added);
    for (std::int64_t i = 0; i < h; ++i) row[i] += added[i];
    store_row(y, t, row);
  });
  return {};
}

constexpr KernelRow kRows[] = {{.name = "cpu.residual_add.portable",
                                .op = "residual_add",
                                .families = "portable",
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts_stored_weights,
                                .workspace = workspace,
                                .launch = launch<&compute>}};

}  // namespace

std::span<const KernelRow> rows_residual_add() { return kRows; }

}  // namespace tamis::cpu
