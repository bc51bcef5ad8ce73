// vdpbf16ps kernels.
#include <immintrin.h>

#include <cstring>

#include "backends/cpu/kernels/product/bf16.h"
#include "backends/cpu/kernels/product/e4m3_words.h"
#include "backends/cpu/kernels/product/transpose16.h"

namespace tamis::cpu {
namespace {

using e4m3_words::kFirstHalf, e4m3_words::kFirstPair, e4m3_words::kSecondHalf, e4m3_words::kSecondPair;
struct Here {};
using Codes = e4m3_words::Codes<Here>;

template <class A>
A min_of(A a, A b) {
  return a < b ? a : b;
}

__mmask64 first_bytes(std::int64_t n) { return n >= 64 ? ~0ull : (1ull << n) - 1; }

// --- a few rows of activations ---

#define TAMIS_INLINE inline __attribute__((always_inline))

constexpr std::int64_t kPrefetchBytes = 2048;

// What each step fetches: memory behind the last of the rows, in the order of addresses. Read as they are, R
// streams of a row each, codes come at half of the bandwidth (one Zen 5 core, 7168 columns: 14 GB/s of 35;
// with this 28 of 34).
template <int R>
TAMIS_INLINE const std::byte* behind(const std::byte* const (&rows)[R]) {
  return rows[R - 1] + kPrefetchBytes;
}

// The products of 64 bytes of each of R weight rows.
template <WeightFormat format, int R, int M>
TAMIS_INLINE void add_bytes(const std::byte* const (&rows)[R], const std::uint16_t* const (&x)[M],
                            std::int64_t byte, __mmask64 mask, const Codes& codes, __m512 (&sum)[R][M]) {
  constexpr bool kFp8 = format == WeightFormat::kE4M3;
  const std::int64_t col = kFp8 ? byte : byte / 2;
  __m512bh first[M], second[M];
#pragma GCC unroll 4
  for (int t = 0; t < M; ++t) {
    first[t] = (__m512bh)_mm512_loadu_si512(x[t] + col);
    if constexpr (kFp8) second[t] = (__m512bh)_mm512_loadu_si512(x[t] + col + 32);
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
    __builtin_prefetch(behind(rows) + byte * R + 64 * r);
    const __m512i loaded = _mm512_maskz_loadu_epi8(mask, rows[r] + byte);
    if constexpr (kFp8) {
      const __m512i low = codes.low(loaded), high = codes.high(loaded);
      const auto w0 = (__m512bh)_mm512_permutex2var_epi8(low, _mm512_load_si512(kFirstHalf.at), high);
      const auto w1 = (__m512bh)_mm512_permutex2var_epi8(low, _mm512_load_si512(kSecondHalf.at), high);
#pragma GCC unroll 4
      for (int t = 0; t < M; ++t) {
        sum[r][t] = _mm512_dpbf16_ps(_mm512_dpbf16_ps(sum[r][t], w0, first[t]), w1, second[t]);
      }
    } else {
#pragma GCC unroll 4
      for (int t = 0; t < M; ++t) sum[r][t] = _mm512_dpbf16_ps(sum[r][t], (__m512bh)loaded, first[t]);
    }
  }
}

struct Group {
  std::int64_t begin, end;  // columns; begin is a multiple of 64
};

template <WeightFormat format, int R, int M>
TAMIS_INLINE void add_columns(const std::byte* const (&rows)[R], const std::uint16_t* const (&x)[M],
                              const Group& group, const Codes& codes, __m512 (&sum)[R][M]) {
  constexpr std::int64_t kBytes = format == WeightFormat::kE4M3 ? 1 : 2;
  const std::int64_t end = group.end;
  std::int64_t byte = group.begin * kBytes;
  for (; byte + 64 <= end * kBytes; byte += 64) add_bytes<format>(rows, x, byte, ~0ull, codes, sum);
  if (byte < end * kBytes) add_bytes<format>(rows, x, byte, first_bytes(end * kBytes - byte), codes, sum);
}

template <WeightFormat format, int R, int M>
void dot_block(const DotRows& d, std::int64_t row, std::int64_t token) {
  const WeightRows& w = d.weights;
  const Codes codes(0);
  const std::byte* rows[R];
  const std::uint16_t* x[M];
  __m512 total[R][M];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) rows[r] = w.data + (row + r) * w.row_bytes;
#pragma GCC unroll 8
  for (int t = 0; t < M; ++t) x[t] = reinterpret_cast<const std::uint16_t*>(d.x + (token + t) * d.x_stride);
#pragma GCC unroll 8
  for (auto& of_row : total) {
#pragma GCC unroll 8
    for (__m512& one : of_row) one = _mm512_setzero_ps();
  }
  if (format == WeightFormat::kBF16 && d.x_scales == nullptr) {
    add_columns<format>(rows, x, {0, w.cols}, codes, total);
  } else {
    for (std::int64_t g = 0; g * kScaleGroup < w.cols; ++g) {
      __m512 sum[R][M];
#pragma GCC unroll 8
      for (auto& of_row : sum) {
#pragma GCC unroll 8
        for (__m512& one : of_row) one = _mm512_setzero_ps();
      }
      add_columns<format>(rows, x, {g * kScaleGroup, min_of((g + 1) * kScaleGroup, w.cols)}, codes, sum);
#pragma GCC unroll 8
      for (int t = 0; t < M; ++t) {
        float scale = format == WeightFormat::kE4M3 ? w.scales[g] : 1.0f;
        if (d.x_scales != nullptr) scale *= d.x_scales[(token + t) * (d.x_stride / 4) + g];
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
          total[r][t] = _mm512_fmadd_ps(sum[r][t], _mm512_set1_ps(scale), total[r][t]);
        }
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int t = 0; t < M; ++t) {
      d.out[(token + t) * d.out_stride + row + r] = _mm512_reduce_add_ps(total[r][t]);
    }
  }
}

template <WeightFormat format, int R, int M>
void dot_tokens(const DotRows& d, std::int64_t token) {
  std::int64_t row = 0;
  for (; row + R <= d.weights.rows; row += R) dot_block<format, R, M>(d, row, token);
  for (; row < d.weights.rows; ++row) dot_block<format, 1, M>(d, row, token);
}

template <WeightFormat format>
void dot_format(const DotRows& d) {
  std::int64_t token = 0;
  for (; d.tokens - token >= 4; token += 4) dot_tokens<format, 2, 4>(d, token);
  switch (d.tokens - token) {
    case 1: return dot_tokens<format, 4, 1>(d, token);
    case 2: return dot_tokens<format, 4, 2>(d, token);
    case 3: return dot_tokens<format, 2, 3>(d, token);
    default: return;
  }
}

void dot(const DotRows& d) {
  if (d.weights.format == WeightFormat::kE4M3) return dot_format<WeightFormat::kE4M3>(d);
  dot_format<WeightFormat::kBF16>(d);
}

// --- blocks ---

// How far ahead of a row's 64 bytes the same row is brought to the first-level cache: from the second level
// widening 1024 codes takes 119 cycles instead of 309 (Zen 5, rows 1536 bytes apart).
constexpr std::int64_t kWidenAhead = 128;

// 64 bytes of each row at `byte`; what lies behind `end` is zero.
TAMIS_INLINE void load_block(const BlockRows& block, std::int64_t byte, std::int64_t end, __m512i (&v)[16]) {
  const __mmask64 mask = first_bytes(end - byte);
#pragma GCC unroll 16
  for (int r = 0; r < 16; ++r) {
    v[r] = _mm512_setzero_si512();
    if (block.rows[r] == nullptr) continue;
    __builtin_prefetch(block.rows[r] + byte + kWidenAhead);
    v[r] = _mm512_maskz_loadu_epi8(mask, block.rows[r] + byte);
  }
  transpose16(v);
}

void widen_fp8(const BlockRows& block, std::uint16_t* dst) {
  const Codes codes(block.exponent);
  const __m512i first = _mm512_load_si512(kFirstPair.at), second = _mm512_load_si512(kSecondPair.at);
  for (std::int64_t c = 0; c < block.cols; c += 64) {
    __m512i v[16];
    load_block(block, c, block.cols, v);
    const int dwords = block.cols - c > 32 ? 16 : 8;
    for (int i = 0; i < dwords; ++i, dst += 64) {
      const __m512i low = codes.low(v[i]), high = codes.high(v[i]);
      _mm512_storeu_si512(dst, _mm512_permutex2var_epi8(low, first, high));
      _mm512_storeu_si512(dst + 32, _mm512_permutex2var_epi8(low, second, high));
    }
  }
}

void widen(const BlockRows& block, std::uint16_t* dst) {
  if (block.format == WeightFormat::kE4M3) return widen_fp8(block, dst);
  for (std::int64_t c = 0; c < block.cols; c += 32) {
    __m512i v[16];
    load_block(block, 2 * c, 2 * block.cols, v);
    for (int i = 0; i < 16; ++i, dst += 32) _mm512_storeu_si512(dst, v[i]);
  }
}

// Lines of memory to fetch, an equal share at each of a product's steps: a load that waits for memory stops
// widening, which asks for 16 lines at a time (7 GB/s), fetches do not stop the products.
class Fetcher {
 public:
  Fetcher(const FetchRows& rows, std::int64_t steps) : rows_(rows) {
    const std::int64_t lines = rows.count * ((rows.bytes + 63) / 64);
    per_step_ = (lines + steps - 1) / steps;
  }
  TAMIS_INLINE void step() {
    for (std::int64_t i = 0; i < per_step_ && row_ < rows_.count; ++i) {
      __builtin_prefetch(rows_.rows[row_] + rows_.offset + done_, 0, 2);
      done_ += 64;
      if (done_ >= rows_.bytes) done_ = 0, ++row_;
    }
  }

