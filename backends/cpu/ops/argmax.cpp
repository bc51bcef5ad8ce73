// CPU row of argmax. One pass over each row, a thread per row: V = 129280 f32 logits take about 40 us, bound
// by reading them; a step has few rows, so a row is not split.
#include "core/ops/argmax/argmax.h"

#include <algorithm>

#include "backends/cpu/host_tensor.h"
#include "backends/cpu/queue.h"
#include "backends/cpu/threads.h"

namespace tamis::cpu {
namespace {

using namespace argmax_operand;

constexpr std::int64_t kPiece = 1024;  // logits widened at a time, on the stack

Reason accepts(const DeviceInfo&, const OpCall& call) {
  return is_activation(call[kLogits].desc.dtype)
             ? accept()
             : reason::dtype("logits", dtype_name(call[kLogits].desc.dtype), "f32, bf16, f16");
}

std::int32_t argmax_row(const Tensor& logits, std::int64_t row) {
  const std::int64_t count = logits.desc.dim(1),
                     size = static_cast<std::int64_t>(dtype_size(logits.desc.dtype));
  const std::byte* src = row_address(logits, row);
  float piece[kPiece];
  std::int64_t best = -1;
  float best_value = 0;
  for (std::int64_t begin = 0; begin < count; begin += kPiece) {
    const std::int64_t n = std::min(kPiece, count - begin);
    load_floats(logits.desc.dtype, src + begin * size, n, piece);
    for (std::int64_t i = 0; i < n; ++i) {
      // False for NaN; > keeps the first of equals. Until a number was seen, any number is taken, -inf too.
      if (piece[i] > best_value || (best < 0 && piece[i] == piece[i])) {
        best = begin + i;
        best_value = piece[i];
      }
    }
  }
  return static_cast<std::int32_t>(std::max<std::int64_t>(best, 0));
}

Status compute(const OpCall& call, const Scratch&) {
  const Tensor& logits = call[kLogits];
  auto* token = data<std::int32_t>(call[kToken]);
  parallel_for(logits.desc.dim(0), 1, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t row = begin; row < end; ++row) token[row] = argmax_row(logits, row);
  });
  return {};
}

constexpr KernelRow kRows[] = {
    {.name = "cpu.argmax.portable",
     .op = "argmax",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accepts,
     .launch = launch<&compute>},
};

}  // namespace

std::span<const KernelRow> rows_argmax() { return kRows; }

}  // namespace tamis::cpu
