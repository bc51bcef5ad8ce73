// The row ops in plain code.
#include <algorithm>
#include <cmath>

#include "backends/cpu/host_tensor.h"
#include "backends/cpu/kernels/common/exp.h"
#include "backends/cpu/kernels/common/rows.h"
#include "backends/cpu/kernels/rows/row_ops.h"
#include "core/numeric/online_softmax.h"

namespace tamis::cpu {
namespace {

void add(const float* other, std::int64_t n, float* row) {
  for (std::int64_t i = 0; i < n; ++i) row[i] += other[i];
}

float sum_of_squares(const float* row, std::int64_t n) {
  return lane_sum<float>(n, [row](std::int64_t i) { return row[i] * row[i]; });
}

void scale(const float* weight, float factor, std::int64_t n, float* row) {
  for (std::int64_t i = 0; i < n; ++i) row[i] = row[i] * factor * weight[i];
}

void multiply(float factor, std::int64_t n, float* row) {
  for (std::int64_t i = 0; i < n; ++i) row[i] *= factor;
}

void rotate(float& first, float& second, float cosine, float sine) {
  const float a = first, b = second;
  first = a * cosine - b * sine;
  second = b * cosine + a * sine;
}

void rotate_pairs(const float* cosines, const float* sines, std::int64_t half, float* row) {
  for (std::int64_t i = 0; i < half; ++i) rotate(row[2 * i], row[2 * i + 1], cosines[i], sines[i]);
}

void rotate_halves(const float* cosines, const float* sines, std::int64_t half, float* row) {
  for (std::int64_t i = 0; i < half; ++i) rotate(row[i], row[i + half], cosines[i], sines[i]);
}

void butterflies(float* row, std::int64_t n) {
  for (std::int64_t half = 1; half < n; half *= 2) {
    for (std::int64_t begin = 0; begin < n; begin += 2 * half) {
      for (std::int64_t i = begin; i < begin + half; ++i) {
        const float a = row[i], b = row[i + half];
        row[i] = a + b;
        row[i + half] = a - b;
      }
    }
  }
}

// std::max keeps its first argument when the second is NaN.
float largest(const float* row, std::int64_t n) {
  float most = 0;
  for (std::int64_t i = 0; i < n; ++i) most = std::max(most, std::fabs(row[i]));
  return most;
}

void divide(float divisor, std::int64_t n, float* row) {
  for (std::int64_t i = 0; i < n; ++i) row[i] /= divisor;
}

void quantize(float scale, std::int64_t n, float* row) {
  for (std::int64_t i = 0; i < n; ++i) {
    row[i] = numeric::e4m3_to_float(numeric::float_to_e4m3(row[i] / scale)) * scale;
  }
}

void silu_mul(const float* up, std::int64_t n, float* gate) {
  for (std::int64_t i = 0; i < n; ++i) gate[i] = gate[i] / (1.0f + std::exp(-gate[i])) * up[i];
}

void sigmoid(const float* logits, std::int64_t n, float* dst) {
  for (std::int64_t i = 0; i < n; ++i) {
    dst[i] = static_cast<float>(1.0 / (1.0 + std::exp(-static_cast<double>(logits[i]))));
  }
}

float scaled_max(float factor, std::int64_t n, float* row) {
  constexpr int kLanes = 8;
  float lanes[kLanes];
  for (float& lane : lanes) lane = numeric::kNegInf;
  for (std::int64_t i = 0; i < n; ++i) row[i] *= factor;
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) {
      lanes[lane] = row[i + lane] > lanes[lane] ? row[i + lane] : lanes[lane];
    }
  }
  for (; i < n; ++i) lanes[0] = row[i] > lanes[0] ? row[i] : lanes[0];
  return *std::max_element(lanes, lanes + kLanes);
}

float exp_sum(float reference, std::int64_t n, float* row) {
  for (std::int64_t i = 0; i < n; ++i) row[i] = exp_nonpositive(row[i] - reference);
  return lane_sum<float>(n, [row](std::int64_t i) { return row[i]; });
}

std::int64_t best(const std::uint32_t* keys, std::int64_t n) {
  std::uint32_t most = 0;
  std::int64_t index = -1;
  for (std::int64_t i = 0; i < n; ++i) {
    if (keys[i] > most) {
      most = keys[i];
      index = i;
    }
  }
  return index;
}

}  // namespace

const RowOps kPortableRowOps{.load = &load_floats,
                             .store = &store_floats,
                             .round = &round_floats,
                             .add = &add,
                             .sum_of_squares = &sum_of_squares,
                             .scale = &scale,
                             .multiply = &multiply,
                             .rotate_pairs = &rotate_pairs,
                             .rotate_halves = &rotate_halves,
                             .butterflies = &butterflies,
                             .largest = &largest,
                             .divide = &divide,
                             .quantize = &quantize,
                             .silu_mul = &silu_mul,
                             .sigmoid = &sigmoid,
                             .scaled_max = &scaled_max,
                             .exp_sum = &exp_sum,
                             .best = &best};

}  // namespace tamis::cpu
