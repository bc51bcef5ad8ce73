#include "backends/cpu/kernels/indexer/score_call.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "backends/cpu/kernels/indexer/page_slot.h"

namespace tamis::cpu::indexer {
namespace {

constexpr float kNegInf = -std::numeric_limits<float>::infinity();

// A thread's scratch, cut up. Offsets in floats.
struct Layout {
  std::int64_t weights, tile, key_scales, key, scores, kernel;  // queries come first

  Layout(const TileShape& shape, std::int64_t heads, std::int64_t block_tokens) {
    weights = block_tokens * heads * shape.dim;
    tile = weights + block_tokens * heads;
    key_scales = tile + kTileKeys * shape.dim;
    key = key_scales + kTileKeys;
    scores = key + shape.dim;
    kernel = scores + kTileKeys;
  }
};

struct Parts {
  Parts(float* scratch, const Layout& layout)
      : queries(scratch),
        weights(scratch + layout.weights),
        tile(scratch + layout.tile),
        key_scales(scratch + layout.key_scales),
        key(scratch + layout.key),
        scores(scratch + layout.scores),
        kernel(scratch + layout.kernel) {}

  float* queries;     // [block_tokens, padded heads, dim]
  float* weights;     // [block_tokens, padded heads]
  float* tile;        // [kTileKeys * dim]
  float* key_scales;  // [kTileKeys]
  float* key;         // [dim]
  float* scores;      // [kTileKeys]
  float* kernel;
};

// `heads`: with the padding.
void load_query(const ScoreCall& call, std::int64_t token, std::int64_t heads, float* q, float* weights) {
  const TileShape shape = call.shape();
  for (std::int64_t h = 0; h < shape.heads; ++h) {
    load_floats(call.q.desc.dtype, row_address(call.q, token, h), shape.dim, q + h * shape.dim);
  }
  const std::int64_t padding = heads - shape.heads;
  std::fill_n(q + shape.heads * shape.dim, padding * shape.dim, 0.0f);
  const auto* w = reinterpret_cast<const float*>(row_address(call.w, token));
  for (std::int64_t h = 0; h < shape.heads; ++h) weights[h] = w[h];
  if (call.q_scale.present()) {
    const auto* q_scale = reinterpret_cast<const float*>(row_address(call.q_scale, token));
    for (std::int64_t h = 0; h < shape.heads; ++h) weights[h] *= q_scale[h];
  }
  for (std::int64_t h = 0; h < shape.heads; ++h) weights[h] *= call.scale;
  std::fill_n(weights + shape.heads, padding, 0.0f);
}

// Address and scale of one key; no address: it is not there.
struct Key {
  const std::byte* address = nullptr;
  float scale = 1.0f;
};

Key paged_key(const IndexCache& cache, std::int64_t slot) {
  Key key;
  if (!cache.contains(slot)) return key;
  key.address = cache.key(slot);
  if (cache.has_scales()) std::memcpy(&key.scale, cache.scale(slot), 4);
  return key;
}

Key ragged_key(const ScoreCall& call, std::int64_t row) {
  Key key;
  if (row >= call.keys.desc.dim(0)) return key;
  key.address = row_address(call.keys, row);
  if (call.key_scale.present()) key.scale = data<float>(call.key_scale)[row];
  return key;
}

struct LoadedTile {
  std::int64_t first = 0, count = 0;  // positions
  std::uint8_t absent[kTileKeys] = {};
  bool any_absent = false;
};

// Loads positions [first, first + kTileKeys) as far as `keys` reaches; the columns behind are zero.
void load_tile(const ScoreCall& call, const TileKernel& kernel, const Visible& keys, std::int64_t first,
               const Parts& parts, LoadedTile& tile) {
  const TileShape shape = call.shape();
  const IndexCache cache(call.keys, call.format, call.page_size, shape.dim);
  PageWalker pages = call.paged ? PageWalker(call.page_table, keys.sequence, call.page_size) : PageWalker();
  const DType dtype = call.paged ? cache.dtype() : call.keys.desc.dtype;
  tile.first = first;
  tile.count = std::min(kTileKeys, keys.keys - first);
  tile.any_absent = false;
  KeyCodes codes{};
  codes.fp8 = dtype == DType::kE4M3;
  for (std::int64_t j = 0; j < kTileKeys; ++j) {
    Key key;
    if (j < tile.count) {
      key = call.paged ? paged_key(cache, pages.slot(first + j)) : ragged_key(call, keys.origin + first + j);
    }
    tile.absent[j] = key.address == nullptr;
    parts.key_scales[j] = key.scale;
    codes.at[j] = key.address;
    tile.any_absent = tile.any_absent || (key.address == nullptr && j < tile.count);
  }
  if (kernel.load != nullptr) return kernel.load(codes, shape, parts.tile);
  for (std::int64_t j = 0; j < kTileKeys; ++j) {
    if (codes.at[j] != nullptr) {
      load_floats(dtype, codes.at[j], shape.dim, parts.key);
    } else {
      std::fill_n(parts.key, shape.dim, 0.0f);
    }
    kernel.place(parts.key, shape, j, parts.tile);
  }
}

// Tokens [begin, end) of a block that share their keys.
struct Run {
  std::int64_t begin, end;
  Visible keys;  // of the token that sees most
};

Run next_run(const ScoreCall& call, std::int64_t begin, std::int64_t block_end) {
  Run run{begin, begin + 1, visible(call, begin)};
  for (; run.end < block_end; ++run.end) {
    const Visible next = visible(call, run.end);
    if (next.sequence != run.keys.sequence || next.origin != run.keys.origin) break;
    run.keys.keys = std::max(run.keys.keys, next.keys);
  }
  return run;
}

void score_tile(const ScoreCall& call, const TileKernel& kernel, const Run& run, std::int64_t block_begin,
                const LoadedTile& tile, const Parts& parts, const Sink& sink) {
  const TileShape shape = call.shape();
  const std::int64_t heads = kernel.padded_heads(shape.heads);
  for (std::int64_t t = run.begin; t < run.end; ++t) {
    const Visible keys = visible(call, t);
    const std::int64_t count = std::min(tile.count, keys.keys - tile.first);
    if (count <= 0 || keys.keys < sink.min_keys) continue;
    const std::int64_t i = t - block_begin;
    const Query query{parts.queries + i * heads * shape.dim, parts.weights + i * heads};
    kernel.score(query, shape, parts.tile, parts.kernel, parts.scores);
    for (std::int64_t j = 0; j < kTileKeys; ++j) parts.scores[j] *= parts.key_scales[j];
    for (std::int64_t j = 0; tile.any_absent && j < count; ++j) {
      if (tile.absent[j] != 0) parts.scores[j] = kNegInf;
    }
    sink.take(sink.context, t, tile.first, count, parts.scores);
  }
}

}  // namespace

Reason accept_bf16_tile(const ScoreCall& call) {
  const DType q = call.q.desc.dtype;
  const DType keys =
      call.paged && call.format == IndexFormat::kFp8Paged ? DType::kE4M3 : call.keys.desc.dtype;
  if (q != DType::kBF16 && q != DType::kE4M3) return reason::dtype("q", dtype_name(q), "bf16, e4m3");
  if (keys != DType::kBF16 && keys != DType::kE4M3)
    return reason::dtype("keys", dtype_name(keys), "bf16, e4m3");
  if (call.shape().dim % 32 != 0) return reason::size("Di", call.shape().dim, "a multiple of 32");
  return accept();
}

Visible visible(const ScoreCall& call, std::int64_t token) {
  Visible keys;
  const std::int64_t end = std::min(read_i32(call.ke, token), call.max_keys);
  if (call.paged) {
    keys.sequence = sequence_of(call.seq_of_token, token);
  } else {
    keys.origin = call.ks.present() ? std::max<std::int64_t>(0, read_i32(call.ks, token)) : 0;
  }
  keys.keys = std::max<std::int64_t>(0, end - keys.origin);
  return keys;
}

std::int64_t scoring_flops(const ScoreCall& call, std::int64_t min_keys) {
  std::int64_t keys = 0;
  for (std::int64_t t = 0; t < call.tokens(); ++t) {
    const std::int64_t seen = visible(call, t).keys;
    if (seen >= min_keys) keys += seen;
  }
  return 2 * keys * call.shape().heads * call.shape().dim;
}

Grid make_grid(const TileKernel& kernel, std::int64_t tokens, std::int64_t threads) {
  Grid grid{};
  // Four blocks a thread even out what tokens see, but a tile is worth loading for some tokens at least.
  const std::int64_t even = (tokens + 4 * threads - 1) / (4 * threads);
  grid.block_tokens = std::clamp<std::int64_t>(even, kernel.min_block_tokens, kMaxBlockTokens);
  grid.blocks = (tokens + grid.block_tokens - 1) / grid.block_tokens;
  grid.splits = grid.blocks >= threads || grid.blocks == 0 ? 1 : (threads + grid.blocks - 1) / grid.blocks;
  return grid;
}

std::int64_t thread_floats(const TileKernel& kernel, const TileShape& shape, std::int64_t block_tokens) {
  const std::int64_t floats =
      Layout(shape, kernel.padded_heads(shape.heads), block_tokens).kernel + kernel.scratch_floats(shape);
  return (floats + 15) / 16 * 16;
}

void score_item(const ScoreCall& call, const TileKernel& kernel, const Grid& grid, std::int64_t item,
                float* scratch, const Sink& sink) {
  const TileShape shape = call.shape();
  const std::int64_t heads = kernel.padded_heads(shape.heads);
  const std::int64_t block = item / grid.splits, split = item % grid.splits;
  const std::int64_t begin = block * grid.block_tokens,
                     end = std::min(begin + grid.block_tokens, call.tokens());
  const Parts parts(scratch, Layout(shape, heads, grid.block_tokens));
  LoadedTile tile;
  for (Run run{begin, begin, {}}; run.end < end;) {
    run = next_run(call, run.end, end);
    if (run.keys.keys < sink.min_keys) continue;
    for (std::int64_t t = run.begin; t < run.end; ++t) {
      float* q = parts.queries + (t - begin) * heads * shape.dim;
      load_query(call, t, heads, q, parts.weights + (t - begin) * heads);
      if (kernel.prepare != nullptr) kernel.prepare(q, heads * shape.dim);
    }
    const std::int64_t tiles = (run.keys.keys + kTileKeys - 1) / kTileKeys;
    const std::int64_t last = tiles * (split + 1) / grid.splits;
    if (kernel.begin != nullptr) kernel.begin();
    for (std::int64_t i = tiles * split / grid.splits; i < last; ++i) {
      load_tile(call, kernel, run.keys, i * kTileKeys, parts, tile);
      score_tile(call, kernel, run, begin, tile, parts, sink);
    }
    if (kernel.end != nullptr) kernel.end();
  }
}

}  // namespace tamis::cpu::indexer
