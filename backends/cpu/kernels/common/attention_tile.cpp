#include "backends/cpu/kernels/common/attention_tile.h"

#include <algorithm>
#include <cmath>

namespace tamis::cpu {
namespace {

using numeric::kNegInf;
using numeric::SoftmaxState;

}  // namespace

SoftmaxEnd finish_softmax(const SoftmaxState& state, const float* sink) {
  if (state.sum == 0.0f) return {1.0f, kNegInf};
  if (sink == nullptr) return {1.0f / state.sum, state.max + std::log(state.sum)};
  const float top = state.max > *sink ? state.max : *sink;
  const float keys = state.max == top ? 1.0f : std::exp(state.max - top);
  const float sum = state.sum * keys + (*sink == top ? 1.0f : std::exp(*sink - top));
  return {keys / sum, top + std::log(sum)};
}

std::int64_t AttentionTile::floats(const AttentionShape& shape) {
  return shape.rows * (2 + shape.qk_dim + shape.v_dim + shape.keys);
}

AttentionTile::AttentionTile(const Gemm& gemm, const AttentionShape& shape, float scale, float* memory)
    : gemm_(gemm), shape_(shape), scale_(scale), states_(reinterpret_cast<SoftmaxState*>(memory)) {
  static_assert(sizeof(SoftmaxState) == 2 * sizeof(float));
  queries_ = memory + 2 * shape.rows;
  outputs_ = queries_ + shape.rows * shape.qk_dim;
  scores_ = outputs_ + shape.rows * shape.v_dim;
}

void AttentionTile::begin(std::int64_t rows) {
  rows_ = rows;
  std::fill_n(states_, rows, SoftmaxState{});
  std::fill_n(outputs_, rows * shape_.v_dim, 0.0f);
}

void AttentionTile::score(const KeyBlock& block) {
  gemm_.nt({rows_, block.n, shape_.qk_dim, shape_.qk_dim, block.k_stride, shape_.keys}, queries_, block.k,
           scores_);
}

// Scores of one row to weights: online softmax, 0 behind the visible keys.
void AttentionTile::weigh(std::int64_t row, std::int64_t visible, std::int64_t n) {
  float* scores = scores_ + row * shape_.keys;
  SoftmaxState& state = states_[row];
  std::fill(scores + visible, scores + n, 0.0f);
  if (visible == 0) return;
  const float top = std::max(state.max, gemm_.rows->scaled_max(scale_, visible, scores));
  const float reference = top == kNegInf ? 0.0f : top;  // only -inf and NaN so far: weights 0 and NaN
  const float sum = gemm_.rows->exp_sum(reference, visible, scores);
  const float factor = numeric::rescale_factor(state.max, top);
  state.sum = state.sum * factor + sum;
  state.max = top;
  if (factor != 1.0f) scale_row(row, factor);
}

void AttentionTile::accumulate(const KeyBlock& block) {
  gemm_.nn_add({rows_, shape_.v_dim, block.n, shape_.keys, block.v_stride, shape_.v_dim}, scores_, block.v,
               outputs_);
}

const float* AttentionTile::scale_row(std::int64_t row, float factor) {
  float* out = outputs_ + row * shape_.v_dim;
  gemm_.rows->multiply(factor, shape_.v_dim, out);
  return out;
}

const float* AttentionTile::finish(std::int64_t row, const float* sink) {
  return scale_row(row, finish_softmax(states_[row], sink).factor);
}

float AttentionTile::lse(std::int64_t row, const float* sink) const {
  return finish_softmax(states_[row], sink).lse;
}

}  // namespace tamis::cpu
