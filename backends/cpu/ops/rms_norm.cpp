// CPU rows of rms_norm: a row in f32 stays in the cache between its sum and its scaling. Bound by memory: x
// read once, y written once.
#include "core/ops/rms_norm/rms_norm.h"

#include "backends/cpu/kernels/common/norm.h"
#include "backends/cpu/kernels/common/rows.h"
#include "backends/cpu/kernels/rows/row_levels.h"
#include "backends/cpu/queue.h"

namespace tamis::cpu {
namespace {

using namespace rms_norm_operand;

std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  return thread_workspace_bytes(device, call[kX].desc.dim(1));
}

struct RmsNorm {
  template <const RowOps& ops>
  static Status compute(const OpCall& call, const Scratch& scratch) {
    const Tensor &x = call[kX], &y = call[kY];
    const auto* weight = data<float>(call[kWeight]);
    const std::int64_t h = x.desc.dim(1);
    for_each_row(x.desc, [&](std::int64_t t, int thread) {
      float* row = thread_workspace(scratch, thread, h);
      load_row(ops, x, t, row);
      rms_normalize(ops, row, weight, h, call.as<RmsNormParams>().eps);
      store_row(ops, y, t, row);
    });
    return {};
  }
};

constexpr auto kRows =
    row_levels<RmsNorm>({.op = "rms_norm", .accepts = accepts_stored_weights, .workspace = workspace},
                        {"cpu.rms_norm.avx512", "cpu.rms_norm.avx2", "cpu.rms_norm.portable"});

}  // namespace

std::span<const KernelRow> rows_rms_norm() { return kRows; }

}  // namespace tamis::cpu
