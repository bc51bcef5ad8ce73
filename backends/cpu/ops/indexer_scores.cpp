// CPU rows of indexer_scores: blocks of up to 32 tokens, or, for few tokens, ranges of their keys, are dealt
// to the threads; each loads a tile of 128 keys once for its block and scores it token by token
// (kernels/indexer/tile_*.cpp). 2 T S Hi Di FLOP; keys are read once per block, scores written once: compute
// bound.
#include "core/ops/indexer_scores/indexer_scores.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "backends/cpu/kernels/indexer/score_call.h"
#include "backends/cpu/kernels/product/product_rows.h"
#include "backends/cpu/queue.h"
#include "backends/cpu/threads.h"

namespace tamis::cpu {
namespace {

using namespace indexer_scores_operand;
using namespace indexer;

ScoreCall score_call(const OpCall& call) {
  const auto& p = call.as<IndexerScoresParams>();
  return {call[kQ],          call[kWeights],   call[kQScale], call[kKeys], call[kKeyScale],
          call[kSeqOfToken], call[kPageTable], call[kKs],     call[kKe],   p.format,
          p.paged,           p.page_size,      p.scale,       p.max_keys};
}

Reason accepts(const DeviceInfo&, const OpCall&) { return accept(); }

template <const TileKernel& kernel>
std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  const Grid grid = make_grid(kernel, call[kQ].desc.dim(0), device.units);
  return 4 * device.units * thread_floats(kernel, score_call(call).shape(), grid.block_tokens);
}

float* score_row(const Tensor& scores, std::int64_t token) {
  return reinterpret_cast<float*>(row_address(scores, token));
}

// A token's scores go to the columns from its origin on.
struct ScoreWriter {
  const ScoreCall& call;
  const Tensor& scores;

  static void take(void* context, std::int64_t token, std::int64_t first, std::int64_t count,
                   const float* values) {
    const auto& writer = *static_cast<ScoreWriter*>(context);
    float* row = score_row(writer.scores, token) + visible(writer.call, token).origin;
    std::memcpy(row + first, values, static_cast<std::size_t>(count) * 4);
  }
};

void fill_invisible(const ScoreCall& call, const Tensor& scores, std::int64_t token) {
  constexpr float kNegInf = -std::numeric_limits<float>::infinity();
  const Visible keys = visible(call, token);
  const std::int64_t begin = std::min(keys.origin, call.max_keys), end = begin + keys.keys;
  float* row = score_row(scores, token);
  std::fill(row, row + begin, kNegInf);
  std::fill(row + end, row + call.max_keys, kNegInf);
}

template <const TileKernel& kernel>
Status compute(const OpCall& op_call, const Scratch& scratch) {
  const ScoreCall call = score_call(op_call);
  const Tensor& scores = op_call[kScores];
  const Grid grid = make_grid(kernel, call.tokens(), thread_count());
  const std::int64_t floats = thread_floats(kernel, call.shape(), grid.block_tokens);
  auto* workspace = reinterpret_cast<float*>(scratch.workspace->host() + scratch.workspace_offset);
  parallel_for(call.tokens(), 64, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t t = begin; t < end; ++t) fill_invisible(call, scores, t);
  });
  parallel_for(
      grid.items(), item_grain(grid, scoring_flops(call, 1)),
      [&](std::int64_t begin, std::int64_t end, int thread) {
        ScoreWriter writer{call, scores};
        for (std::int64_t item = begin; item < end; ++item) {
          score_item(call, kernel, grid, item, workspace + thread * floats, {&ScoreWriter::take, &writer, 1});
        }
      });
  return {};
}

Reason prefers_blas(const DeviceInfo&, const OpCall& call) {
  return prefers_blas_tile(score_call(call).shape());
}

#if defined(__x86_64__)
Reason accepts_bf16(const DeviceInfo&, const OpCall& call) { return accept_bf16_tile(score_call(call)); }

// By the device alone, so that it never changes between steps.
Reason prefers_bf16_dot(const DeviceInfo& device, const OpCall&) { return prefer_fast_bf16_dot(device); }
#endif

// A row: `base` says its name and what it needs beside the tile.
template <const TileKernel& kernel>
constexpr KernelRow row(KernelRow base) {
  base.op = "indexer_scores";
  base.numerics.invariance = Invariance::kBatch;
  if (base.accepts == nullptr) base.accepts = accepts;
  base.workspace = workspace<kernel>;
  base.launch = launch<&compute<kernel>>;
  return base;
}

constexpr KernelRow kRows[] = {
#if defined(__x86_64__)
    row<kAmxTile>({.name = "cpu.indexer_scores.amx_bf16",
                   .families = "amx",
                   .needs = {.all_of = kAmxProductNeeds},
                   .accepts = accepts_bf16}),
    row<kAvx512Bf16Tile>({.name = "cpu.indexer_scores.avx512_bf16",
                          .families = "avx512",
                          .needs = {.all_of = kBf16ProductNeeds},
                          .accepts = accepts_bf16,
                          .prefers = prefers_bf16_dot}),
#endif
    row<kBlasTile>({.name = "cpu.indexer_scores.openblas",
                    .families = "openblas",
                    .needs = {.all_of = kOpenBlas},
                    .prefers = prefers_blas}),
    row<kPortableTile>({.name = "cpu.indexer_scores.portable", .families = "portable"}),
};

}  // namespace

std::span<const KernelRow> rows_indexer_scores() { return kRows; }

}  // namespace tamis::cpu
