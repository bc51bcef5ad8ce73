#include "backends/cpu/kernels/sparse_mla/latent_attention.h"

#include <algorithm>
#include <cstring>

#include "core/base/ceil_div.h"

namespace tamis::cpu {
namespace {

constexpr std::int64_t kTileRows = 128;  // query rows: 530 KB of queries and outputs at C 512, R 64
constexpr std::int64_t kMinHeads = 4;    // per tile when heads are split to occupy more threads

AttentionShape tile_shape(const LatentTiling& tiling, const KvLayout& layout) {
  return {tiling.tokens * tiling.heads, layout.c + layout.r, layout.c, LatentTile::kKeys};
}

// One stretch of a cache row to f32.
void widen(const F32Kernels& kernels, const WeightRows& row, float* dst) {
  kernels.widen(row, {0, row.cols, dst, row.cols});
}

void load_row(const Tensor& cache, const KvLayout& layout, const std::byte* row, const F32Kernels& kernels,
              float* dst) {
  if (layout.format != KvFormat::kPackedFp8) {
    const DType dtype = cache.desc.dtype;
    const WeightFormat format = dtype == DType::kF32    ? WeightFormat::kF32
                                : dtype == DType::kBF16 ? WeightFormat::kBF16
                                                        : WeightFormat::kF16;
    return widen(kernels, {row, 0, 1, layout.c + layout.r, nullptr, 0, format}, dst);
  }
  // The scales lie where they fall; a copy is aligned.
  const std::byte* at = row + layout.c;
  for (std::int64_t c = 0; c < layout.c; c += kScaleGroup, at += 4) {
    float scale;
    std::memcpy(&scale, at, 4);
    const std::int64_t cols = std::min(kScaleGroup, layout.c - c);
    widen(kernels, {row + c, 0, 1, cols, &scale, 0, WeightFormat::kE4M3}, dst + c);
  }
  widen(kernels, {at, 0, 1, layout.r, nullptr, 0, WeightFormat::kBF16}, dst + layout.c);
}

}  // namespace

#if defined(__x86_64__)
Reason accept_latent_vectors(const KvLayout& layout) {
  if (layout.c % 16 != 0) return reason::size("C", layout.c, "a multiple of 16");
  if (layout.r % 16 != 0) return reason::size("R", layout.r, "a multiple of 16");
  return accept();
}
#endif

// Tokens are the first axis to run in parallel; heads are split only where tokens are too few for the threads
// (each part then decodes the keys again) or where one token's heads do not fit a tile.
LatentTiling latent_tiling(const TensorDesc& q_latent, std::int64_t max_tokens, std::int64_t units) {
  const std::int64_t tokens = q_latent.dim(0), heads = q_latent.dim(1);
  LatentTiling tiling;
  const std::int64_t fit = std::min({max_tokens, kTileRows / heads, ceil_div(tokens, units)});
  tiling.tokens = std::max<std::int64_t>(1, fit);
  tiling.token_tiles = ceil_div(tokens, tiling.tokens);
  const std::int64_t parts = std::min(ceil_div(units, tiling.token_tiles), ceil_div(heads, kMinHeads));
  tiling.heads = std::min(kTileRows, ceil_div(heads, parts));
  tiling.head_tiles = ceil_div(heads, tiling.heads);
  return tiling;
}

std::int64_t LatentTile::floats(const LatentTiling& tiling, const KvLayout& layout) {
  return AttentionTile::floats(tile_shape(tiling, layout)) + kKeys * (layout.c + layout.r);
}

std::int64_t latent_workspace(const LatentTiling& tiling, const KvLayout& layout, std::int64_t units) {
  return 4 * units * LatentTile::floats(tiling, layout);
}

LatentTile::LatentTile(const LatentOperands& operands, const LatentTiling& tiling, const Gemm& gemm,
                       float* memory)
    : operands_(operands),
      width_(operands.layout.c + operands.layout.r),
      rows_(*gemm.rows),
      tile_(gemm, tile_shape(tiling, operands.layout), operands.scale, memory),
      keys_(memory + AttentionTile::floats(tile_shape(tiling, operands.layout))) {}

void LatentTile::begin(std::int64_t first, std::int64_t tokens, std::int64_t head, std::int64_t heads) {
  first_ = first;
  tokens_ = tokens;
  head_ = head;
  heads_ = heads;
  tile_.begin(tokens * heads);
  const Tensor &latent = *operands_.q_latent, &rope = *operands_.q_rope;
  const KvLayout& layout = operands_.layout;
  for (std::int64_t t = 0; t < tokens; ++t) {
    for (std::int64_t h = 0; h < heads; ++h) {
      float* query = tile_.query(t * heads + h);
      rows_.load(latent.desc.dtype, row_address(latent, first + t, head + h), layout.c, query);
      rows_.load(rope.desc.dtype, row_address(rope, first + t, head + h), layout.r, query + layout.c);
    }
  }
}

void LatentTile::load_key(std::int64_t i, std::int64_t slot) {
  const Tensor& cache = *operands_.cache;
  if (operands_.vectors == nullptr) return load_kv_row(cache, operands_.layout, slot, key(i));
  load_row(cache, operands_.layout, row_address(cache, slot), *operands_.vectors, key(i));
}

void LatentTile::finish() {
  const Tensor& out = *operands_.out;
  const float* sinks = operands_.sink != nullptr ? data<float>(*operands_.sink) : nullptr;
  for (std::int64_t row = 0; row < tokens_ * heads_; ++row) {
    const std::int64_t t = first_ + row / heads_, h = head_ + row % heads_;
    const float* sink = sinks != nullptr ? sinks + h : nullptr;
    const float* result = tile_.finish(row, sink);
    rows_.store(out.desc.dtype, result, operands_.layout.c, row_address(out, t, h));
    reinterpret_cast<float*>(row_address(*operands_.lse, t))[h] = tile_.lse(row, sink);
    if (operands_.max_logits == nullptr) continue;
    reinterpret_cast<float*>(row_address(*operands_.max_logits, t))[h] = tile_.max_score(row);
  }
}

}  // namespace tamis::cpu
