// What goes around the tile products of sparse_mla.
#include <immintrin.h>

#include "backends/cpu/kernels/common/exp16.h"
#include "backends/cpu/kernels/product/split_words.h"
#include "backends/cpu/kernels/product/stripe.h"
#include "backends/cpu/kernels/product/transpose16.h"
#include "backends/cpu/kernels/sparse_mla/tile_attention.h"

namespace tamis::cpu::mla {
namespace {

#define TAMIS_INLINE inline __attribute__((always_inline))

constexpr std::int64_t kTileCodes = kTileSize * kStepCols;
constexpr float kNegInf = -__builtin_huge_valf();

TAMIS_INLINE __m512 floats_of(__m256i words) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(words), 16));
}

TAMIS_INLINE __m512i times(__m512i words, float scale) {
  const __m512 by = _mm512_set1_ps(scale);
  const __m512 low = _mm512_mul_ps(floats_of(_mm512_castsi512_si256(words)), by);
  const __m512 high = _mm512_mul_ps(floats_of(_mm512_extracti64x4_epi64(words, 1)), by);
  return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

// 64 codes with their scale: its exponent is added to every number but 0. Scales that are no powers of two,
// which kv_store never writes, and NaN codes go through f32 and are rounded.
TAMIS_INLINE Parities widen_scaled(__m512i codes, float scale) {
  Parities words = widen_codes(codes);
  std::uint32_t bits;
  __builtin_memcpy(&bits, &scale, 4);
  const bool power = (bits & 0x807fffffu) == 0 && bits > (20u << 23) && bits < (230u << 23);
  const __m512i magnitude = _mm512_and_si512(codes, _mm512_set1_epi8(0x7f));
  const __mmask64 nan = _mm512_cmpeq_epi8_mask(magnitude, _mm512_set1_epi8(0x7f));
  if (!power || nan != 0) return {times(words.even, scale), times(words.odd, scale)};
  const auto exponent = static_cast<short>(static_cast<int>(bits >> 16) - (127 << 7));
  const __m512i by = _mm512_set1_epi16(exponent), any = _mm512_set1_epi16(0x7fff);
  words.even = _mm512_mask_add_epi16(words.even, _mm512_test_epi16_mask(words.even, any), words.even, by);
  words.odd = _mm512_mask_add_epi16(words.odd, _mm512_test_epi16_mask(words.odd, any), words.odd, by);
  return words;
}

TAMIS_INLINE Parities split_row(const std::byte* row) {
  return split_words(_mm512_loadu_si512(row), _mm512_loadu_si512(row + 64));
}

// The weights of 32 keys by 16 heads: [16 heads][32 keys].
TAMIS_INLINE void store_weights(__m512i (&pairs)[16], std::uint16_t* dst) {
  transpose16(pairs);
#pragma GCC unroll 16
  for (int h = 0; h < 16; ++h) _mm512_storeu_si512(dst + 32 * h, pairs[h]);
}

// Words i of a and b beside each other, from cvtne2ps_pbh(b, a).
struct Interleave {
  alignas(64) std::uint16_t at[32];
};
constexpr Interleave interleave() {
  Interleave order{};
  for (int i = 0; i < 16; ++i) {
    order.at[2 * i] = static_cast<std::uint16_t>(i);
    order.at[2 * i + 1] = static_cast<std::uint16_t>(16 + i);
  }
  return order;
}
constexpr Interleave kInterleave = interleave();

// A group of 16 heads. masked: they do not see the same keys.
template <bool masked>
struct Weigh {
  const TileBlock& block;
  std::int64_t group;

  const float* scores(std::int64_t key) const {
    return block.scores + (key * block.groups + group) * kTileSize;
  }

  TAMIS_INLINE __mmask16 sees(std::int64_t key) const {
    if constexpr (!masked) return 0xffff;
    const __m512i seen = _mm512_loadu_si512(block.seen + group * kTileSize);
    return _mm512_cmpgt_epi32_mask(seen, _mm512_set1_epi32(static_cast<int>(key)));
  }

  __m512 new_max(__m512 old) const {
    const __m512 scale = _mm512_set1_ps(block.scale);
    __m512 top = old;
    for (std::int64_t key = 0; key < block.n; ++key) {
      // Of a NaN and top: top.
      top = _mm512_mask_max_ps(top, sees(key), _mm512_mul_ps(_mm512_loadu_ps(scores(key)), scale), top);
    }
    return top;
  }

  // Weights of 32 keys to the places of `step`; adds them to `sum`.
  TAMIS_INLINE void step_weights(std::int64_t step, __m512 reference, __m512& sum) const {
    const __m512 scale = _mm512_set1_ps(block.scale);
    const __m512i order = _mm512_load_si512(kInterleave.at);
    __m512i pairs[16];
    for (int pair = 0; pair < 16; ++pair) {
      __m512 weight[2];
      for (int i = 0; i < 2; ++i) {
        const std::int64_t key = 32 * step + 2 * pair + i;
        weight[i] = _mm512_setzero_ps();
        if (key >= block.n) continue;
        weight[i] = exp16_nonpositive(_mm512_fmsub_ps(_mm512_loadu_ps(scores(key)), scale, reference));
        if constexpr (masked) weight[i] = _mm512_maskz_mov_ps(sees(key), weight[i]);
        sum = _mm512_add_ps(sum, weight[i]);
      }
      pairs[pair] = _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(weight[1], weight[0]));
    }
    store_weights(pairs, block.weights + (group * (kTileBlockKeys / 32) + step) * kTileCodes);
  }

  // Returns the factors of earlier outputs.
  __m512 run() const {
    float *max_at = block.max + group * kTileSize, *sum_at = block.sum + group * kTileSize;
    const __m512 old = _mm512_loadu_ps(max_at), max = new_max(old);
    const __m512 none = _mm512_set1_ps(kNegInf);
    // Only -inf and NaN so far: 0.
    const __m512 reference = _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(max, none, _CMP_NEQ_UQ), max);
    __m512 sum = _mm512_setzero_ps();
    for (std::int64_t step = 0; step < block.key_steps; ++step) step_weights(step, reference, sum);
    __m512 factor = exp16_nonpositive(_mm512_sub_ps(old, max));
    factor = _mm512_mask_mov_ps(factor, _mm512_cmp_ps_mask(old, none, _CMP_EQ_OQ), _mm512_setzero_ps());
    factor = _mm512_mask_mov_ps(factor, _mm512_cmp_ps_mask(old, max, _CMP_EQ_OQ), _mm512_set1_ps(1.0f));
    _mm512_storeu_ps(sum_at, _mm512_fmadd_ps(_mm512_loadu_ps(sum_at), factor, sum));
    _mm512_storeu_ps(max_at, max);
    return factor;
  }
};

