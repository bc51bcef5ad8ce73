// CPU row of hadamard: log2(D) passes of butterflies over a row in the first-level cache. Bound by the short
// inner loops of the first three stages, which do not fill a vector.
#include "core/ops/hadamard/hadamard.h"

#include "backends/cpu/kernels/common/group_codes.h"
#include "backends/cpu/kernels/common/rows.h"
#include "backends/cpu/queue.h"

namespace tamis::cpu {
namespace {

using namespace hadamard_operand;

std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  return thread_workspace_bytes(device, call[kX].desc.dim(-1));
}

Status compute(const OpCall& call, const Scratch& scratch) {
  const Tensor &x = call[kX], &y = call[kY];
  const std::int64_t d = x.desc.dim(-1);
  for_each_row(x.desc, [&](std::int64_t r, int thread) {
    float* row = thread_workspace(scratch, thread, d);
    load_row(x, r, row);
    hadamard_transform(kPortableRowOps, row, d);
    store_row(y, r, row);
  });
  return {};
}

constexpr KernelRow kRows[] = {{.name = "cpu.hadamard.portable",
                                .op = "hadamard",
                                .families = "portable",
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts_stored_weights,
                                .workspace = workspace,
                                .launch = launch<&compute>}};

}  // namespace

std::span<const KernelRow> rows_hadamard() { return kRows; }

}  // namespace tamis::cpu
