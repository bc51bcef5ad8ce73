// CPU row of add_rms_norm: residual_add and rms_norm of a row while it is in the cache. Bound by memory: x
// and delta read once, sum and y written once (the two plain ops read the sum again).
#include "core/ops/add_rms_norm/add_rms_norm.h"

#include "backends/cpu/kernels/common/norm.h"
#include "backends/cpu/queue.h"

namespace tamis::cpu {
namespace {

using namespace add_rms_norm_operand;

std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  return thread_workspace_bytes(device, 2 * call[kX].desc.dim(1));
}

Status compute(const OpCall& call, const Scratch& scratch) {
  const Tensor &x = call[kX], &delta = call[kDelta], &sum = call[kSum], &y = call[kY];
  const auto* weight = data<float>(call[kWeight]);
  const std::int64_t h = x.desc.dim(1);
  for_each_row(x.desc, [&](std::int64_t t, int thread) {
    float* row = thread_workspace(scratch, thread, 2 * h);
    float* added = row + h;
    load_row(x, t, row);
    load_row(delta, t, added);
    for (std::int64_t i = 0; i < h; ++i) row[i] += added[i];
    store_row(sum, t, row);
    load_row(sum, t, row);  // the norm is that of the rounded sum
    rms_normalize(row, weight, h, call.as<AddRmsNormParams>().eps);
    store_row(y, t, row);
  });
  return {};
}

constexpr KernelRow kRows[] = {{.name = "cpu.add_rms_norm.portable",
                                .op = "add_rms_norm",
                                .families = "portable",
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts_stored_weights,
                                .workspace = workspace,
                                .launch = launch<&compute>}};

}  // namespace

std::span<const KernelRow> rows_add_rms_norm() { return kRows; }

}  // namespace tamis::cpu