void scale_group(const TileBlock& block, std::int64_t group, __m512 factor) {
  if (_mm512_cmp_ps_mask(factor, _mm512_set1_ps(1.0f), _CMP_NEQ_UQ) == 0) return;
  alignas(64) float factors[16];
  _mm512_store_ps(factors, factor);
  float* outputs = block.outputs + group * 2 * block.c_steps * kTileFloats;
  for (std::int64_t tile = 0; tile < 2 * block.c_steps; ++tile, outputs += kTileFloats) {
    for (int h = 0; h < 16; ++h) {
      float* row = outputs + 16 * h;
      _mm512_storeu_ps(row, _mm512_mul_ps(_mm512_loadu_ps(row), _mm512_set1_ps(factors[h])));
    }
  }
}

}  // namespace

void widen_tile_key(const TileBlock& block, const TileKey& key) {
  const std::int64_t group = key.key / kTileSize, row = key.key % kTileSize;
  std::uint16_t* dst = block.keys + group * block.steps * kTileCodes + row * kStepCols;
  const auto store = [&](const Parities& words) {
    _mm512_storeu_si512(dst, words.even);
    _mm512_storeu_si512(dst + kTileCodes, words.odd);
    dst += 2 * kTileCodes;
  };
  if (key.row == nullptr) {
    for (std::int64_t c = 0; c < key.c + key.r; c += 64)
      store({_mm512_setzero_si512(), _mm512_setzero_si512()});
    return;
  }
  const std::byte* rope = key.row + 2 * key.c;
  if (key.packed) {
    const std::byte* scales = key.row + key.c;
    rope = scales + 4 * ((key.c + kScaleGroup - 1) / kScaleGroup);
    for (std::int64_t c = 0; c < key.c; c += 64) {
      float scale;
      __builtin_memcpy(&scale, scales + c / kScaleGroup * 4, 4);
      store(widen_scaled(_mm512_loadu_si512(key.row + c), scale));
    }
  } else {
    for (std::int64_t c = 0; c < key.c; c += 64) store(split_row(key.row + 2 * c));
  }
  for (std::int64_t c = 0; c < key.r; c += 64) store(split_row(rope + 2 * c));
}

