// CPU rows of silu_mul: bound by memory; portable by expf, which plain x86-64 has no vector form of.
#include "core/ops/silu_mul/silu_mul.h"

#include "backends/cpu/kernels/common/rows.h"
#include "backends/cpu/kernels/rows/row_levels.h"
#include "backends/cpu/queue.h"

namespace tamis::cpu {
namespace {

using namespace silu_mul_operand;

std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  return thread_workspace_bytes(device, call[kX].desc.dim(1));
}

struct SiluMul {
  template <const RowOps& ops>
  static Status compute(const OpCall& call, const Scratch& scratch) {
    const Tensor &x = call[kX], &y = call[kY];
    const std::int64_t n = y.desc.dim(1);
    for_each_row(x.desc, [&](std::int64_t t, int thread) {
      float* gate = thread_workspace(scratch, thread, 2 * n);
      const float* up = gate + n;
      load_row(ops, x, t, gate);
      ops.silu_mul(up, n, gate);
      store_row(ops, y, t, gate);
    });
    return {};
  }
};

constexpr auto kRows =
    row_levels<SiluMul>({.op = "silu_mul", .accepts = accepts_stored_weights, .workspace = workspace},
                        {"cpu.silu_mul.avx512", "cpu.silu_mul.avx2", "cpu.silu_mul.portable"});

}  // namespace

std::span<const KernelRow> rows_silu_mul() { return kRows; }

}  // namespace tamis::cpu
