// f32 kernels over vectors V (f32_avx2.cpp, f32_avx512.cpp), each in the order of summation that V's width
// gives, whatever rows and tokens are taken together: the bits of a result depend on its own row and token
// alone.
//
// V has kLanes, Float, and of floats: zero set1 load load_some (n < kLanes, zeros behind) store fma sum
// sum_four; of codes: widen<format>(address, checked) to floats, where an e4m3 code comes as its value / 256
// and, unless `checked`, not as NaN; any_nan(64 codes).
#pragma once

#include <cstring>  // memcpy: a call, or inlined by the compiler

#include "backends/cpu/kernels/product/f32.h"

namespace tamis::cpu::vectors {

template <WeightFormat format>
inline constexpr std::int64_t kCodeBytes = format == WeightFormat::kF32    ? 4
                                           : format == WeightFormat::kE4M3 ? 1
                                                                           : 2;

// e4m3 codes are widened through f16, whose exponent has a bias that is 8 larger: x 2^8 restores the value.
template <WeightFormat format>
inline constexpr float kCodeScale = format == WeightFormat::kE4M3 ? 256.0f : 1.0f;

template <class A>
A min_of(A a, A b) {
  return a < b ? a : b;
}

inline constexpr std::int64_t kPrefetchBytes = 2048;

// Columns [begin, end) that share the scale number `group`.
struct Group {
  std::int64_t begin, end;
};
template <WeightFormat format>
Group group_columns(const WeightRows& w, std::int64_t group) {
  if (format != WeightFormat::kE4M3) return {0, w.cols};
  const std::int64_t begin = group * kScaleGroup - w.group_offset;
  return {begin < 0 ? 0 : begin, min_of(begin + kScaleGroup, w.cols)};
}
template <WeightFormat format>
float group_scale(const WeightRows& w, std::int64_t group) {
  return format == WeightFormat::kE4M3 ? w.scales[group] * kCodeScale<format> : 1.0f;
}

#define TAMIS_INLINE inline __attribute__((always_inline))

// sum[r][t] += x[t] · weights at columns [c, c + kLanes).
template <class V, WeightFormat format, int R, int M>
TAMIS_INLINE void add_step(const std::byte* const (&weights)[R], const float* const (&x)[M], std::int64_t c,
                           bool checked, typename V::Float (&sum)[R][M]) {
  typename V::Float values[M];
#pragma GCC unroll 8
  for (int t = 0; t < M; ++t) values[t] = V::load(x[t] + c);
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    const typename V::Float weight = V::template widen<format>(weights[r], checked);
#pragma GCC unroll 8
    for (int t = 0; t < M; ++t) sum[r][t] = V::fma(values[t], weight, sum[r][t]);
  }
}

// The columns of one group. A block of 64 goes at once; what is shorter, or holds a NaN, step by step from a
// copy with zeros around it.
template <class V, WeightFormat format, int R, int M>
TAMIS_INLINE void add_group(const std::byte* const (&rows)[R], const float* const (&x)[M], const Group& group,
                            typename V::Float (&sum)[R][M]) {
  constexpr std::int64_t kBytes = kCodeBytes<format>, kBlock = 64;
  const std::byte* at[R];
  for (std::int64_t c = group.begin; c < group.end;) {
    bool block = c % kBlock == 0 && c + kBlock <= group.end;
    if constexpr (format == WeightFormat::kE4M3) {
      for (int r = 0; r < R && block; ++r) block = !V::any_nan(rows[r] + c);
    }
    if (block) {
      // In the order of addresses, behind the last row: see bf16_avx512bf16.cpp.
#pragma GCC unroll 8
      for (int line = 0; line < R * kBytes; ++line) {
        __builtin_prefetch(rows[R - 1] + kPrefetchBytes + c * R * kBytes + 64 * line);
      }
      for (const std::int64_t stop = c + kBlock; c < stop; c += V::kLanes) {
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) at[r] = rows[r] + c * kBytes;
        add_step<V, format>(at, x, c, false, sum);
      }
      continue;
    }
    const std::int64_t start = c / V::kLanes * V::kLanes, stop = min_of(start + V::kLanes, group.end);
    alignas(64) std::byte copies[R][V::kLanes * kBytes] = {};
    for (int r = 0; r < R; ++r) {
      std::memcpy(copies[r] + (c - start) * kBytes, rows[r] + c * kBytes,
                  static_cast<std::size_t>((stop - c) * kBytes));
      at[r] = copies[r];
    }
    add_step<V, format>(at, x, start, true, sum);
    c = stop;
  }
}

