// CPU rows of indexer_topk: the loop of indexer_scores, with each token's scores going into a buffer of
// candidates (kernels/indexer/candidates.h) instead of memory. A thread holds at most 32 tokens x 2k
// candidates; the buffers of split keys are merged at the end. 2 T S Hi Di FLOP, keys read once per block of
// tokens: compute bound.
#include "core/ops/indexer_topk/indexer_topk.h"

#include <algorithm>

#include "backends/cpu/kernels/indexer/candidates.h"
#include "backends/cpu/kernels/indexer/page_slot.h"
#include "backends/cpu/kernels/indexer/score_call.h"
#include "backends/cpu/kernels/product/product_rows.h"
#include "backends/cpu/queue.h"
#include "backends/cpu/threads.h"

namespace tamis::cpu {
namespace {

using namespace indexer_topk_operand;
using namespace indexer;

const Tensor kAbsent{};

ScoreCall score_call(const OpCall& call) {
  const auto& p = call.as<IndexerTopkParams>();
  return {.q = call[kQ],
          .w = call[kWeights],
          .q_scale = call[kQScale],
          .keys = call[kKeys],
          .key_scale = kAbsent,
          .seq_of_token = call[kSeqOfToken],
          .page_table = call[kPageTable],
          .ks = kAbsent,
          .ke = call[kKe],
          .format = p.format,
          .paged = true,
          .page_size = p.page_size,
          .scale = p.scale,
          .max_keys = p.max_keys};
}

// Workspace: scratch of every thread, then buffers of candidates, block_tokens per slot. A slot is a thread;
// when keys are split it is an item, of which there are then fewer than two per thread.
struct Plan {
  Grid grid;
  std::int64_t scratch_floats, capacity, slots;

  Plan(const TileKernel& kernel, const OpCall& call, std::int64_t threads)
      : grid(make_grid(kernel, call[kQ].desc.dim(0), threads)),
        scratch_floats(thread_floats(kernel, score_call(call).shape(), grid.block_tokens)),
        capacity(candidate_capacity(call.as<IndexerTopkParams>().k)),
        slots(grid.splits > 1 ? grid.items() : threads) {}

  std::int64_t scratch_bytes(std::int64_t threads) const { return 4 * threads * scratch_floats; }
  std::int64_t bytes(std::int64_t threads) const {
    return scratch_bytes(threads) +
           slots * grid.block_tokens * (capacity * 8 + std::int64_t{sizeof(Candidates)});
  }
};

Reason accepts(const DeviceInfo&, const OpCall& call) {
  const std::int64_t max_keys = call.as<IndexerTopkParams>().max_keys;
  return max_keys <= kMaxSlot ? accept() : reason::size("max_keys", max_keys, "up to 2^31 - 1");
}

template <const TileKernel& kernel>
std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  return Plan(kernel, call, device.units).bytes(device.units);
}

// One launch.
class Selection {
 public:
  Selection(const OpCall& call, const TileKernel& kernel, std::byte* workspace)
      : call_(call),
        scoring_(score_call(call)),
        kernel_(kernel),
        plan_(kernel, call, thread_count()),
        k_(call.as<IndexerTopkParams>().k),
        scratch_(reinterpret_cast<float*>(workspace)),
        buffers_(reinterpret_cast<Candidates*>(workspace + plan_.scratch_bytes(thread_count()))),
        keys_(reinterpret_cast<std::uint64_t*>(buffers_ + plan_.slots * plan_.grid.block_tokens)) {}

