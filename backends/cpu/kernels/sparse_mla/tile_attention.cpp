#include "backends/cpu/kernels/sparse_mla/tile_attention.h"

#include <algorithm>
#include <cstring>

#include "backends/cpu/kernels/common/token_runs.h"
#include "backends/cpu/kernels/product/stripe.h"
#include "backends/cpu/kernels/sparse_mla/attention_items.h"
#include "backends/cpu/kernels/sparse_mla/bf16_attention.h"
#include "backends/cpu/kernels/sparse_mla/row_walker.h"
#include "backends/cpu/threads.h"
#include "core/base/ceil_div.h"

#if defined(__x86_64__)
namespace tamis::cpu::mla {
namespace {

using numeric::SoftmaxState;

constexpr std::int64_t kTileCodes = kTileSize * kStepCols;

// Where an item's memory lies; sizes in bytes, multiples of 64.
struct TileCut : AttentionItems {
  std::int64_t groups, steps, c_steps;
  std::int64_t queries, keys, values, scores, weights, outputs;

  TileCut(const KeyLists& lists, const LatentOperands& operands, std::int64_t units)
      : AttentionItems(operands.q_latent->desc, lists.longest, lists.ke != nullptr, units) {
    const KvLayout& layout = operands.layout;
    groups = ceil_div(tile_tokens * heads, kTileSize);
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

// The query rows of an item: heads [head, head + heads) of each of a few tokens.
struct TileRows {
  std::int64_t first, tokens, head, heads;

  std::int64_t count() const { return tokens * heads; }
  std::int64_t token(std::int64_t row) const { return first + row / heads; }
  std::int64_t head_of(std::int64_t row) const { return head + row % heads; }
};

// Where an item's outputs lie. "Heads" are query rows.
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

// A thread's items, one after the other.
class TileItem {
 public:
  TileItem(const KeyLists& lists, const LatentOperands& operands, const TileCut& cut, std::byte* memory)
      : lists_(lists), operands_(operands), cut_(cut) {
    const auto take = [&](std::int64_t bytes) {
      std::byte* at = memory;
      memory += bytes;
      return at;
    };
    queries_ = take(cut.queries);
    block_.steps = cut.steps, block_.c_steps = cut.c_steps;
    block_.queries = reinterpret_cast<const std::uint16_t*>(queries_);
    block_.keys = reinterpret_cast<std::uint16_t*>(take(cut.keys));
    block_.values = reinterpret_cast<std::uint16_t*>(take(cut.values));
    block_.scores = reinterpret_cast<float*>(take(cut.scores));
    block_.weights = reinterpret_cast<std::uint16_t*>(take(cut.weights));
    block_.scale = operands.scale;
  }

  // Part `split` of the keys of rows' tokens.
  void run(const TileRows& rows, std::int64_t split, const Outputs& outputs) {
    rows_ = rows;
    block_.groups = ceil_div(rows.count(), kTileSize);
    block_.outputs = outputs.at;
    block_.max = outputs.max();
    block_.sum = outputs.sum();
    std::fill_n(outputs.at, 2 * cut_.c_steps * block_.groups * kTileFloats, 0.0f);
    std::fill_n(outputs.max(), outputs.heads(), -std::numeric_limits<float>::infinity());
    std::fill_n(outputs.sum(), outputs.heads(), 0.0f);
    pack_queries();
    RowWalker walker = lists_.walk(lists_.call, token_with_most_keys(), split, cut_.splits);
    RowBlock<kTileBlockKeys> blocks[2];
    walker.next(blocks[0]);
    for (int i = 0; blocks[i].n > 0; i ^= 1) {
      walker.next(blocks[i ^ 1], false);
      mask(blocks[i]);
      attend(blocks[i], blocks[i ^ 1], walker);
    }
  }

 private:
  std::int64_t token_with_most_keys() const {
    if (rows_.tokens == 1) return rows_.first;
    const auto* ke = data<std::int32_t>(*lists_.ke);
    return std::max_element(ke + rows_.first, ke + rows_.first + rows_.tokens) - ke;
  }

  void pack_queries() {
    const KvLayout& layout = operands_.layout;
    std::byte* dst = queries_;
    for (std::int64_t row = 0; row < rows_.count(); row += kTileSize, dst += 2 * cut_.steps * kTileCodes) {
      const std::int64_t count = std::min(kTileSize, rows_.count() - row);
      pack_rows_avx512(queries(*operands_.q_latent, row, {count, layout.c}), dst);
      pack_rows_avx512(queries(*operands_.q_rope, row, {count, layout.r}),
                       dst + 2 * cut_.c_steps * kTileCodes);
    }
  }

  struct Size {
    std::int64_t rows, cols;
  };
  // One token's rows lie a stride apart; those of several are copied first, to where keys will be.
  PackRows queries(const Tensor& q, std::int64_t row, const Size& size) const {
    const auto address = [&](std::int64_t i) { return row_address(q, rows_.token(i), rows_.head_of(i)); };
    if (rows_.token(row) == rows_.token(row + size.rows - 1))
      return {address(row), 2 * q.desc.stride(1), size.rows, size.cols, kTileSize};
    const std::int64_t row_bytes = 2 * size.cols;
    auto* copies = reinterpret_cast<std::byte*>(block_.keys);
    for (std::int64_t i = 0; i < size.rows; ++i) {
      std::memcpy(copies + i * row_bytes, address(row + i), static_cast<std::size_t>(row_bytes));
    }
    return {copies, row_bytes, size.rows, size.cols, kTileSize};
  }

  // How many keys of a block each row sees.
  void mask(const RowBlock<kTileBlockKeys>& block) {
    block_.seen = nullptr;
    if (rows_.tokens == 1) return;
    std::fill(seen_, seen_ + kMaxRows, 0);
    for (std::int64_t t = 0; t < rows_.tokens; ++t) {
      const std::int64_t ke = visible_keys(*lists_.ke, rows_.first + t, lists_.longest);
      const std::int64_t seen = std::lower_bound(block.at, block.at + block.n, ke) - block.at;
      std::fill_n(seen_ + t * rows_.heads, rows_.heads, static_cast<std::int32_t>(seen));
      if (seen < block.n) block_.seen = seen_;
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

  const KeyLists& lists_;
  const LatentOperands& operands_;
  const TileCut& cut_;
  TileRows rows_{};
  TileBlock block_{};
  std::byte* queries_;
  std::int32_t seen_[kMaxRows];
};

// The parts of a head, merged into the first, in their order.
SoftmaxState merge(const Outputs& outputs, std::int64_t head) {
  const TileCut& cut = outputs.cut;
  const auto part = [&](std::int64_t s) { return Outputs{outputs.at + s * cut.outputs / 4, cut}; };
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

void finish_row(const LatentOperands& operands, const TileRows& rows, std::int64_t row,
                const Outputs& outputs) {
  const std::int64_t token = rows.token(row), h = rows.head_of(row);
  const float* sinks = operands.sink != nullptr ? data<float>(*operands.sink) + h : nullptr;
  const SoftmaxState state = merge(outputs, row);
  const SoftmaxEnd end = finish_softmax(state, sinks);
  store_tile_output({outputs.of_head(row), 2 * outputs.cut.c_steps, end.factor},
                    row_address(*operands.out, token, h));
  reinterpret_cast<float*>(row_address(*operands.lse, token))[h] = end.lse;
  if (operands.max_logits != nullptr) {
    reinterpret_cast<float*>(row_address(*operands.max_logits, token))[h] = state.max;
  }
}

// The rows of a tile whose tokens, from `first` on, share keys.
TileRows rows_of(const KeyLists& lists, const LatentOperands& operands, const TileCut& cut, std::int64_t tile,
                 std::int64_t first) {
  const std::int64_t head = tile % cut.head_tiles * cut.heads;
  TileRows rows{first, 1, head, std::min(cut.heads, operands.q_latent->desc.dim(1) - head)};
  const std::int64_t end = std::min(cut.tokens, (tile / cut.head_tiles + 1) * cut.tile_tokens);
  if (lists.seq_of_token != nullptr) rows.tokens = token_run(*lists.seq_of_token, first, end).count;
  return rows;
}

}  // namespace

Reason accept_tile_attention(const LatentOperands& operands) {
  const KvLayout& layout = operands.layout;
  if (layout.c % 64 != 0) return reason::size("C", layout.c, "a multiple of 64");
  if (layout.r % 64 != 0) return reason::size("R", layout.r, "a multiple of 64");
  return accept_bf16_operands(operands);
}

std::int64_t tile_attention_workspace(const KeyLists& lists, const LatentOperands& operands,
                                      std::int64_t units) {
  return TileCut(lists, operands, units).bytes(units);
}

void tile_attention(const KeyLists& lists, const LatentOperands& operands, std::byte* workspace) {
  const TileCut cut(lists, operands, thread_count());
  workspace += -reinterpret_cast<std::uintptr_t>(workspace) % 64;
  auto* memory = reinterpret_cast<float*>(workspace + thread_count() * cut.thread_bytes());
  parallel_for(cut.items(), 1, [&](std::int64_t begin, std::int64_t end, int thread) {
    TileItem item(lists, operands, cut, workspace + thread * cut.thread_bytes());
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t tile = i / cut.splits, first = tile / cut.head_tiles * cut.tile_tokens;
      const Outputs outputs{memory + (cut.splits > 1 ? i : thread) * cut.outputs / 4, cut};
      for (std::int64_t t = first; t < std::min(cut.tokens, first + cut.tile_tokens);) {
        const TileRows rows = rows_of(lists, operands, cut, tile, t);
        item.run(rows, i % cut.splits, outputs);
        for (std::int64_t row = 0; cut.splits == 1 && row < rows.count(); ++row) {
          finish_row(operands, rows, row, outputs);
        }
        t += rows.tokens;
      }
    }
  });
  if (cut.splits == 1) return;
  parallel_for(cut.tiles() * cut.heads, kTileSize, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t tile = i / cut.heads, head = i % cut.heads;
      const TileRows rows = rows_of(lists, operands, cut, tile, tile / cut.head_tiles);
      if (head >= rows.heads) continue;
      finish_row(operands, rows, head, {memory + tile * cut.splits * cut.outputs / 4, cut});
    }
  });
}

}  // namespace tamis::cpu::mla
#endif
