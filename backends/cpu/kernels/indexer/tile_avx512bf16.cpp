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

std::int64_t append_keys_avx512(const ScoreRun& run, std::uint64_t* keys) {
  const __m512i sign = _mm512_set1_epi32(static_cast<int>(0x80000000u)),
                floor = _mm512_set1_epi64(static_cast<long long>(run.floor));
  const __m512i floor_score = _mm512_set1_epi32(static_cast<int>(run.floor >> 32));
  __m512i index = _mm512_add_epi32(_mm512_set1_epi32(static_cast<int>(run.first)),
                                   _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
  std::int64_t size = 0;
  for (std::int64_t i = 0; i < run.count; i += 16, index = _mm512_add_epi32(index, _mm512_set1_epi32(16))) {
    const std::int64_t left = run.count - i;
    const auto there = static_cast<__mmask16>(left >= 16 ? 0xffff : (1 << left) - 1);
    const __m512i bits = _mm512_maskz_loadu_epi32(there, run.scores + i);
    // Negative numbers: all bits turned; others: the sign. -0 as 0, NaN below all.
    __m512i score = _mm512_xor_epi32(bits, _mm512_or_epi32(_mm512_srai_epi32(bits, 31), sign));
    score = _mm512_mask_mov_epi32(score, _mm512_cmpeq_epi32_mask(bits, sign), sign);
    const __mmask16 nan =
        _mm512_cmp_ps_mask(_mm512_castsi512_ps(bits), _mm512_castsi512_ps(bits), _CMP_UNORD_Q);
    score = _mm512_mask_mov_epi32(score, nan, _mm512_setzero_si512());
    const __mmask16 maybe = _mm512_mask_cmpge_epu32_mask(there, score, floor_score);
    if (maybe == 0) continue;
    const __m512i turned = _mm512_xor_epi32(index, _mm512_set1_epi32(-1));
    for (int half = 0; half < 2; ++half) {
      const __m256i high = half == 0 ? _mm512_castsi512_si256(score) : _mm512_extracti64x4_epi64(score, 1);
      const __m256i low = half == 0 ? _mm512_castsi512_si256(turned) : _mm512_extracti64x4_epi64(turned, 1);
      const __m512i key =
          _mm512_or_epi64(_mm512_slli_epi64(_mm512_cvtepu32_epi64(high), 32), _mm512_cvtepu32_epi64(low));
      const __mmask8 better =
          _mm512_mask_cmpgt_epu64_mask(static_cast<__mmask8>(maybe >> 8 * half), key, floor);
      const int count = __builtin_popcount(better);
      _mm512_mask_storeu_epi64(keys + size, static_cast<__mmask8>((1 << count) - 1),
                               _mm512_maskz_compress_epi64(better, key));
      size += count;
    }
  }
  return size;
}

const TileKernel kAvx512Bf16Tile{.load = load_bf16_tile,
                                 .prepare = prepare_bf16_query,
                                 .score = score,
                                 .scratch_floats = scratch_floats,
                                 .append = append_keys_avx512,
                                 .select = select_keys_avx512};

}  // namespace tamis::cpu::indexer
