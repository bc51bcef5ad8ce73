// The row ops over vectors V (rows_avx2.cpp, rows_avx512.cpp), written with the compilers' vector types:
// arithmetic, comparisons and selects of whole vectors. What is left behind the last whole vector goes
// through one that is padded with zeros.
//
// V is Vectors<lanes> with from_f16, to_f16, permute(Float, Int) and sum. Bits are those of core/numeric,
// whose functions are not used here: they are inline, and the linker must not find them in these objects.
#pragma once

#include <cstring>  // memcpy: a call, or inlined by the compiler

#include "backends/cpu/kernels/rows/row_ops.h"

namespace tamis::cpu::row_vectors {

#define TAMIS_INLINE inline __attribute__((always_inline))

template <int lanes>
struct Vectors {
  static constexpr int kLanes = lanes;
  using Float [[gnu::vector_size(4 * lanes)]] = float;
  using Int [[gnu::vector_size(4 * lanes)]] = std::int32_t;
  using Word [[gnu::vector_size(4 * lanes)]] = std::uint32_t;
  using Short [[gnu::vector_size(2 * lanes)]] = std::uint16_t;
  using Byte [[gnu::vector_size(lanes)]] = std::uint8_t;
  // Half as many.
  using HalfFloat [[gnu::vector_size(2 * lanes)]] = float;
  using Double [[gnu::vector_size(4 * lanes)]] = double;
  using Long [[gnu::vector_size(4 * lanes)]] = std::int64_t;
};

template <class To, class From>
TAMIS_INLINE To bits_as(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof(To));
  return to;
}

template <class Vector>
TAMIS_INLINE Vector read(const void* src) {
  Vector value;
  std::memcpy(&value, src, sizeof(Vector));
  return value;
}

template <class Vector>
TAMIS_INLINE void write(void* dst, Vector value) {
  std::memcpy(dst, &value, sizeof(Vector));
}

// fn(i, count) for each whole vector of n elements, then for what is left; count is a constant for the
// former.
template <class V, class F>
TAMIS_INLINE void for_each_vector(std::int64_t n, F&& fn) {
  std::int64_t i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) fn(i, V::kLanes);
  if (i < n) fn(i, n - i);
}

template <class V, class Vector, class T>
TAMIS_INLINE Vector read_some(const T* src, std::int64_t count) {
  if (count == V::kLanes) return read<Vector>(src);
  Vector value{};
  std::memcpy(&value, src, static_cast<std::size_t>(count) * sizeof(T));
  return value;
}

template <class V, class Vector, class T>
TAMIS_INLINE void write_some(T* dst, Vector value, std::int64_t count) {
  if (count == V::kLanes) return write(dst, value);
  std::memcpy(dst, &value, static_cast<std::size_t>(count) * sizeof(T));
}

// row[i] = fn(row[i]...), a vector at a time.
template <class V, class F>
TAMIS_INLINE void map(float* row, std::int64_t n, F&& fn) {
  for_each_vector<V>(
      n, [&](std::int64_t i, std::int64_t count) __attribute__((always_inline)) {
        write_some<V>(row + i, fn(read_some<V, typename V::Float>(row + i, count)), count);
      });
}

template <class V, class F>
TAMIS_INLINE void map_with(const float* other, float* row, std::int64_t n, F&& fn) {
  for_each_vector<V>(
      n, [&](std::int64_t i, std::int64_t count) __attribute__((always_inline)) {
        const auto a = read_some<V, typename V::Float>(row + i, count);
        write_some<V>(row + i, fn(a, read_some<V, typename V::Float>(other + i, count)), count);
      });
}

template <class V>
typename V::Float bf16_to_float(typename V::Short codes) {
  return bits_as<typename V::Float>(__builtin_convertvector(codes, typename V::Word) << 16);
}

template <class V>
TAMIS_INLINE typename V::Word bf16_word(typename V::Float value) {  // rounded, in the lower half
  const auto bits = bits_as<typename V::Word>(value);
  const typename V::Word rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return (bits & 0x7fffffffu) > 0x7f800000u ? ((bits >> 16) | 0x40u) : rounded;
}

