// Tile scoring on vdpbf16ps: keys and queries that bf16 holds exactly (bf16 itself, e4m3 codes), sums f32.
//
// The tile is 8 blocks of [pair of dimensions][16 keys][2] (kernels/product/bf16.h). 6 heads x 64 keys are 24
// running sums: a pair of a query's elements, broadcast, times 4 x 16 keys. ReLU, head weight and head sum
// follow from registers, heads in order; no dot product is stored. 2 Hi Di FLOP a key; 64 keys x 128
// dimensions, 16 KB, stay in L1 for all heads: compute bound. One Zen 5 core ("AMD EPYC"), 2026-11-22,
// TAMIS_THREADS=1 tamis bench op --op indexer_scores: 64 queries x 64 K keys x 64 heads in 160 ms, 430 GFLOPS
// of 456; 1 query in 4.5 ms, where widening the keys is half.
#include <immintrin.h>

#include <cstring>

#include "backends/cpu/kernels/indexer/tile.h"
#include "backends/cpu/kernels/product/bf16.h"

namespace tamis::cpu::indexer {
namespace {

constexpr std::int64_t kVectors = 4, kRunKeys = 16 * kVectors;

// TileKernel::padded_heads, which other objects share.
std::int64_t all_heads(const TileShape& shape) {
  return (shape.heads + kHeadBlock - 1) / kHeadBlock * kHeadBlock;
}

// Heads [0, MR) of q and weights added to the sums of 64 keys.
template <int MR>
void score_heads(const std::uint16_t* q, const float* weights, const TileShape& shape,
                 const std::uint16_t* blocks, __m512 (&sums)[kVectors]) {
  __m512 dots[MR][kVectors];
  for (auto& of_head : dots) {
    for (__m512& one : of_head) one = _mm512_setzero_ps();
  }
  for (std::int64_t i = 0; i < shape.dim / 2; ++i) {
    __m512bh keys[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      keys[v] = (__m512bh)_mm512_loadu_si512(blocks + v * kBlockRows * shape.dim + i * 32);
    }
#pragma GCC unroll 8
    for (int h = 0; h < MR; ++h) {
      std::int32_t pair;
      std::memcpy(&pair, q + h * shape.dim + 2 * i, 4);
      const auto both = (__m512bh)_mm512_set1_epi32(pair);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) dots[h][v] = _mm512_dpbf16_ps(dots[h][v], both, keys[v]);
    }
  }
  for (int h = 0; h < MR; ++h) {
    const __m512 weight = _mm512_set1_ps(weights[h]);
    for (int v = 0; v < kVectors; ++v) {
      // Of a NaN and 0: 0.
      const __m512 relu = _mm512_max_ps(dots[h][v], _mm512_setzero_ps());
      sums[v] = _mm512_fmadd_ps(weight, relu, sums[v]);
    }
  }
}

void score(const Query& query, const TileShape& shape, const float* tile, float*, float* out) {
  const std::int64_t heads = all_heads(shape);
  const auto* q = reinterpret_cast<const std::uint16_t*>(query.q);
  const auto* blocks = reinterpret_cast<const std::uint16_t*>(tile);
  for (std::int64_t first = 0; first < kTileKeys; first += kRunKeys, blocks += kRunKeys * shape.dim) {
    __m512 sums[kVectors];
    for (__m512& sum : sums) sum = _mm512_setzero_ps();
    std::int64_t h = 0;
    for (; h + 6 <= heads; h += 6) score_heads<6>(q + h * shape.dim, query.weights + h, shape, blocks, sums);
    if (heads - h == 4) score_heads<4>(q + h * shape.dim, query.weights + h, shape, blocks, sums);
    if (heads - h == 2) score_heads<2>(q + h * shape.dim, query.weights + h, shape, blocks, sums);
    for (int v = 0; v < kVectors; ++v) _mm512_storeu_ps(out + first + 16 * v, sums[v]);
  }
}

std::int64_t scratch_floats(const TileShape&) { return 0; }

}  // namespace

void load_bf16_tile(const KeyCodes& keys, const TileShape& shape, float* tile) {
  auto* blocks = reinterpret_cast<std::uint16_t*>(tile);
  for (std::int64_t first = 0; first < kTileKeys; first += kBlockRows) {
    BlockRows block{};
    std::memcpy(block.rows, keys.at + first, sizeof block.rows);
    block.format = keys.fp8 ? WeightFormat::kE4M3 : WeightFormat::kBF16;
    block.cols = shape.dim;
    kBf16Avx512.widen(block, blocks + first * shape.dim);
  }
}

// Queries as bf16, exactly: written behind where they are read.
void prepare_bf16_query(float* q, std::int64_t n) {
  auto* codes = reinterpret_cast<std::byte*>(q);
  for (std::int64_t i = 0; i < n; i += 16) {
    const __m512i high = _mm512_srli_epi32(_mm512_loadu_si512(q + i), 16);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(codes + 2 * i), _mm512_cvtepi32_epi16(high));
  }
}

const TileKernel kAvx512Bf16Tile{
    .load = load_bf16_tile, .prepare = prepare_bf16_query, .score = score, .scratch_floats = scratch_floats};

}  // namespace tamis::cpu::indexer