// R weight rows from `row` times M tokens from `token`.
template <class V, WeightFormat format, int R, int M>
void dot_block(const DotRows& d, std::int64_t row, std::int64_t token) {
  using Float = typename V::Float;
  const WeightRows& w = d.weights;
  const std::byte* rows[R];
  const float* x[M];
  Float total[R][M];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) rows[r] = w.data + (row + r) * w.row_bytes;
#pragma GCC unroll 8
  for (int t = 0; t < M; ++t) x[t] = reinterpret_cast<const float*>(d.x + (token + t) * d.x_stride);
#pragma GCC unroll 8
  for (auto& of_row : total) {
#pragma GCC unroll 8
    for (Float& one : of_row) one = V::zero();
  }
  for (std::int64_t g = 0;; ++g) {
    const Group group = group_columns<format>(w, g);
    if (group.begin >= w.cols) break;
    Float sum[R][M];
#pragma GCC unroll 8
    for (auto& of_row : sum) {
#pragma GCC unroll 8
      for (Float& one : of_row) one = V::zero();
    }
    add_group<V, format>(rows, x, group, sum);
    const Float scale = V::set1(group_scale<format>(w, g));
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
      for (int t = 0; t < M; ++t) total[r][t] = V::fma(sum[r][t], scale, total[r][t]);
    }
    if (format != WeightFormat::kE4M3) break;
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int t = 0; t < M; ++t) d.out[(token + t) * d.out_stride + row + r] = V::sum(total[r][t]);
  }
}

template <class V, WeightFormat format, int R, int M>
void dot_tokens(const DotRows& d, std::int64_t token) {
  std::int64_t row = 0;
  for (; row + R <= d.weights.rows; row += R) dot_block<V, format, R, M>(d, row, token);
  for (; row < d.weights.rows; ++row) dot_block<V, format, 1, M>(d, row, token);
}

template <class V, WeightFormat format>
void dot_format(const DotRows& d) {
  std::int64_t token = 0;
  for (; token + 4 <= d.tokens; token += 4) dot_tokens<V, format, 2, 4>(d, token);
  for (; token + 2 <= d.tokens; token += 2) dot_tokens<V, format, 2, 2>(d, token);
  for (; token < d.tokens; ++token) dot_tokens<V, format, 4, 1>(d, token);
}

template <class V>
void dot(const DotRows& d) {
  switch (d.weights.format) {
    case WeightFormat::kF32: return dot_format<V, WeightFormat::kF32>(d);
    case WeightFormat::kBF16: return dot_format<V, WeightFormat::kBF16>(d);
    case WeightFormat::kF16: return dot_format<V, WeightFormat::kF16>(d);
    case WeightFormat::kE4M3: return dot_format<V, WeightFormat::kE4M3>(d);
  }
}