 private:
  const FetchRows rows_;
  std::int64_t per_step_, row_ = 0, done_ = 0;
};

constexpr std::int64_t kStepPairs = 16;  // a line of x
constexpr int kRowsAtOnce = 6;           // 24 sums, 4 weights, a broadcast
// How far ahead weights, which lie in the second-level cache, are brought to the first (Zen 5, two cores,
// o_proj of 1024 tokens: 280 ms, without it 309).
constexpr std::int64_t kPairsAhead = 8;

// sum = x · blocks over pairs [begin, end). Meanwhile the rows of x that come next are fetched: each is short
// and far from the last, which the hardware does not foresee.
template <int MR, int NV>
TAMIS_INLINE void multiply_pairs(const BlockProduct& p, const std::uint16_t* const (&x)[MR],
                                 std::int64_t begin, std::int64_t end, Fetcher& fetcher,
                                 __m512 (&sum)[MR][NV]) {
  const std::int64_t next_rows = MR * p.x_stride;
#pragma GCC unroll 8
  for (int t = 0; t < MR; ++t) {
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) sum[t][v] = _mm512_setzero_ps();
  }
  for (std::int64_t step = begin; step < end; step += kStepPairs) {
    fetcher.step();
#pragma GCC unroll 8
    for (int t = 0; t < MR; ++t) __builtin_prefetch(x[t] + next_rows + 2 * step);
    for (std::int64_t i = step; i < step + kStepPairs; ++i) {
      __m512bh weights[NV];
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) {
        weights[v] = (__m512bh)_mm512_loadu_si512(p.blocks + v * p.block_stride + i * 32);
        __builtin_prefetch(p.blocks + v * p.block_stride + (i + kPairsAhead) * 32);
      }
#pragma GCC unroll 8
      for (int t = 0; t < MR; ++t) {
        std::int32_t pair;
        std::memcpy(&pair, x[t] + 2 * i, 4);
        const auto both = (__m512bh)_mm512_set1_epi32(pair);
#pragma GCC unroll 4
        for (int v = 0; v < NV; ++v) sum[t][v] = _mm512_dpbf16_ps(sum[t][v], both, weights[v]);
      }
    }
  }
}