// To the nearest value of e4m3, as a float; clamps to 448.
template <class V>
TAMIS_INLINE typename V::Float e4m3_value(typename V::Float value) {
  using Word = typename V::Word;
  using Float = typename V::Float;
  const Word bits = bits_as<Word>(value), sign = bits & 0x80000000u, all = bits & 0x7fffffffu;
  const Word magnitude = all > 0x43e00000u ? (all ^ all) + 0x43e00000u : all;
  const Word normal = (magnitude + 0x7ffffu + ((magnitude >> 20) & 1u)) & 0xfff00000u;
  // Adding 2^14 leaves the ulp at 2^-9, that of subnormals.
  const Float subnormal = (bits_as<Float>(magnitude) + 16384.0f) - 16384.0f;
  const Word rounded = magnitude < 0x3c800000u ? bits_as<Word>(subnormal) : normal;
  return bits_as<Float>(sign | (all > 0x7f800000u ? all | 0x400000u : rounded));
}

template <class V>
TAMIS_INLINE typename V::Word e4m3_word(typename V::Float value) {
  using Word = typename V::Word;
  const Word bits = bits_as<Word>(value), sign = (bits >> 24) & 0x80u, all = bits & 0x7fffffffu;
  const Word magnitude = all > 0x43e00000u ? (all ^ all) + 0x43e00000u : all;
  const Word normal = (magnitude + 0x7ffffu + ((magnitude >> 20) & 1u) - 0x3c000000u) >> 20;
  const Word subnormal = bits_as<Word>(bits_as<typename V::Float>(magnitude) + 16384.0f) - 0x46800000u;
  const Word code = magnitude < 0x3c800000u ? subnormal : normal;
  return sign | (all > 0x7f800000u ? (all ^ all) + 0x7fu : code);
}

template <class V>
TAMIS_INLINE typename V::Float e4m3_to_float(typename V::Byte codes) {
  using Word = typename V::Word;
  using Float = typename V::Float;
  const Word code = __builtin_convertvector(codes, Word), magnitude = code & 0x7fu;
  const Float subnormal = __builtin_convertvector(bits_as<typename V::Int>(magnitude), Float) * 0.001953125f;
  const Word normal = magnitude == 0x7fu ? (code ^ code) + 0x7fc00000u : (magnitude << 20) + (120u << 23);
  return bits_as<Float>(((code & 0x80u) << 24) | (magnitude < 8u ? bits_as<Word>(subnormal) : normal));
}

template <class V>
void load(DType dtype, const std::byte* src, std::int64_t n, float* dst) {
  const auto widen = [&]<class Code, class T>(Code, const T* codes, auto&& to_float) {
    for_each_vector<V>(
        n, [&](std::int64_t i, std::int64_t count) __attribute__((always_inline)) {
          write_some<V>(dst + i, to_float(read_some<V, Code>(codes + i, count)), count);
        });
  };
  using Short = typename V::Short;
  const auto* shorts = reinterpret_cast<const std::uint16_t*>(src);
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(src);
  switch (dtype) {
    case DType::kF32: std::memcpy(dst, src, static_cast<std::size_t>(n) * 4); return;
    case DType::kBF16: return widen(Short{}, shorts, [](Short codes) { return bf16_to_float<V>(codes); });
    case DType::kF16: return widen(Short{}, shorts, [](Short codes) { return V::from_f16(codes); });
    case DType::kE4M3:
      return widen(typename V::Byte{}, bytes, [](typename V::Byte codes) { return e4m3_to_float<V>(codes); });
    default: return;
  }
}