template <class V, WeightFormat format>
void widen_format(const WeightRows& w, const WidenRange& range) {
  constexpr std::int64_t kBytes = kCodeBytes<format>;
  for (std::int64_t r = 0; r < w.rows; ++r) {
    const std::byte* row = w.data + r * w.row_bytes + range.first * kBytes;
    float* dst = range.dst + r * range.ld;
    std::int64_t c = 0;
    while (c < range.count) {
      std::int64_t stop = range.count;
      float scale = 1.0f;
      if constexpr (format == WeightFormat::kE4M3) {
        const std::int64_t at = w.group_offset + range.first + c, group = at / kScaleGroup;
        stop = min_of(stop, c + kScaleGroup - at % kScaleGroup);
        scale = w.scales[group] * kCodeScale<format>;
      }
      const typename V::Float factor = V::set1(scale);
      for (; c + V::kLanes <= stop; c += V::kLanes) {
        V::store(dst + c, V::mul(V::template widen<format>(row + c * kBytes, true), factor));
      }
      if (c < stop) {
        alignas(64) std::byte copy[V::kLanes * kBytes] = {};
        alignas(64) float values[V::kLanes];
        std::memcpy(copy, row + c * kBytes, static_cast<std::size_t>((stop - c) * kBytes));
        V::store(values, V::mul(V::template widen<format>(copy, true), factor));
        std::memcpy(dst + c, values, static_cast<std::size_t>(stop - c) * sizeof(float));
        c = stop;
      }
    }
  }
}

template <class V>
void widen(const WeightRows& w, const WidenRange& range) {
  switch (w.format) {
    case WeightFormat::kF32: return widen_format<V, WeightFormat::kF32>(w, range);
    case WeightFormat::kBF16: return widen_format<V, WeightFormat::kBF16>(w, range);
    case WeightFormat::kF16: return widen_format<V, WeightFormat::kF16>(w, range);
    case WeightFormat::kE4M3: return widen_format<V, WeightFormat::kE4M3>(w, range);
  }
}

// c[t, j] += the sum over the lanes of sums[t][j], four at a time, each in the order of V::sum.
template <class V, int MR, int NR>
TAMIS_INLINE void add_sums(const typename V::Float (&sums)[MR][NR], std::int64_t ldc, float* c) {
  constexpr int kSums = MR * NR, kFours = kSums / 4 * 4;
#pragma GCC unroll 8
  for (int i = 0; i < kFours; i += 4) {
    float four[4];
    V::sum_four(sums[i / NR][i % NR], sums[(i + 1) / NR][(i + 1) % NR], sums[(i + 2) / NR][(i + 2) % NR],
                sums[(i + 3) / NR][(i + 3) % NR], four);
#pragma GCC unroll 4
    for (int j = i; j < i + 4; ++j) c[j / NR * ldc + j % NR] += four[j - i];
  }
  for (int i = kFours; i < kSums; ++i) c[i / NR * ldc + i % NR] += V::sum(sums[i / NR][i % NR]);
}

// The MR x NR block of c at a's and b's first rows; sums run along k in the lanes.
template <class V, int MR, int NR>
void add_nt_block(const TileShape& s, const float* a, const float* b, float* c) {
  using Float = typename V::Float;
  Float sums[MR][NR];
#pragma GCC unroll 8
  for (int t = 0; t < MR; ++t) {
#pragma GCC unroll 8
    for (int j = 0; j < NR; ++j) sums[t][j] = V::zero();
  }
  std::int64_t i = 0;
  for (; i + V::kLanes <= s.k; i += V::kLanes) {
    Float weights[NR];
#pragma GCC unroll 8
    for (int j = 0; j < NR; ++j) weights[j] = V::load(b + j * s.ldb + i);
#pragma GCC unroll 8
    for (int t = 0; t < MR; ++t) {
      const Float x = V::load(a + t * s.lda + i);
#pragma GCC unroll 8
      for (int j = 0; j < NR; ++j) sums[t][j] = V::fma(x, weights[j], sums[t][j]);
    }
  }
  if (i < s.k) {
    Float weights[NR];
#pragma GCC unroll 8
    for (int j = 0; j < NR; ++j) weights[j] = V::load_some(b + j * s.ldb + i, s.k - i);
#pragma GCC unroll 8
    for (int t = 0; t < MR; ++t) {
      const Float x = V::load_some(a + t * s.lda + i, s.k - i);
#pragma GCC unroll 8
      for (int j = 0; j < NR; ++j) sums[t][j] = V::fma(x, weights[j], sums[t][j]);
    }
  }
  add_sums<V, MR, NR>(sums, s.ldc, c);
}

