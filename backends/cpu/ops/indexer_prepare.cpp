// CPU rows of indexer_prepare: token by token, each vector goes through all steps in the thread's workspace.
// One pass over q and k; bound by the butterflies and the rounding to e4m3 (about 0.5 us per vector of 128),
// else by memory.
#include "core/ops/indexer_prepare/indexer_prepare.h"

#include <algorithm>
#include <cstring>

#include "backends/cpu/kernels/common/group_codes.h"
#include "backends/cpu/kernels/common/rotary.h"
#include "backends/cpu/kernels/common/rows.h"
#include "backends/cpu/kernels/indexer/index_cache.h"
#include "backends/cpu/kernels/rows/row_levels.h"
#include "backends/cpu/queue.h"
#include "backends/cpu/threads.h"

namespace tamis::cpu {
namespace {

using namespace indexer_prepare_operand;

// Floats of one thread: a vector and the turns of its token.
std::int64_t thread_floats(const OpCall& call) {
  return call[kQ].desc.dim(2) + 2 * call[kInvFreq].desc.dim(0);
}

std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  return thread_workspace_bytes(device, thread_floats(call));
}

struct Steps {
  const RowOps& ops;
  const IndexerPrepareParams& params;
  std::int64_t dim;
  Turns turns;

  // The vector rotated and, with FP8, transformed and divided by its scale, which is returned.
  float prepare(DType dtype, bool pow2, float* row) const {
    rotate(ops, params.pairing, row, turns);
    ops.round(dtype, row, dim);
    if (params.format == IndexFormat::kExact) return 1.0f;
    hadamard_transform(ops, row, dim);
    ops.round(dtype, row, dim);
    return scale_group(ops, row, dim, pow2);
  }
};

struct IndexerPrepare {
  template <const RowOps& ops>
  static Status compute(const OpCall& call, const Scratch& scratch) {
    const Tensor &q = call[kQ], &k = call[kK], &q_out = call[kQOut], &q_scale = call[kQScale];
    const auto& params = call.as<IndexerPrepareParams>();
    const std::int64_t heads = q.desc.dim(1), dim = q.desc.dim(2), half = call[kInvFreq].desc.dim(0);
    const indexer::IndexCache cache(call[kCache], params.format, params.page_size, dim);
    const std::int64_t grain = 1 + kRowGrainElements / std::max<std::int64_t>(1, heads * dim);
    parallel_for(q.desc.dim(0), grain, [&](std::int64_t begin, std::int64_t end, int thread) {
      float* row = thread_workspace(scratch, thread, thread_floats(call));
      const Steps steps{ops, params, dim, {row + dim, row + dim + half, half}};
      for (std::int64_t t = begin; t < end; ++t) {
        find_turns(static_cast<float>(data<std::int32_t>(call[kPositions])[t]), data<float>(call[kInvFreq]),
                   1.0f, steps.turns);
        for (std::int64_t h = 0; h < heads; ++h) {
          load_row(ops, q, t * heads + h, row);
          const float scale = steps.prepare(q.desc.dtype, params.pow2, row);
          store_row(ops, q_out, t * heads + h, row);
          if (q_scale.present()) data<float>(q_scale)[t * heads + h] = scale;
        }
        const std::int64_t slot = data<std::int32_t>(call[kSlot])[t];
        if (!cache.contains(slot)) continue;
        load_row(ops, k, t, row);
        const float scale = steps.prepare(k.desc.dtype, true, row);
        ops.store(cache.dtype(), row, dim, cache.key(slot));
        if (cache.has_scales()) std::memcpy(cache.scale(slot), &scale, 4);
      }
    });
    return {};
  }
};

constexpr auto kRows = row_levels<IndexerPrepare>(
    {.op = "indexer_prepare", .accepts = accepts_stored_weights, .workspace = workspace},
    {"cpu.indexer_prepare.avx512", "cpu.indexer_prepare.avx2", "cpu.indexer_prepare.portable"});

}  // namespace

std::span<const KernelRow> rows_indexer_prepare() { return kRows; }

}  // namespace tamis::cpu
