// CPU row of rope: per token, the sines and cosines of its R / 2 angles once for all heads (in double, so
// that the range reduction is exact), then one pass per head. 3 FLOPs per rotated element against 4 bytes
// moved in bf16: bound by memory and conversion once h R rotated elements outweigh R calls of sin and cos.
#include "core/ops/rope/rope.h"

#include "backends/cpu/kernels/common/rotary.h"
#include "backends/cpu/kernels/common/rows.h"
#include "backends/cpu/queue.h"

namespace tamis::cpu {
namespace {

using namespace rope_operand;

// Floats of one thread: a row and the turns of its token.
std::int64_t thread_floats(const OpCall& call) {
  return call[kX].desc.dim(-1) + 2 * call[kInvFreq].desc.dim(0);
}

std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  return thread_workspace_bytes(device, thread_floats(call));
}

Status compute(const OpCall& call, const Scratch& scratch) {
  const Tensor &x = call[kX], &y = call[kY];
  const auto& params = call.as<RopeParams>();
  const auto* positions = data<std::int32_t>(call[kPositions]);
  const auto* inv_freq = data<float>(call[kInvFreq]);
  const std::int64_t heads = x.desc.rank == 3 ? x.desc.dim(1) : 1, d = x.desc.dim(-1);
  const std::int64_t half = call[kInvFreq].desc.dim(0);
  const std::int64_t grain =
      std::max<std::int64_t>(1, kRowGrainElements / std::max<std::int64_t>(1, heads * d));
  parallel_for(x.desc.dim(0), grain, [&](std::int64_t begin, std::int64_t end, int thread) {
    float* row = thread_workspace(scratch, thread, thread_floats(call));
    const Turns turns{row + d, row + d + half, half};
    for (std::int64_t t = begin; t < end; ++t) {
      find_turns(static_cast<float>(positions[t]), inv_freq, params.magnitude, turns);
      for (std::int64_t head = 0; head < heads; ++head) {
        load_row(x, t * heads + head, row);
        rotate(kPortableRowOps, params.pairing, row + params.begin, turns);
        store_row(y, t * heads + head, row);
      }
    }
  });
  return {};
}

constexpr KernelRow kRows[] = {{.name = "cpu.rope.portable",
                                .op = "rope",
                                .families = "portable",
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts_stored_weights,
                                .workspace = workspace,
                                .launch = launch<&compute>}};

}  // namespace

std::span<const KernelRow> rows_rope() { return kRows; }

}  // namespace tamis::cpu