template <class V, int MR, int NR>
void add_nt_rows(const TileShape& s, const float* a, const float* b, float* c) {
  std::int64_t j = 0;
  for (; j + NR <= s.n; j += NR) add_nt_block<V, MR, NR>(s, a, b + j * s.ldb, c + j);
  if (NR > 4 && j + 4 <= s.n) {
    add_nt_block<V, MR, 4>(s, a, b + j * s.ldb, c + j);
    j += 4;
  }
  for (; j < s.n; ++j) add_nt_block<V, MR, 1>(s, a, b + j * s.ldb, c + j);
}

template <class V>
void add_nt(const TileShape& s, const float* a, const float* b, float* c) {
  std::int64_t t = 0;
  for (; t + V::kTileM <= s.m; t += V::kTileM) {
    add_nt_rows<V, V::kTileM, V::kTileN>(s, a + t * s.lda, b, c + t * s.ldc);
  }
  for (; t < s.m; ++t) add_nt_rows<V, 1, V::kTileN>(s, a + t * s.lda, b, c + t * s.ldc);
}

// c[m, n] += a[m, k] · b[k, n]: MR rows of c by NV vectors, the lanes along n.
template <class V, int MR, int NV>
void add_nn_block(const TileShape& s, const float* a, const float* b, float* c) {
  using Float = typename V::Float;
  Float sums[MR][NV];
#pragma GCC unroll 8
  for (int t = 0; t < MR; ++t) {
#pragma GCC unroll 8
    for (int v = 0; v < NV; ++v) sums[t][v] = V::load(c + t * s.ldc + v * V::kLanes);
  }
  for (std::int64_t i = 0; i < s.k; ++i) {
    Float weights[NV];
#pragma GCC unroll 8
    for (int v = 0; v < NV; ++v) weights[v] = V::load(b + i * s.ldb + v * V::kLanes);
#pragma GCC unroll 8
    for (int t = 0; t < MR; ++t) {
      const Float x = V::set1(a[t * s.lda + i]);
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) sums[t][v] = V::fma(x, weights[v], sums[t][v]);
    }
  }
#pragma GCC unroll 8
  for (int t = 0; t < MR; ++t) {
#pragma GCC unroll 8
    for (int v = 0; v < NV; ++v) V::store(c + t * s.ldc + v * V::kLanes, sums[t][v]);
  }
}

// The rows of c in as few shares of up to kRowsNn as there can be, all of nearly the same size.
template <class V, int NV, int MR = V::kRowsNn>
void add_nn_share(const TileShape& s, std::int64_t rows, const float* a, const float* b, float* c) {
  if constexpr (MR > 1) {
    if (rows < MR) return add_nn_share<V, NV, MR - 1>(s, rows, a, b, c);
  }
  add_nn_block<V, MR, NV>(s, a, b, c);
}

template <class V, int NV>
void add_nn_columns(const TileShape& s, const float* a, const float* b, float* c) {
  const std::int64_t shares = (s.m + V::kRowsNn - 1) / V::kRowsNn;
  for (std::int64_t share = 0, t = 0; share < shares; ++share) {
    const std::int64_t end = (share + 1) * s.m / shares;
    add_nn_share<V, NV>(s, end - t, a + t * s.lda, b, c + t * s.ldc);
    t = end;
  }
}

// n, ldb and ldc are multiples of kLanes.
template <class V>
void add_nn(const TileShape& s, const float* a, const float* b, float* c) {
  std::int64_t j = 0;
  constexpr int kWide = V::kWideNn;
  for (; j + kWide * V::kLanes <= s.n; j += kWide * V::kLanes) add_nn_columns<V, kWide>(s, a, b + j, c + j);
  for (; j < s.n; j += V::kLanes) add_nn_columns<V, 1>(s, a, b + j, c + j);
}

}  // namespace tamis::cpu::vectors
