// CPU row of gather_rows: copies rows. Bound by memory: n rows read, n written.
#include "core/ops/gather_rows/gather_rows.h"

#include "backends/cpu/kernels/common/rows.h"
#include "backends/cpu/queue.h"

namespace tamis::cpu {
namespace {

using namespace gather_rows_operand;

Status compute(const OpCall& call, const Scratch&) {
  const Tensor &x = call[kX], &y = call[kY];
  const auto* rows = data<std::int32_t>(call[kRows]);
  const std::size_t bytes = static_cast<std::size_t>(x.desc.dim(1)) * dtype_size(x.desc.dtype);
  for_each_row(y.desc, [&](std::int64_t i, int) {
    if (rows[i] >= 0 && rows[i] < x.desc.dim(0)) {
      std::memcpy(nth_row(y, i), nth_row(x, rows[i]), bytes);
    } else {
      std::memset(nth_row(y, i), 0, bytes);
    }
  });
  return {};
}

constexpr KernelRow kRows[] = {{.name = "cpu.gather_rows.portable",
                                .op = "gather_rows",
                                .families = "portable",
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts_stored_weights,
                                .launch = launch<&compute>}};

}  // namespace

std::span<const KernelRow> rows_gather_rows() { return kRows; }

}  // namespace tamis::cpu