// MR rows of x times NV blocks: a pair of columns of x, broadcast, times 16 rows of weights.
template <int MR, int NV>
void add_block(const BlockProduct& p, std::int64_t row, Fetcher& fetcher) {
  const std::int64_t group_pairs = p.group_pairs == 0 ? p.pairs : p.group_pairs;
  const std::uint16_t* x[MR];
  for (int t = 0; t < MR; ++t) x[t] = p.x + (row + t) * p.x_stride;
  float* c = p.c + row * p.ldc;
  for (std::int64_t begin = 0, g = 0; begin < p.pairs; begin += group_pairs, ++g) {
    __m512 sum[MR][NV];
    multiply_pairs(p, x, begin, min_of(begin + group_pairs, p.pairs), fetcher, sum);
    __m512 scale[NV];
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) {
      scale[v] = p.w_scales != nullptr ? _mm512_loadu_ps(p.w_scales + 64 * g + 16 * v) : _mm512_set1_ps(1.0f);
    }
    const auto to_c = (p.fresh && begin == 0) ? (__mmask16)0 : (__mmask16)0xffff;
#pragma GCC unroll 8
    for (int t = 0; t < MR; ++t) {
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) {
        __m512 by = scale[v];
        if (p.x_scales != nullptr) {
          by = _mm512_mul_ps(by, _mm512_set1_ps(p.x_scales[(row + t) * p.x_scale_stride + g]));
        }
        float* at = c + t * p.ldc + 16 * v;
        _mm512_storeu_ps(at, _mm512_fmadd_ps(sum[t][v], by, _mm512_maskz_loadu_ps(to_c, at)));
      }
    }
  }
}

// Rows of x in as few shares as there can be, all of nearly the same size: two rows alone would have 8 sums,
// too few for the latency of vdpbf16ps.
template <int NV>
void add_rows(const BlockProduct& p) {
  const std::int64_t shares = (p.rows + kRowsAtOnce - 1) / kRowsAtOnce;
  Fetcher fetcher(p.ahead, shares * (p.pairs / kStepPairs));
  for (std::int64_t share = 0, row = 0; share < shares; ++share) {
    const std::int64_t end = (share + 1) * p.rows / shares;
    switch (end - row) {
      case 6: add_block<6, NV>(p, row, fetcher); break;
      case 5: add_block<5, NV>(p, row, fetcher); break;
      case 4: add_block<4, NV>(p, row, fetcher); break;
      case 3: add_block<3, NV>(p, row, fetcher); break;
      case 2: add_block<2, NV>(p, row, fetcher); break;
      default: add_block<1, NV>(p, row, fetcher); break;
    }
    row = end;
  }
}

void add(const BlockProduct& p) {
  switch (p.block_count) {
    case 1: return add_rows<1>(p);
    case 2: return add_rows<2>(p);
    case 3: return add_rows<3>(p);
    default: return add_rows<4>(p);
  }
}

}  // namespace

const Bf16Kernels kBf16Avx512{&dot, &widen, &add};

}  // namespace tamis::cpu
