// Softmax attention of a tile of query rows over a run of key blocks, everything f32: scores = q k^T, online
// softmax, out += p v. What sparse_mla, dense_mla and mha_prefill share; they differ in where keys come from.
//
// Work per block of n keys: 2 rows n (qk_dim + v_dim) FLOPs over (rows + n) (qk_dim + v_dim) floats, which
// fit the L2 cache; bound by the products.
#pragma once

#include <cstdint>

#include "backends/cpu/kernels/common/gemm.h"
#include "core/numeric/online_softmax.h"

namespace tamis::cpu {

// What a row's sums come to: outputs times `factor`, and lse. exp(*sink) joins the sum unless sink is null; a
// row without keys keeps 0 and -inf.
struct SoftmaxEnd {
  float factor, lse;
};
SoftmaxEnd finish_softmax(const numeric::SoftmaxState& state, const float* sink);

struct AttentionShape {
  std::int64_t rows;  // query rows at most
  std::int64_t qk_dim;
  std::int64_t v_dim;
  std::int64_t keys;  // per block at most
};

struct KeyBlock {
  std::int64_t n;
  const float* k;  // [n, qk_dim]
  std::int64_t k_stride;
  const float* v;  // [n, v_dim]
  std::int64_t v_stride;
};

class AttentionTile {
 public:
  // Working memory of a tile; `memory` of the constructor must hold it.
  static std::int64_t floats(const AttentionShape& shape);
  AttentionTile(const Gemm& gemm, const AttentionShape& shape, float scale, float* memory);

  // Starts over with `rows` query rows; the caller then fills query(0) … query(rows - 1).
  void begin(std::int64_t rows);
  float* query(std::int64_t row) { return queries_ + row * shape_.qk_dim; }

  // Adds a block; visible(row) tells how many of its first keys a row sees.
  template <class Visible>
  void add(const KeyBlock& block, const Visible& visible) {
    score(block);
    for (std::int64_t row = 0; row < rows_; ++row) weigh(row, visible(row), block.n);
    accumulate(block);
  }

  // Divides row's output by its sum of weights, in place: 0 for a row that saw no key. A sink joins the sum.
  const float* finish(std::int64_t row, const float* sink = nullptr);
  // Natural logarithm of that sum of exp(score); -inf for a row that saw no key.
  float lse(std::int64_t row, const float* sink = nullptr) const;
  float max_score(std::int64_t row) const { return states_[row].max; }

 private:
  void score(const KeyBlock& block);
  void weigh(std::int64_t row, std::int64_t visible, std::int64_t n);
  void accumulate(const KeyBlock& block);
  const float* scale_row(std::int64_t row, float factor);

  const Gemm& gemm_;
  AttentionShape shape_;
  float scale_;
  std::int64_t rows_ = 0;
  numeric::SoftmaxState* states_;  // [rows]
  float* queries_;                 // [rows, qk_dim]
  float* outputs_;                 // [rows, v_dim]
  float* scores_;                  // [rows, keys]
};

}  // namespace tamis::cpu