template <class V>
void store(DType dtype, const float* src, std::int64_t n, std::byte* dst) {
  using Float = typename V::Float;
  using Short = typename V::Short;
  using Byte = typename V::Byte;
  const auto narrow = [&]<class T>(T* codes, auto&& from_float) {
    for_each_vector<V>(
        n, [&](std::int64_t i, std::int64_t count) __attribute__((always_inline)) {
          write_some<V>(codes + i, from_float(read_some<V, Float>(src + i, count)), count);
        });
  };
  auto* shorts = reinterpret_cast<std::uint16_t*>(dst);
  auto* bytes = reinterpret_cast<std::uint8_t*>(dst);
  switch (dtype) {
    case DType::kF32: std::memcpy(dst, src, static_cast<std::size_t>(n) * 4); return;
    case DType::kBF16:
      return narrow(shorts, [](Float v) { return __builtin_convertvector(bf16_word<V>(v), Short); });
    case DType::kF16: return narrow(shorts, [](Float v) { return V::to_f16(v); });
    case DType::kE4M3:
      return narrow(bytes, [](Float v) { return __builtin_convertvector(e4m3_word<V>(v), Byte); });
    default: return;
  }
}

template <class V>
void round(DType dtype, float* row, std::int64_t n) {
  using Float = typename V::Float;
  if (dtype == DType::kBF16) {
    map<V>(row, n, [](Float v) { return bits_as<Float>(bf16_word<V>(v) << 16); });
  }
  if (dtype == DType::kF16) map<V>(row, n, [](Float v) { return V::from_f16(V::to_f16(v)); });
}

template <class V>
void add(const float* other, std::int64_t n, float* row) {
  using Float = typename V::Float;
  map_with<V>(other, row, n, [](Float a, Float b) { return a + b; });
}

