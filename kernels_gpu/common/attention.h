// Online-softmax attention of a block of threads: up to 8 query rows over 32 keys at a time. A thread owns
// one (row, key) pair of the scores, then up to kColumns columns of the output of all rows. The vectors pass
// through local memory 64 dimensions at a time, so any width fits. 11 KB of local memory.
//
// A row's result depends on its own keys and their order alone: keys that it does not see have weight 0.
#pragma once

#include "core/numeric/online_softmax.h"
#include "kernels_gpu/common/elements.h"
#include "kernels_gpu/common/wave.h"

namespace tamis::gpu {

inline constexpr int kAttentionRows = 8;
inline constexpr int kAttentionKeys = 32;
inline constexpr int kAttentionThreads = kAttentionRows * kAttentionKeys;
inline constexpr int kAttentionDims = 64;
inline constexpr float kNoScore = numeric::kNegInf;

struct AttentionTile {
  alignas(16) float q[kAttentionRows][kAttentionDims];
  alignas(16) float weights[kAttentionKeys][kAttentionRows];
  float k[kAttentionKeys][kAttentionDims + 1];
  float factors[kAttentionRows];
  float tops[kAttentionRows], sums[kAttentionRows];  // the rows' states, at the end
};

// What a thread keeps from one block of keys to the next.
template <int columns>
struct Attention {
  numeric::SoftmaxState state;  // of its row, the same in all the row's threads
  float out[columns][kAttentionRows] = {};
};

// Factor for what was summed under `old_max` when the maximum rises to `top`.
__device__ inline float rescale_factor(float old_max, float top) {
  return old_max == kNoScore ? 0.0f : expf(old_max - top);
}

// The combination over the 32 threads of a row, in each of them.
template <class Op>
__device__ inline float row_reduce(float value) {
  for (int mask = kAttentionKeys / 2; mask > 0; mask /= 2) {
    value = Op::combine(value, shuffle_xor(value, mask));
  }
  return value;
}

// A Source gives query(row, d), key(j, d) and value(j, c) as f32, sees(row, j), has(j) for a key that any row
// sees, the same in all threads, and dims, columns, first_column, scale.
template <class Source>
__device__ float attention_score(const Source& source, AttentionTile& tile) {
  const int row = static_cast<int>(threadIdx.x) / kAttentionKeys,
            key = static_cast<int>(threadIdx.x) % kAttentionKeys;
  float dot = 0;
  for (int first = 0; first < source.dims; first += kAttentionDims) {
    const int d = first + static_cast<int>(threadIdx.x) % kAttentionDims;
    const int part = static_cast<int>(threadIdx.x) / kAttentionDims;
    constexpr int kParts = kAttentionThreads / kAttentionDims;
    __syncthreads();
#pragma unroll 1
    for (int r = part; r < kAttentionRows; r += kParts) {
      tile.q[r][d - first] = d < source.dims ? source.query(r, d) : 0.0f;
    }
#pragma unroll
    for (int i = 0; i < kAttentionKeys / kParts; ++i) {
      const int j = part + i * kParts;
      tile.k[j][d - first] = d < source.dims && source.has(j) ? source.key(j, d) : 0.0f;
    }
    __syncthreads();
#pragma unroll 4
    for (int i = 0; i < kAttentionDims; i += 4) {
      const float4 q = *reinterpret_cast<const float4*>(&tile.q[row][i]);
      const float* k = &tile.k[key][i];
      dot = multiply_add(q.x, k[0], dot);
      dot = multiply_add(q.y, k[1], dot);
      dot = multiply_add(q.z, k[2], dot);
      dot = multiply_add(q.w, k[3], dot);
    }
  }
  return dot * source.scale;
}

// Weighted values of one block of keys. Some keys' values are read together, so that their latencies overlap;
// of a key that no row sees they are 0 and not read.
template <int columns, class Source>
__device__ void add_values(const Source& source, const AttentionTile& tile, Attention<columns>& attention) {
  constexpr int kTogether = 8 / columns;
#pragma unroll 1
  for (int first = 0; first < kAttentionKeys; first += kTogether) {
    float values[columns][kTogether];
#pragma unroll
    for (int i = 0; i < columns; ++i) {
      const int column = source.first_column + static_cast<int>(threadIdx.x) + i * kAttentionThreads;
#pragma unroll
      for (int j = 0; j < kTogether; ++j) {
        const bool read = column < source.columns && source.has(first + j);
        values[i][j] = read ? source.value(first + j, column) : 0.0f;
      }
    }
#pragma unroll
    for (int j = 0; j < kTogether; ++j) {
      const float4 low = *reinterpret_cast<const float4*>(&tile.weights[first + j][0]);
      const float4 high = *reinterpret_cast<const float4*>(&tile.weights[first + j][4]);
      const float weights[kAttentionRows] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
#pragma unroll
      for (int i = 0; i < columns; ++i) {
#pragma unroll
        for (int r = 0; r < kAttentionRows; ++r) {
          attention.out[i][r] = multiply_add(weights[r], values[i][j], attention.out[i][r]);
        }
      }
    }
  }
}

// Takes one block of keys in. Called by all threads.
template <int columns, class Source>
__device__ void attend(const Source& source, AttentionTile& tile, Attention<columns>& attention) {
  const int row = static_cast<int>(threadIdx.x) / kAttentionKeys,
            key = static_cast<int>(threadIdx.x) % kAttentionKeys;
  const float score = attention_score(source, tile);
  const bool sees = source.sees(row, key);
  numeric::SoftmaxState& state = attention.state;
  float top = row_reduce<Max>(sees && score == score ? score : kNoScore);  // passes over NaN
  top = Max::combine(top, state.max);
  const float reference = top == kNoScore ? 0.0f : top;
  const float weight = sees ? expf(score - reference) : 0.0f;
  const float factor = rescale_factor(state.max, top);
  state.sum = state.sum * factor + row_reduce<Sum>(weight);
  state.max = top;
  tile.weights[key][row] = weight;
  if (key == 0) tile.factors[row] = factor;
  __syncthreads();
#pragma unroll
  for (int i = 0; i < columns; ++i) {
#pragma unroll
    for (int r = 0; r < kAttentionRows; ++r) attention.out[i][r] *= tile.factors[r];
  }
  add_values(source, tile, attention);
}

// A column of all rows to where a loop over rows can find it: registers have no index. Each thread reads what
// it put itself.
template <int columns>
__device__ void put_column(const Attention<columns>& attention, int i, AttentionTile& tile) {
  static_assert(sizeof(tile.k) >= sizeof(float) * kAttentionRows * kAttentionThreads);
  float* values = &tile.k[0][0] + threadIdx.x;
#pragma unroll
  for (int r = 0; r < kAttentionRows; ++r) values[r * kAttentionThreads] = attention.out[i][r];
}
__device__ inline float column_of(const AttentionTile& tile, int row) {
  return (&tile.k[0][0])[row * kAttentionThreads + static_cast<int>(threadIdx.x)];
}

// The rows' states, for all threads to read. Called by all threads.
template <int columns>
__device__ void share_states(const Attention<columns>& attention, AttentionTile& tile) {
  if (threadIdx.x % kAttentionKeys == 0) {
    tile.tops[threadIdx.x / kAttentionKeys] = attention.state.max;
    tile.sums[threadIdx.x / kAttentionKeys] = attention.state.sum;
  }
  __syncthreads();
}

// What a row's weighted values are multiplied with to become its output, and the row's lse. A sink joins
// both.
struct RowResult {
  float factor, lse;
};
__device__ inline RowResult row_result(const numeric::SoftmaxState& state, const float* sink) {
  if (state.sum == 0.0f) return {1.0f, kNoScore};
  if (sink == nullptr) return {1.0f / state.sum, state.max + logf(state.sum)};
  const float top = Max::combine(state.max, *sink);
  const float keys = state.max == top ? 1.0f : expf(state.max - top);
  const float sum = state.sum * keys + (*sink == top ? 1.0f : expf(*sink - top));
  return {keys / sum, top + logf(sum)};
}

}  // namespace tamis::gpu
