// CPU row of moe_combine. Tasks are (token, 512 columns): the sum of a piece stays on the stack while its
// topk rows are added. Bound by reading T * topk * H elements.
#include "core/ops/moe_combine/moe_combine.h"

#include <algorithm>

#include "backends/cpu/host_tensor.h"
#include "backends/cpu/queue.h"
#include "backends/cpu/threads.h"

namespace tamis::cpu {
namespace {

using namespace moe_combine_operand;

constexpr std::int64_t kColumns = 512;

// Columns [first, first + n) of row `row` as f32.
void load_columns(const Tensor& tensor, std::int64_t row, std::int64_t first, std::int64_t n, float* dst) {
  const auto size = static_cast<std::int64_t>(dtype_size(tensor.desc.dtype));
  load_floats(tensor.desc.dtype, row_address(tensor, row) + first * size, n, dst);
}

void combine_piece(const OpCall& call, std::int64_t token, std::int64_t first) {
  const Tensor& y = call[kY];
  const Tensor& out = call[kOut];
  const std::int64_t n = std::min(kColumns, y.desc.dim(1) - first);
  const auto* row_of = reinterpret_cast<const std::int32_t*>(row_address(call[kRowOf], token));
  const auto* weights = reinterpret_cast<const float*>(row_address(call[kWeights], token));
  float sum[kColumns] = {}, values[kColumns];
  for (std::int64_t j = 0; j < call[kRowOf].desc.dim(1); ++j) {
    if (row_of[j] < 0 || row_of[j] >= y.desc.dim(0)) continue;
    load_columns(y, row_of[j], first, n, values);
    for (std::int64_t i = 0; i < n; ++i) sum[i] += weights[j] * values[i];
  }
  if (call[kShared].present()) {
    load_columns(call[kShared], token, first, n, values);
    for (std::int64_t i = 0; i < n; ++i) sum[i] += values[i];
  }
  const auto size = static_cast<std::int64_t>(dtype_size(out.desc.dtype));
  store_floats(out.desc.dtype, sum, n, row_address(out, token) + first * size);
}

Status compute(const OpCall& call, const Scratch&) {
  const std::int64_t pieces = (call[kY].desc.dim(1) + kColumns - 1) / kColumns;
  parallel_for(call[kRowOf].desc.dim(0) * pieces, 4, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin; i < end; ++i) combine_piece(call, i / pieces, i % pieces * kColumns);
  });
  return {};
}

Reason accepts(const DeviceInfo&, const OpCall& call) {
  for (int i : {kY, kShared, kOut}) {
    if (call[i].present() && !is_activation(call[i].desc.dtype)) {
      return reason::dtype(call.op->operands[static_cast<std::size_t>(i)].name,
                           dtype_name(call[i].desc.dtype), "f32, bf16, f16");
    }
  }
  return accept();
}

constexpr KernelRow kRows[] = {
    {.name = "cpu.moe_combine.portable",
     .op = "moe_combine",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accepts,
     .launch = launch<&compute>},
};

}  // namespace

std::span<const KernelRow> rows_moe_combine() { return kRows; }

}  // namespace tamis::cpu