  void run() {
    const Grid& grid = plan_.grid;
    parallel_for(grid.items(), grain(), [&](std::int64_t begin, std::int64_t end, int thread) {
      for (std::int64_t item = begin; item < end; ++item) {
        const std::int64_t slot = grid.splits > 1 ? item : thread;
        score(item, slot, scratch_ + thread * plan_.scratch_floats);
        if (grid.splits == 1) finish(item, slot);
      }
    });
    if (grid.splits == 1) return;
    parallel_for(grid.blocks, grain(), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t block = begin; block < end; ++block) finish(block, block * grid.splits);
    });
  }

 private:
  // Writing an index and its slot costs about as much as 50 FLOP of scoring.
  std::int64_t grain() const {
    return item_grain(plan_.grid, scoring_flops(scoring_, k_ + 1) + 50 * scoring_.tokens() * k_);
  }

  // The buffers of a slot, one per token of a block.
  struct Feed {
    Candidates* buffers;
    std::int64_t first_token, k;
    AppendKeys append;

    static void take(void* context, std::int64_t token, std::int64_t first, std::int64_t count,
                     const float* scores) {
      const auto& feed = *static_cast<Feed*>(context);
      feed.buffers[token - feed.first_token].push({scores, first, count, 0}, feed.k, feed.append);
    }
  };

  void score(std::int64_t item, std::int64_t slot, float* scratch) {
    const std::int64_t block_tokens = plan_.grid.block_tokens;
    Feed feed{buffers_ + slot * block_tokens, item / plan_.grid.splits * block_tokens, k_, kernel_.append};
    for (std::int64_t i = 0; i < block_tokens; ++i) {
      feed.buffers[i] = {keys_ + (slot * block_tokens + i) * plan_.capacity, 0, 0, kernel_.select};
    }
    score_item(scoring_, kernel_, plan_.grid, item, scratch, {&Feed::take, &feed, k_ + 1});
  }

  // Writes the outputs of a block whose candidates are in `slot` and, when keys are split, in the slots
  // behind it.
  void finish(std::int64_t block, std::int64_t slot) {
    const std::int64_t block_tokens = plan_.grid.block_tokens;
    const std::int64_t begin = block * block_tokens, end = std::min(begin + block_tokens, scoring_.tokens());
    for (std::int64_t t = begin; t < end; ++t) {
      Candidates& best = buffers_[slot * block_tokens + t - begin];
      for (std::int64_t s = 1; s < plan_.grid.splits; ++s) {
        best.merge(buffers_[(slot + s) * block_tokens + t - begin], k_);
      }
      write(t, best);
    }
  }

  void write(std::int64_t token, Candidates& best) {
    const Visible keys = visible(scoring_, token);
    auto* idx = reinterpret_cast<std::int32_t*>(row_address(call_[kIdx], token));
    auto* slots = reinterpret_cast<std::int32_t*>(row_address(call_[kSlots], token));
    std::int64_t count = keys.keys;
    if (keys.keys > k_) {
      count = best.take(k_, idx);
    } else {
      for (std::int64_t i = 0; i < count; ++i) idx[i] = static_cast<std::int32_t>(i);
    }
    PageWalker pages(scoring_.page_table, keys.sequence, scoring_.page_size);
    for (std::int64_t i = 0; i < count; ++i) slots[i] = static_cast<std::int32_t>(pages.slot(idx[i]));
    std::fill(idx + count, idx + k_, -1);
    std::fill(slots + count, slots + k_, -1);
    data<std::int32_t>(call_[kCount])[token] = static_cast<std::int32_t>(count);
  }

  const OpCall& call_;
  ScoreCall scoring_;
  const TileKernel& kernel_;
  Plan plan_;
  std::int64_t k_;
  float* scratch_;
  Candidates* buffers_;
  std::uint64_t* keys_;
};

template <const TileKernel& kernel>
Status compute(const OpCall& call, const Scratch& scratch) {
  Selection(call, kernel, scratch.workspace->host() + scratch.workspace_offset).run();
  return {};
}

Reason prefers_blas(const DeviceInfo&, const OpCall& call) {
  return prefers_blas_tile(score_call(call).shape());
}

#if defined(__x86_64__)
Reason accepts_bf16(const DeviceInfo& device, const OpCall& call) {
  Reason reason = accepts(device, call);
  return reason.accepted() ? accept_bf16_tile(score_call(call)) : reason;
}

// By the device alone, so that it never changes between steps.
Reason prefers_bf16_dot(const DeviceInfo& device, const OpCall&) { return prefer_fast_bf16_dot(device); }
#endif

// A row: `base` says its name and what it needs beside the tile.
template <const TileKernel& kernel>
constexpr KernelRow row(KernelRow base) {
  base.op = "indexer_topk";
  base.numerics.invariance = Invariance::kBatch;
  if (base.accepts == nullptr) base.accepts = accepts;
  base.workspace = workspace<kernel>;
  base.launch = launch<&compute<kernel>>;
  return base;
}

constexpr KernelRow kRows[] = {
#if defined(__x86_64__)
    row<kAmxTile>({.name = "cpu.indexer_topk.amx_bf16",
                   .families = "amx",
                   .needs = {.all_of = kAmxProductNeeds},
                   .accepts = accepts_bf16}),
    row<kAvx512Bf16Tile>({.name = "cpu.indexer_topk.avx512_bf16",
                          .families = "avx512",
                          .needs = {.all_of = kBf16ProductNeeds},
                          .accepts = accepts_bf16,
                          .prefers = prefers_bf16_dot}),
#endif
    row<kBlasTile>({.name = "cpu.indexer_topk.openblas",
                    .families = "openblas",
                    .needs = {.all_of = kOpenBlas},
                    .prefers = prefers_blas}),
    row<kPortableTile>({.name = "cpu.indexer_topk.portable", .families = "portable"}),
};

}  // namespace

std::span<const KernelRow> rows_indexer_topk() { return kRows; }

}  // namespace tamis::cpu
