// CPU row of hadamard: log2(D) passes of butterflies over a row in the first-level cache. Bound by the short
// inner loops of the first three stages, which do not fill a vector.
#include "core/ops/hadamard/hadamard.h"

#include <cmath>

#include "backends/cpu/kernels/common/rows.h"
#include "backends/cpu/queue.h"

namespace tamis::cpu {
namespace {

using namespace hadamard_operand;

void transform(float* row, std::int64_t d) {
  for (std::int64_t half = 1; half < d; half *= 2) {
    for (std::int64_t begin = 0; begin < d; begin += 2 * half) {
      for (std::int64_t i = begin; i < begin + half; ++i) {
        const float a = row[i], b = row[i + half];
        row[i] = a + b;
        row[i + half] = a - b;
      }
    }
  }
  const auto factor = static_cast<float>(1.0 / std::sqrt(static_cast<double>(d)));
  for (std::int64_t i = 0; i < d; ++i) row[i] *= factor;
}

std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  return thread_workspace_bytes(device, call[kX].desc.dim(-1));
}

Status compute(const OpCall& call, const Scratch& scratch) {
  const Tensor &x = call[kX], &y = call[kY];
  const std::int64_t d = x.desc.dim(-1);
  for_each_row(x.desc, [&](std::int64_t r, int thread) {
    float* row = thread_workspace(scratch, thread, d);
    load_row(x, r, row);
    transform(row, d);
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
