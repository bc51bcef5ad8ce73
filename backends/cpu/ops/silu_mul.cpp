// CPU row of silu_mul. Bound by expf, which plain x86-64 has no vector form of.
#include "core/ops/silu_mul/silu_mul.h"

#include <cmath>

#include "backends/cpu/kernels/common/rows.h"
#include "backends/cpu/queue.h"

namespace tamis::cpu {
namespace {

using namespace silu_mul_operand;

std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  return thread_workspace_bytes(device, call[kX].desc.dim(1));
}

Status compute(const OpCall& call, const Scratch& scratch) {
  const Tensor &x = call[kX], &y = call[kY];
  const std::int64_t n = y.desc.dim(1);
  for_each_row(x.desc, [&](std::int64_t t, int thread) {
    float* gate = thread_workspace(scratch, thread, 2 * n);
    const float* up = gate + n;
    load_row(x, t, gate);
    for (std::int64_t i = 0; i < n; ++i) gate[i] = gate[i] / (1.0f + std::exp(-gate[i])) * up[i];
    store_row(y, t, gate);
  });
  return {};
}

constexpr KernelRow kRows[] = {{.name = "cpu.silu_mul.portable",
                                .op = "silu_mul",
                                .families = "portable",
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts_stored_weights,
                                .workspace = workspace,
                                .launch = launch<&compute>}};

}  // namespace

std::span<const KernelRow> rows_silu_mul() { return kRows; }

}  // namespace tamis::cpu
