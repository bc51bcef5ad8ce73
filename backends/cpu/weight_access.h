// Widening stored weights (any dtype, FP8 block scales applied) to f32, a block of rows at a time: never a
// whole weight.
#pragma once

#include <cstdint>

#include "backends/cpu/kernels/rows/row_ops.h"
#include "core/graph/op_call.h"
#include "core/ops/ops.h"

namespace tamis::cpu {

// A block of a stored weight, rows of [E, N, K] flattened to E*N, to dst[rows, cols]. Rows may straddle
// pieces.
struct WeightBlock {
  std::int64_t first_row, rows;
  std::int64_t first_col, cols;
};
void widen_weight(const Weight& weight, const WeightBlock& block, float* dst);

// One row of activations after ActQuant: e4m3 per 128 columns, returned dequantised in place. kNone leaves it
// alone. e4m3 x a power of two is exact in f32, so multiplying these values computes exactly the contract's
// function.
void fake_quantize_row(const RowOps& ops, ActQuant mode, float* row, std::int64_t n);

}  // namespace tamis::cpu
