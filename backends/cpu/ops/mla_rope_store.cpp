// CPU rows of mla_rope_store: token by token, sines and cosines once for all heads and the key, each vector
// rotated in the thread's workspace, the cache row normalised, rotated and encoded there, too. One pass over
// the inputs; bound by memory from about 8 heads on, below by the R / 2 sines and cosines.
#include "core/ops/mla_rope_store/mla_rope_store.h"

#include "backends/cpu/kernels/common/kv_rows.h"
#include "backends/cpu/kernels/common/norm.h"
#include "backends/cpu/kernels/common/rotary.h"
#include "backends/cpu/kernels/common/rows.h"
#include "backends/cpu/kernels/rows/row_levels.h"
#include "backends/cpu/queue.h"

namespace tamis::cpu {
namespace {

using namespace mla_rope_store_operand;

// Floats of one thread: a cache row and the turns of its token.
std::int64_t thread_floats(const OpCall& call) {
  const auto& params = call.as<MlaRopeStoreParams>();
  return params.c + 2 * params.r;
}

std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  return thread_workspace_bytes(device, thread_floats(call));
}

void store_key(const RowOps& ops, const OpCall& call, std::int64_t t, const Turns& turns, float* row) {
  const auto& params = call.as<MlaRopeStoreParams>();
  const KvLayout layout{params.format, params.c, params.r};
  const std::int64_t slot = data<std::int32_t>(call[kSlot])[t];
  if (slot < 0 || slot >= call[kCache].desc.dim(0)) return;
  load_row(ops, call[kKvA], t, row);
  rms_normalize(ops, row, data<float>(call[kNormWeight]), layout.c, params.eps);
  rotate(ops, RopePairing::kInterleaved, row + layout.c, turns);
  ops.round(call[kKvA].desc.dtype, row, layout.c + layout.r);
  store_kv_row(ops, call[kCache], layout, slot, row);
}

struct MlaRopeStore {
  template <const RowOps& ops>
  static Status compute(const OpCall& call, const Scratch& scratch) {
    const auto& params = call.as<MlaRopeStoreParams>();
    const std::int64_t heads = call[kQRope].desc.dim(1), half = params.r / 2;
    const std::int64_t grain = 1 + kRowGrainElements / (heads * params.r + params.c);
    parallel_for(call[kQRope].desc.dim(0), grain, [&](std::int64_t begin, std::int64_t end, int thread) {
      float* row = thread_workspace(scratch, thread, thread_floats(call));
      const Turns turns{row + params.c + params.r, row + params.c + params.r + half, half};
      for (std::int64_t t = begin; t < end; ++t) {
        const auto position = static_cast<float>(data<std::int32_t>(call[kPositions])[t]);
        find_turns(position, data<float>(call[kInvFreq]), 1.0f, turns);
        for (std::int64_t q = t * heads; q < (t + 1) * heads; ++q) {
          load_row(ops, call[kQRope], q, row);
          rotate(ops, RopePairing::kInterleaved, row, turns);
          store_row(ops, call[kQOut], q, row);
        }
        store_key(ops, call, t, turns, row);
      }
    });
    return {};
  }
};

constexpr auto kRows = row_levels<MlaRopeStore>(
    {.op = "mla_rope_store", .accepts = accepts_stored_weights, .workspace = workspace},
    {"cpu.mla_rope_store.avx512", "cpu.mla_rope_store.avx2", "cpu.mla_rope_store.portable"});

}  // namespace

std::span<const KernelRow> rows_mla_rope_store() { return kRows; }

}  // namespace tamis::cpu