template <class V>
float sum_of_squares(const float* row, std::int64_t n) {
  using Float = typename V::Float;
  Float sums[4] = {};
  std::int64_t i = 0;
  for (; i + 4 * V::kLanes <= n; i += 4 * V::kLanes) {
    for (int j = 0; j < 4; ++j) {
      const auto value = read<Float>(row + i + j * V::kLanes);
      sums[j] += value * value;
    }
  }
  for_each_vector<V>(
      n - i, [&](std::int64_t at, std::int64_t count) __attribute__((always_inline)) {
        const auto value = read_some<V, Float>(row + i + at, count);
        sums[0] += value * value;
      });
  return V::sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

template <class V>
void scale(const float* weight, float factor, std::int64_t n, float* row) {
  using Float = typename V::Float;
  map_with<V>(weight, row, n, [factor](Float v, Float w) { return v * factor * w; });
}

// Lane i of the result is source(i).
template <class V, class F>
TAMIS_INLINE typename V::Int lanes(F&& source) {
  typename V::Int value{};
  for (int i = 0; i < V::kLanes; ++i) value[i] = source(i);
  return value;
}

template <class V>
void multiply(float factor, std::int64_t n, float* row) {
  using Float = typename V::Float;
  map<V>(row, n, [factor](Float v) { return v * factor; });
}

template <class V>
void rotate_pairs(const float* cosines, const float* sines, std::int64_t half, float* row) {
  using Float = typename V::Float;
  constexpr int kPairs = V::kLanes / 2;
  const auto twice = lanes<V>([](int i) { return i / 2; }), swapped = lanes<V>([](int i) { return i ^ 1; });
  const Float signs = __builtin_convertvector(lanes<V>([](int i) { return i % 2 * 2 - 1; }), Float);
  std::int64_t i = 0;
  for (; i + V::kLanes <= half; i += kPairs) {  // reads kLanes cosines, uses half of them
    const Float c = V::permute(read<Float>(cosines + i), twice),
                s = V::permute(read<Float>(sines + i), twice);
    const auto x = read<Float>(row + 2 * i);
    write(row + 2 * i, x * c + signs * s * V::permute(x, swapped));
  }
  for (; i < half; ++i) {
    const float a = row[2 * i], b = row[2 * i + 1];
    row[2 * i] = a * cosines[i] - b * sines[i];
    row[2 * i + 1] = b * cosines[i] + a * sines[i];
  }
}

template <class V>
void rotate_halves(const float* cosines, const float* sines, std::int64_t half, float* row) {
  using Float = typename V::Float;
  for_each_vector<V>(
      half, [&](std::int64_t i, std::int64_t count) __attribute__((always_inline)) {
        const auto a = read_some<V, Float>(row + i, count), b = read_some<V, Float>(row + half + i, count);
        const auto c = read_some<V, Float>(cosines + i, count), s = read_some<V, Float>(sines + i, count);
        write_some<V>(row + i, a * c - b * s, count);
        write_some<V>(row + half + i, b * c + a * s, count);
      });
}

template <class V>
void butterflies(float* row, std::int64_t n) {
  using Float = typename V::Float;
  std::int64_t half = 1;
  for (; half < V::kLanes && n >= V::kLanes; half *= 2) {
    const int h = static_cast<int>(half);
    const auto partner = lanes<V>([h](int i) { return i ^ h; });
    const Float signs =
        __builtin_convertvector(lanes<V>([h](int i) { return (i & h) != 0 ? -1 : 1; }), Float);
    map<V>(
        row, n, [&](Float v) __attribute__((always_inline)) { return V::permute(v, partner) + signs * v; });
  }
  for (; half < n; half *= 2) {
    for (std::int64_t begin = 0; begin < n; begin += 2 * half) {
      for_each_vector<V>(
          half, [&](std::int64_t i, std::int64_t count) __attribute__((always_inline)) {
            float *low = row + begin + i, *high = low + half;
            const auto a = read_some<V, Float>(low, count), b = read_some<V, Float>(high, count);
            write_some<V>(low, a + b, count);
            write_some<V>(high, a - b, count);
          });
    }
  }
}

template <class V>
float largest(const float* row, std::int64_t n) {
  using Float = typename V::Float;
  using Word = typename V::Word;
  Float most{};
  for_each_vector<V>(
      n, [&](std::int64_t i, std::int64_t count) __attribute__((always_inline)) {
        const Word bits = bits_as<Word>(read_some<V, Float>(row + i, count));
        const Float magnitude = bits_as<Float>(bits & 0x7fffffffu);
        most = magnitude > most ? magnitude : most;
      });
  float result = 0;
  for (int i = 0; i < V::kLanes; ++i) result = most[i] > result ? most[i] : result;
  return result;
}

template <class V>
void divide(float divisor, std::int64_t n, float* row) {
  using Float = typename V::Float;
  map<V>(row, n, [divisor](Float v) { return v / divisor; });
}

template <class V>
void quantize(float scale, std::int64_t n, float* row) {
  using Float = typename V::Float;
  map<V>(row, n, [scale](Float v) { return e4m3_value<V>(v / scale) * scale; });
}

// exp(x): 0 below -87, infinite above 88.4; NaN stays. The polynomial is the expf of Cephes; relative error
// 2e-7.
template <class V>
TAMIS_INLINE typename V::Float exp_float(typename V::Float x) {
  using Float = typename V::Float;
  using Word = typename V::Word;
  const Float zero = {};
  const Float capped = x > 89.0f ? zero + 89.0f : x;
  const Float y = capped < -87.0f ? zero - 87.0f : capped;
  // y = n ln 2 + r: adding 1.5 * 2^23 leaves n in the low bits. ln 2 is split so that n times its high part
  // is exact.
  const Float shifted = y * 1.44269504088896341f + 12582912.0f, n = shifted - 12582912.0f;
  const Float r = (y - n * 0.693359375f) + n * 2.12194440e-4f;
  Float p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const Float power = p * bits_as<Float>((bits_as<Word>(shifted) << 23) + 0x3f800000u);
  return x < -87.0f ? zero : power;
}

template <class V>
float scaled_max(float factor, std::int64_t n, float* row) {
  using Float = typename V::Float;
  Float most = Float{} - __builtin_huge_valf();
  std::int64_t i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) {
    const Float value = read<Float>(row + i) * factor;
    write(row + i, value);
    most = value > most ? value : most;
  }
  float result = -__builtin_huge_valf();
  for (int lane = 0; lane < V::kLanes; ++lane) result = most[lane] > result ? most[lane] : result;
  for (; i < n; ++i) {
    row[i] *= factor;
    result = row[i] > result ? row[i] : result;
  }
  return result;
}

