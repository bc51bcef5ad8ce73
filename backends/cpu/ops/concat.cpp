// CPU row of concat: two copies per row. Bound by memory.
#include "core/ops/concat/concat.h"

#include "backends/cpu/kernels/common/rows.h"
#include "backends/cpu/queue.h"

namespace tamis::cpu {
namespace {

using namespace concat_operand;

Status compute(const OpCall& call, const Scratch&) {
  const Tensor &a = call[kA], &b = call[kB], &y = call[kY];
  const std::size_t size = dtype_size(y.desc.dtype);
  const std::size_t a_bytes = static_cast<std::size_t>(a.desc.dim(-1)) * size;
  const std::size_t b_bytes = static_cast<std::size_t>(b.desc.dim(-1)) * size;
  for_each_row(y.desc, [&](std::int64_t row, int) {
    std::byte* dst = nth_row(y, row);
    std::memcpy(dst, nth_row(a, row), a_bytes);
    std::memcpy(dst + a_bytes, nth_row(b, row), b_bytes);
  });
  return {};
}

constexpr KernelRow kRows[] = {{.name = "cpu.concat.portable",
                                .op = "concat",
                                .families = "portable",
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts_stored_weights,
                                .launch = launch<&compute>}};

}  // namespace

std::span<const KernelRow> rows_concat() { return kRows; }

}  // namespace tamis::cpu
