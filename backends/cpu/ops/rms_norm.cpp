// CPU row of rms_norm: a row in f32 stays in the cache between its sum and its scaling. Bound by memory: x
// read once, y written once.
#include "core/ops/rms_norm/rms_norm.h"

#include "backends/cpu/kernels/common/norm.h"
#include "backends/cpu/queue.h"

namespace tamis::cpu {
namespace {

using namespace rms_norm_operand;

std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  return thread_workspace_bytes(device, call[kX].desc.dim(1));
}

Status compute(const OpCall& call, const Scratch& scratch) {
  const Tensor &x = call[kX], &y = call[kY];
  const auto* weight = data<float>(call[kWeight]);
  const std::int64_t h = x.desc.dim(1);
  for_each_row(x.desc, [&](std::int64_t t, int thread) {
    float* row = thread_workspace(scratch, thread, h);
    load_row(x, t, row);
    rms_normalize(row, weight, h, call.as<RmsNormParams>().eps);
    store_row(y, t, row);
  });
  return {};
}

constexpr KernelRow kRows[] = {{.name = "cpu.rms_norm.portable",
                                .op = "rms_norm",
                                .families = "portable",
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts_stored_weights,
                                .workspace = workspace,
                                .launch = launch<&compute>}};

}  // namespace

std::span<const KernelRow> rows_rms_norm() { return kRows; }

}  // namespace tamis::cpu