template <class V>
float exp_sum(float reference, std::int64_t n, float* row) {
  using Float = typename V::Float;
  Float sum{};
  std::int64_t i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) {
    const Float value = exp_float<V>(read<Float>(row + i) - reference);
    write(row + i, value);
    sum += value;
  }
  float total = V::sum(sum);
  if (i == n) return total;
  const Float value = exp_float<V>(read_some<V, Float>(row + i, n - i) - reference);
  write_some<V>(row + i, value, n - i);
  for (; i < n; ++i) total += row[i];
  return total;
}

template <class V>
void silu_mul(const float* up, std::int64_t n, float* gate) {
  using Float = typename V::Float;
  map_with<V>(
      up, gate, n,
      [](Float g, Float u) __attribute__((always_inline)) { return g / (1.0f + exp_float<V>(-g)) * u; });
}

// 1 / (1 + exp(-x)) with 47 bits of exp: its series up to r^11 where |r| <= ln 2 / 2.
template <class V>
TAMIS_INLINE typename V::Double sigmoid_double(typename V::Double x) {
  using Double = typename V::Double;
  using Long = typename V::Long;
  constexpr double kFactors[] = {1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720, 1.0 / 120,
                                 1.0 / 24,      1.0 / 6,      1.0 / 2,     1.0,        1.0};
  constexpr double kMost = 708;
  const Double zero = {};
  const Double capped = -x > kMost ? zero + kMost : -x;
  const Double y = capped < -kMost ? zero - kMost : capped;
  const Double shifted = y * 1.4426950408889634 + 6755399441055744.0;  // 1.5 * 2^52
  const Double n = shifted - 6755399441055744.0;
  const Double r = (y - n * 0.69314718036912382) - n * 1.9082149292705877e-10;
  Double p = zero + 1.0 / 39916800;
  for (const double factor : kFactors) p = p * r + factor;
  const Double power = bits_as<Double>((bits_as<Long>(shifted) << 52) + (1023LL << 52));
  return 1.0 / (1.0 + p * power);
}

template <class V>
void sigmoid(const float* logits, std::int64_t n, float* dst) {
  using Half = typename V::HalfFloat;
  constexpr std::int64_t kHalf = V::kLanes / 2;
  for (std::int64_t i = 0; i < n; i += kHalf) {
    const std::int64_t count = n - i < kHalf ? n - i : kHalf;
    Half x{};
    std::memcpy(&x, logits + i, static_cast<std::size_t>(count) * 4);
    const Half p =
        __builtin_convertvector(sigmoid_double<V>(__builtin_convertvector(x, typename V::Double)), Half);
    std::memcpy(dst + i, &p, static_cast<std::size_t>(count) * 4);
  }
}

template <class V>
std::int64_t best(const std::uint32_t* keys, std::int64_t n) {
  using Word = typename V::Word;
  Word most{};
  for_each_vector<V>(
      n, [&](std::int64_t i, std::int64_t count) __attribute__((always_inline)) {
        const auto key = read_some<V, Word>(keys + i, count);
        most = key > most ? key : most;
      });
  std::uint32_t key = 0;
  for (int i = 0; i < V::kLanes; ++i) key = most[i] > key ? most[i] : key;
  if (key == 0) return -1;
  std::int64_t at = 0;
  while (keys[at] != key) ++at;
  return at;
}

template <class V>
constexpr RowOps row_ops() {
  return {.load = &load<V>,
          .store = &store<V>,
          .round = &round<V>,
          .add = &add<V>,
          .sum_of_squares = &sum_of_squares<V>,
          .scale = &scale<V>,
          .multiply = &multiply<V>,
          .rotate_pairs = &rotate_pairs<V>,
          .rotate_halves = &rotate_halves<V>,
          .butterflies = &butterflies<V>,
          .largest = &largest<V>,
          .divide = &divide<V>,
          .quantize = &quantize<V>,
          .silu_mul = &silu_mul<V>,
          .sigmoid = &sigmoid<V>,
          .scaled_max = &scaled_max<V>,
          .exp_sum = &exp_sum<V>,
          .best = &best<V>};
}

}  // namespace tamis::cpu::row_vectors
