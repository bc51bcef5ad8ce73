#include "backends/cpu/kernels/sparse_mla/tile_attention.h"

#include <algorithm>
#include <cstring>

#include "backends/cpu/kernels/product/stripe.h"
#include "backends/cpu/kernels/sparse_mla/attention_items.h"
#include "backends/cpu/kernels/sparse_mla/bf16_attention.h"
#include "backends/cpu/kernels/sparse_mla/row_walker.h"
#include "backends/cpu/threads.h"
#include "core/base/ceil_div.h"
#include "core/ops/sparse_mla/sparse_mla.h"

#if defined(__x86_64__)
namespace tamis::cpu::mla {
namespace {

using namespace sparse_mla_operand;
using numeric::SoftmaxState;

constexpr std::int64_t kTileCodes = kTileSize * kStepCols;

// Where an item's memory lies; sizes in bytes, multiples of 64.
struct TileCut : AttentionItems {
  std::int64_t groups, steps, c_steps;
  std::int64_t queries, keys, values, scores, weights, outputs;

  TileCut(const OpCall& call, const KvLayout& layout, std::int64_t units)
      : AttentionItems(call[kQLatent].desc, call[kSlots].desc.dim(1), units) {
    groups = ceil_div(heads, kTileSize);
    steps = (layout.c + layout.r) / kStepCols;
    c_steps = layout.c / kStepCols;
    queries = 2 * groups * steps * kTileCodes;
    keys = 2 * kTileBlockKeys / kTileSize * steps * kTileCodes;
    values = 2 * kTileBlockKeys * layout.c;
    scores = 4 * kTileBlockKeys * groups * kTileSize;
    weights = 2 * kTileBlockKeys * groups * kTileSize;
    outputs = 4 * groups * kTileSize * (layout.c + 2);  // and maxima and sums
  }

  std::int64_t thread_bytes() const { return queries + keys + values + scores + weights; }
  // Outputs belong to a thread, or, where they are merged, to an item. 64: alignment.
  std::int64_t bytes(std::int64_t units) const {
    return 64 + units * thread_bytes() + (splits > 1 ? items() : units) * outputs;
  }
};

// Where an item's outputs lie.
struct Outputs {
  float* at;
  const TileCut& cut;

  std::int64_t heads() const { return cut.groups * kTileSize; }
  float* max() const { return at + 2 * cut.c_steps * cut.groups * kTileFloats; }
  float* sum() const { return max() + heads(); }
  float* of_head(std::int64_t head) const {
    return at + head / kTileSize * 2 * cut.c_steps * kTileFloats + head % kTileSize * kTileSize;
  }
};

// One item.
class TileItem {
 public:
  TileItem(const LatentOperands& operands, const TileCut& cut, std::byte* memory, const Outputs& outputs)
      : operands_(operands), cut_(cut) {
    const auto take = [&](std::int64_t bytes) {
      std::byte* at = memory;
      memory += bytes;
      return at;
    };
    queries_ = take(cut.queries);
    block_.groups = cut.groups;
    block_.steps = cut.steps, block_.c_steps = cut.c_steps;
    block_.queries = reinterpret_cast<const std::uint16_t*>(queries_);
    block_.keys = reinterpret_cast<std::uint16_t*>(take(cut.keys));
    block_.values = reinterpret_cast<std::uint16_t*>(take(cut.values));
    block_.scores = reinterpret_cast<float*>(take(cut.scores));
    block_.weights = reinterpret_cast<std::uint16_t*>(take(cut.weights));
    block_.outputs = outputs.at;
    block_.max = outputs.max();
    block_.sum = outputs.sum();
    block_.scale = operands.scale;
    std::fill(outputs.at, outputs.max(), 0.0f);
    std::fill_n(outputs.max(), outputs.heads(), -std::numeric_limits<float>::infinity());
    std::fill_n(outputs.sum(), outputs.heads(), 0.0f);
  }

  void run(std::int64_t token, std::int64_t head, std::int64_t heads, RowWalker rows) {
    pack_queries(token, head, heads);
    RowBlock<kTileBlockKeys> blocks[2];
    rows.next(blocks[0]);
    for (int i = 0; blocks[i].n > 0; i ^= 1) {
      rows.next(blocks[i ^ 1], false);
      attend(blocks[i], blocks[i ^ 1], rows);
    }
  }

 private:
  void pack_queries(std::int64_t token, std::int64_t head, std::int64_t heads) {
    const Tensor &latent = *operands_.q_latent, &rope = *operands_.q_rope;
    std::byte* dst = queries_;
    for (std::int64_t h = 0; h < heads; h += kTileSize, dst += 2 * cut_.steps * kTileCodes) {
      const std::int64_t count = std::min(kTileSize, heads - h);
      pack_rows_avx512({row_address(latent, token, head + h), 2 * latent.desc.stride(1), count,
                        operands_.layout.c, kTileSize},
                       dst);
      pack_rows_avx512(
          {row_address(rope, token, head + h), 2 * rope.desc.stride(1), count, operands_.layout.r, kTileSize},
          dst + 2 * cut_.c_steps * kTileCodes);
    }
  }