// Two keys' words of a step beside each other: lanes of 128 bits give their first four to one tile of 16
// columns, their last four to the next. store_tile_output puts the columns in order.
void interleave_values(const TileBlock& block) {
  const std::int64_t tiles = 2 * block.c_steps;
  for (std::int64_t key = 0; key < kStepCols * block.key_steps; key += 2) {
    const std::uint16_t* src =
        block.keys + key / kTileSize * block.steps * kTileCodes + key % kTileSize * kStepCols;
    std::uint16_t* dst =
        block.values + (key / kStepCols * tiles * kTileSize + key % kStepCols / 2) * kStepCols;
    for (std::int64_t step = 0; step < block.c_steps; ++step, src += kTileCodes, dst += 2 * kTileCodes) {
      const __m512i first = _mm512_loadu_si512(src), second = _mm512_loadu_si512(src + kStepCols);
      _mm512_storeu_si512(dst, _mm512_unpacklo_epi16(first, second));
      _mm512_storeu_si512(dst + kTileCodes, _mm512_unpackhi_epi16(first, second));
    }
  }
}

void weigh_tiles(const TileBlock& block) {
  for (std::int64_t group = 0; group < block.groups; ++group) {
    scale_group(block, group,
                block.seen != nullptr ? Weigh<true>{block, group}.run() : Weigh<false>{block, group}.run());
  }
}

void add_tile_output(const TileOutput& from, float* to) {
  const __m512 by = _mm512_set1_ps(from.factor);
  for (std::int64_t tile = 0; tile < from.tiles; ++tile) {
    float* at = to + tile * kTileFloats;
    const __m512 value = _mm512_loadu_ps(from.outputs + tile * kTileFloats);
    _mm512_storeu_ps(at, _mm512_fmadd_ps(value, by, _mm512_loadu_ps(at)));
  }
}

void store_tile_output(const TileOutput& output, std::byte* dst) {
  const __m512 by = _mm512_set1_ps(output.factor);
  const __m512i lanes = _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7);
  const __m512i low_order = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
  const __m512i high_order = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
  for (std::int64_t tile = 0; tile < output.tiles; tile += 4, dst += 128) {
    __m512i words[2];
    for (int parity = 0; parity < 2; ++parity) {
      const float* at = output.outputs + (tile + 2 * parity) * kTileFloats;
      const __m512 first = _mm512_mul_ps(_mm512_loadu_ps(at), by);
      const __m512 second = _mm512_mul_ps(_mm512_loadu_ps(at + kTileFloats), by);
      words[parity] = _mm512_permutexvar_epi64(lanes, (__m512i)_mm512_cvtne2ps_pbh(second, first));
    }
    const __m512i low = _mm512_unpacklo_epi16(words[0], words[1]);
    const __m512i high = _mm512_unpackhi_epi16(words[0], words[1]);
    _mm512_storeu_si512(dst, _mm512_permutex2var_epi64(low, low_order, high));
    _mm512_storeu_si512(dst + 64, _mm512_permutex2var_epi64(low, high_order, high));
  }
}

}  // namespace tamis::cpu::mla
