// CPU rows of add_rms_norm: residual_add and rms_norm of a row while it is in the cache. Bound by memory: x
// and delta read once, sum and y written once (the two plain ops read the sum again).
#include "core/ops/add_rms_norm/add_rms_norm.h"

#include "backends/cpu/kernels/common/norm.h"
#include "backends/cpu/kernels/common/rows.h"
#include "backends/cpu/kernels/rows/row_levels.h"
#include "backends/cpu/queue.h"

namespace tamis::cpu {
namespace {

using namespace add_rms_norm_operand;

std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  return thread_workspace_bytes(device, 2 * call[kX].desc.dim(1));
}

struct AddRmsNorm {
  template <const RowOps& ops>
  static Status compute(const OpCall& call, const Scratch& scratch) {
    const Tensor &x = call[kX], &delta = call[kDelta], &sum = call[kSum], &y = call[kY];
    const auto* weight = data<float>(call[kWeight]);
    const std::int64_t h = x.desc.dim(1);
    for_each_row(x.desc, [&](std::int64_t t, int thread) {
      float* row = thread_workspace(scratch, thread, 2 * h);
      float* added = row + h;
      load_row(ops, x, t, row);
      load_row(ops, delta, t, added);
      ops.add(added, h, row);
      store_row(ops, sum, t, row);
      load_row(ops, sum, t, row);  // the norm is that of the rounded sum
      rms_normalize(ops, row, weight, h, call.as<AddRmsNormParams>().eps);
      store_row(ops, y, t, row);
    });
    return {};
  }
};

constexpr auto kRows =
    row_levels<AddRmsNorm>({.op = "add_rms_norm", .accepts = accepts_stored_weights, .workspace = workspace},
                           {"cpu.add_rms_norm.avx512", "cpu.add_rms_norm.avx2", "cpu.add_rms_norm.portable"});

}  // namespace

std::span<const KernelRow> rows_add_rms_norm() { return kRows; }

}  // namespace tamis::cpu