  // Fetches the next block's rows one by one while it widens its own: all at once they would wait for each
  // other.
  void attend(const RowBlock<kTileBlockKeys>& rows, const RowBlock<kTileBlockKeys>& next,
              const RowWalker& walker) {
    const KvLayout& layout = operands_.layout;
    block_.n = rows.n;
    block_.key_steps = ceil_div(rows.n, kStepCols);
    for (std::int64_t key = 0; key < kStepCols * block_.key_steps; ++key) {
      if (next.rows[key] != nullptr) walker.fetch(next.rows[key]);
      widen_tile_key(block_,
                     {rows.rows[key], key, layout.c, layout.r, layout.format == KvFormat::kPackedFp8});
    }
    begin_tiles_amx();
    score_tiles_amx(block_);
    interleave_values(block_);
    weigh_tiles(block_);
    accumulate_tiles_amx(block_);
    end_tiles_amx();
  }

  const LatentOperands& operands_;
  const TileCut& cut_;
  TileBlock block_{};
  std::byte* queries_;
};

// The parts of a head, merged into the first, in their order.
SoftmaxState merge(float* first, const TileCut& cut, std::int64_t head) {
  const auto part = [&](std::int64_t s) { return Outputs{first + s * cut.outputs / 4, cut}; };
  SoftmaxState all{part(0).max()[head], part(0).sum()[head]};
  if (cut.splits == 1) return all;
  for (std::int64_t s = 1; s < cut.splits; ++s) all.max = std::max(all.max, part(s).max()[head]);
  const auto factor = [&](std::int64_t s) {
    const float max = part(s).max()[head];
    return max == all.max ? 1.0f : numeric::rescale_factor(max, all.max);
  };
  float* to = part(0).of_head(head);
  all.sum *= factor(0);
  for (std::int64_t tile = 0; tile < 2 * cut.c_steps; ++tile) {
    for (std::int64_t i = 0; i < kTileSize; ++i) to[tile * kTileFloats + i] *= factor(0);
  }
  for (std::int64_t s = 1; s < cut.splits; ++s) {
    all.sum += part(s).sum()[head] * factor(s);
    add_tile_output({part(s).of_head(head), 2 * cut.c_steps, factor(s)}, to);
  }
  return all;
}

// Head `head` of those of a tile, of the call's heads counted from first_head.
void finish_head(const LatentOperands& operands, const TileCut& cut, std::int64_t tile, std::int64_t head,
                 float* outputs) {
  const std::int64_t token = tile / cut.head_tiles, h = tile % cut.head_tiles * cut.heads + head;
  const float* sinks = operands.sink != nullptr ? data<float>(*operands.sink) + h : nullptr;
  const SoftmaxState state = merge(outputs, cut, head);
  const SoftmaxEnd end = finish_softmax(state, sinks);
  store_tile_output({Outputs{outputs, cut}.of_head(head), 2 * cut.c_steps, end.factor},
                    row_address(*operands.out, token, h));
  reinterpret_cast<float*>(row_address(*operands.lse, token))[h] = end.lse;
  if (operands.max_logits != nullptr) {
    reinterpret_cast<float*>(row_address(*operands.max_logits, token))[h] = state.max;
  }
}

std::int64_t heads_of(const LatentOperands& operands, const TileCut& cut, std::int64_t tile) {
  return std::min(cut.heads, operands.out->desc.dim(1) - tile % cut.head_tiles * cut.heads);
}

}  // namespace

Reason accept_tile_attention(const LatentOperands& operands) {
  const KvLayout& layout = operands.layout;
  if (layout.c % 64 != 0) return reason::size("C", layout.c, "a multiple of 64");
  if (layout.r % 64 != 0) return reason::size("R", layout.r, "a multiple of 64");
  return accept_bf16_operands(operands);
}

std::int64_t tile_attention_workspace(const OpCall& call, const KvLayout& layout, std::int64_t units) {
  return TileCut(call, layout, units).bytes(units);
}

void tile_attention(const OpCall& call, const LatentOperands& operands, std::byte* workspace) {
  const TileCut cut(call, operands.layout, thread_count());
  workspace += -reinterpret_cast<std::uintptr_t>(workspace) % 64;
  auto* outputs = reinterpret_cast<float*>(workspace + thread_count() * cut.thread_bytes());
  parallel_for(cut.items(), 1, [&](std::int64_t begin, std::int64_t end, int thread) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t tile = i / cut.splits, token = tile / cut.head_tiles;
      float* out = outputs + (cut.splits > 1 ? i : thread) * cut.outputs / 4;
      TileItem item(operands, cut, workspace + thread * cut.thread_bytes(), {out, cut});
      item.run(token, tile % cut.head_tiles * cut.heads, heads_of(operands, cut, tile),
               RowWalker(call, token, i % cut.splits, cut.splits));
      for (std::int64_t h = 0; cut.splits == 1 && h < heads_of(operands, cut, tile); ++h) {
        finish_head(operands, cut, tile, h, out);
      }
    }
  });
  if (cut.splits == 1) return;
  parallel_for(cut.tiles() * cut.heads, kTileSize, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t tile = i / cut.heads, head = i % cut.heads;
      if (head >= heads_of(operands, cut, tile)) continue;
      finish_head(operands, cut, tile, head, outputs + tile * cut.splits * cut.outputs / 4);
    }
  });
}

}  // namespace tamis::cpu::mla
#endif
