// CPU row of cast: chunks of rows through f32 on the stack. Bound by memory, or by rounding to f16 (no F16C
// here).
#include "core/ops/cast/cast.h"

#include "backends/cpu/kernels/common/rows.h"
#include "backends/cpu/queue.h"

namespace tamis::cpu {
namespace {

using namespace cast_operand;

constexpr std::int64_t kChunk = 1024;  // elements; 4 KiB stay in the first-level cache

Status compute(const OpCall& call, const Scratch&) {
  const Tensor &x = call[kX], &y = call[kY];
  const std::int64_t n = x.desc.dim(-1), chunks = (n + kChunk - 1) / kChunk;
  const auto x_size = static_cast<std::int64_t>(dtype_size(x.desc.dtype));
  const auto y_size = static_cast<std::int64_t>(dtype_size(y.desc.dtype));
  const std::int64_t grain =
      std::max<std::int64_t>(1, kRowGrainElements / std::min(std::max<std::int64_t>(1, n), kChunk));
  parallel_for(row_count(x.desc) * chunks, grain, [&](std::int64_t begin, std::int64_t end, int) {
    float values[kChunk];
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t row = item / chunks, first = item % chunks * kChunk,
                         count = std::min(kChunk, n - first);
      load_floats(x.desc.dtype, nth_row(x, row) + first * x_size, count, values);
      store_floats(y.desc.dtype, values, count, nth_row(y, row) + first * y_size);
    }
  });
  return {};
}

constexpr KernelRow kRows[] = {{.name = "cpu.cast.portable",
                                .op = "cast",
                                .families = "portable",
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts_stored_weights,
                                .launch = launch<&compute>}};

}  // namespace

std::span<const KernelRow> rows_cast() { return kRows; }

}  // namespace tamis::cpu
