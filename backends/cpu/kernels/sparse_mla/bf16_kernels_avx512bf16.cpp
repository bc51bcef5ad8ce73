// The kernels of bf16 attention in AVX-512. Codes of two keys are interleaved first, so that looking them up
// gives pairs of bf16 in the order that vdpbf16ps takes: 10 byte permutes for 128 codes.
#include <immintrin.h>

#include "backends/cpu/kernels/common/exp16.h"
#include "backends/cpu/kernels/product/e4m3_words.h"
#include "backends/cpu/kernels/sparse_mla/bf16_kernels.h"

namespace tamis::cpu::mla {
namespace {

using e4m3_words::kFirstHalf, e4m3_words::kSecondHalf;
struct Here {};
using Codes = e4m3_words::Codes<Here>;

// Columns [c, c + 64) of two keys, of which `blocks` blocks of 16 are stored.
void widen_fp8(const std::byte* const (&rows)[2], std::int64_t c, std::int64_t blocks, std::uint16_t* dst,
               std::int64_t block_stride) {
  const Codes codes(0);
  const __m512i first = _mm512_load_si512(kFirstHalf.at), second = _mm512_load_si512(kSecondHalf.at);
  const __mmask64 mask = blocks >= 4 ? ~0ull : (1ull << 16 * blocks) - 1;
  __m512i key[2];
  for (int i = 0; i < 2; ++i) {
    key[i] = rows[i] == nullptr ? _mm512_setzero_si512() : _mm512_maskz_loadu_epi8(mask, rows[i] + c);
  }
  for (int half = 0; half < 2 && 2 * half < blocks; ++half) {
    const __m512i pairs = _mm512_permutex2var_epi8(key[0], half == 0 ? first : second, key[1]);
    const __m512i low = codes.low(pairs), high = codes.high(pairs);
    std::uint16_t* block = dst + (c / 16 + 2 * half) * block_stride;
    _mm512_storeu_si512(block, _mm512_permutex2var_epi8(low, first, high));
    _mm512_storeu_si512(block + block_stride, _mm512_permutex2var_epi8(low, second, high));
  }
}

// Columns [c, c + 32) of two keys.
void widen_bf16(const std::byte* const (&rows)[2], std::int64_t c, std::uint16_t* dst,
                std::int64_t block_stride) {
  __m512i key[2];
  for (int i = 0; i < 2; ++i) {
    key[i] = rows[i] == nullptr ? _mm512_setzero_si512() : _mm512_loadu_si512(rows[i] + 2 * c);
  }
  // Quarters of both keys come interleaved as 0, 2, 4, 6 and 1, 3, 5, 7.
  const __m512i low = _mm512_unpacklo_epi16(key[0], key[1]), high = _mm512_unpackhi_epi16(key[0], key[1]);
  const __m512i order0 = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
  const __m512i order1 = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
  std::uint16_t* block = dst + c / 16 * block_stride;
  _mm512_storeu_si512(block, _mm512_permutex2var_epi64(low, order0, high));
  _mm512_storeu_si512(block + block_stride, _mm512_permutex2var_epi64(low, order1, high));
}

void widen_values(const ValueRows& values, std::uint16_t* dst, std::int64_t block_stride) {
  for (std::int64_t key = 0; key < values.count; key += 2, dst += 32) {
    const std::byte* const rows[2] = {values.rows[key], values.rows[key + 1]};
    if (values.format == WeightFormat::kE4M3) {
      for (std::int64_t c = 0; c < values.cols; c += 64) {
        widen_fp8(rows, c, (values.cols - c) / 16, dst, block_stride);
      }
    } else {
      for (std::int64_t c = 0; c < values.cols; c += 32) widen_bf16(rows, c, dst, block_stride);
    }
  }
}

constexpr float kNegInf = -__builtin_huge_valf();

float weigh(const ScoreRow& row) {
  constexpr std::int64_t kVectors = kBlockKeys / 16;
  const __m512 scale = _mm512_set1_ps(row.scale);
  __m512 scores[kVectors], top = _mm512_set1_ps(*row.max);
  for (std::int64_t v = 0; v < kVectors; ++v) {
    const std::int64_t left = row.n - 16 * v;
    const auto there = static_cast<__mmask16>(left >= 16 ? 0xffff : left <= 0 ? 0 : (1 << left) - 1);
    scores[v] =
        _mm512_mask_mul_ps(_mm512_set1_ps(kNegInf), there, _mm512_loadu_ps(row.scores + 16 * v), scale);
    top = _mm512_max_ps(scores[v], top);  // of a NaN and top: top
  }
  const float old = *row.max, max = _mm512_reduce_max_ps(top);
  const __m512 reference = _mm512_set1_ps(max == kNegInf ? 0.0f : max);  // only -inf and NaN so far
  __m512 sum = _mm512_setzero_ps();
  for (std::int64_t v = 0; v < kVectors; ++v) {
    const __m512 weight = exp16_nonpositive(_mm512_sub_ps(scores[v], reference));
    sum = _mm512_add_ps(sum, weight);
    for (std::int64_t g = 0; g < row.groups; ++g) {
      __m512 scaled = weight;
      if (row.value_scales != nullptr) {
        scaled = _mm512_mul_ps(weight, _mm512_loadu_ps(row.value_scales + g * kBlockKeys + 16 * v));
      }
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(row.weights + g * row.weight_stride + 16 * v),
                          (__m256i)_mm512_cvtneps_pbh(scaled));
    }
  }
  const float factor = old == max       ? 1.0f
                       : old == kNegInf ? 0.0f
                                        : _mm512_cvtss_f32(exp16_nonpositive(_mm512_set1_ps(old - max)));
  *row.sum = *row.sum * factor + _mm512_reduce_add_ps(sum);
  *row.max = max;
  return factor;
}

void scale(float* row, std::int64_t n, float factor) {
  const __m512 by = _mm512_set1_ps(factor);
  for (std::int64_t i = 0; i < n; i += 16) {
    _mm512_storeu_ps(row + i, _mm512_mul_ps(_mm512_loadu_ps(row + i), by));
  }
}

void add_scaled(const float* from, std::int64_t n, float factor, float* to) {
  const __m512 by = _mm512_set1_ps(factor);
  for (std::int64_t i = 0; i < n; i += 16) {
    _mm512_storeu_ps(to + i, _mm512_fmadd_ps(_mm512_loadu_ps(from + i), by, _mm512_loadu_ps(to + i)));
  }
}

void store(const float* row, std::int64_t n, float factor, std::byte* dst) {
  const __m512 by = _mm512_set1_ps(factor);
  for (std::int64_t i = 0; i < n; i += 16) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + 2 * i),
                        (__m256i)_mm512_cvtneps_pbh(_mm512_mul_ps(_mm512_loadu_ps(row + i), by)));
  }
}

}  // namespace

const Bf16AttentionKernels kAttentionAvx512Bf16{&widen_values, &weigh, &scale, &add_scaled, &store};

}  // namespace tamis::cpu::mla
