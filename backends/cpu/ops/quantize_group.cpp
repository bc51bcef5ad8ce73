// CPU row of quantize_group: per group, one pass for amax, one for the division, one for the codes. Bound by
// the rounding to e4m3: integer arithmetic on every element.
#include "core/ops/quantize_group/quantize_group.h"

#include "backends/cpu/kernels/common/group_codes.h"
#include "backends/cpu/kernels/common/rows.h"
#include "backends/cpu/queue.h"

namespace tamis::cpu {
namespace {

using namespace quantize_group_operand;

std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  return thread_workspace_bytes(device, call[kX].desc.dim(-1));
}

Status compute(const OpCall& call, const Scratch& scratch) {
  const Tensor &x = call[kX], &codes = call[kCodes];
  const auto& params = call.as<QuantizeGroupParams>();
  const std::int64_t n = x.desc.dim(-1), group = params.group, groups = (n + group - 1) / group;
  auto* scales = data<float>(call[kScales]);
  for_each_row(x.desc, [&](std::int64_t r, int thread) {
    float* row = thread_workspace(scratch, thread, n);
    load_row(x, r, row);
    // Row-major over [T, groups] and, with one group per head, over [T, h].
    for (std::int64_t g = 0; g < groups; ++g) {
      scales[r * groups + g] =
          scale_group(kPortableRowOps, row + g * group, std::min(group, n - g * group), params.pow2);
    }
    store_row(codes, r, row);
  });
  return {};
}

constexpr KernelRow kRows[] = {{.name = "cpu.quantize_group.portable",
                                .op = "quantize_group",
                                .families = "portable",
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts_stored_weights,
                                .workspace = workspace,
                                .launch = launch<&compute>}};

}  // namespace

std::span<const KernelRow> rows_quantize_group() { return kRows; }

}  // namespace tamis::cpu
