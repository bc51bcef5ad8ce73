// Shapes, data and comparisons that the cases of row-wise ops share.
#pragma once

#include <cmath>
#include <utility>

#include "tests/cases/case.h"

namespace tamis::cases {

inline constexpr DType kActivations[] = {DType::kF32, DType::kBF16, DType::kF16};

// A tensor whose leading dimensions are strided: `pad` elements after every row of every leading dimension.
TensorDesc padded(DType dtype, std::initializer_list<std::int64_t> shape, std::int64_t pad);

// Fills the gaps that strides leave with NaN (-1 in integers), so that a row which reads them is caught.
Fill poison_gaps(Fill fill);

// Elements of e4m3: those of row r have code r % 256, or 0 where that is NaN.
Fill fill_e4m3_codes();

// `fill`, then single elements by flat index.
Fill plant(Fill fill, std::vector<std::pair<std::int64_t, double>> values);

// An operand whose leading dimensions are strided, with poisoned gaps.
CaseOperand strided_operand(DType dtype, std::initializer_list<std::int64_t> shape, Fill fill);

// For ops whose results are exact: every out operand has the bits of the oracle's value rounded once to its
// dtype (any NaN equals any NaN). The default comparison would let a second rounding or a truncation pass.
std::string compare_exact(const OpCall& call, const std::vector<OperandResult>& results);

// For float results: every element is one rounding away from a value within the op's fp32 tolerance of the
// oracle's. The default comparison allows a whole unit of bf16 and f16, so a second rounding or a truncation
// would pass it.
std::string compare_one_rounding(const OpCall& call, const std::vector<OperandResult>& results);

// A published model's shape: timed by bench, too big for the oracle.
Case timed(Case test_case);
// The same as a function of the token count, at each of `counts`.
using CaseAtTokens = std::function<Case(std::int64_t tokens)>;
void add_timed(CaseList& list, const CaseAtTokens& make, std::initializer_list<std::int64_t> counts);
// The same for shapes that a CPU would take minutes for (Case::large).
void add_timed_large(CaseList& list, const CaseAtTokens& make, std::initializer_list<std::int64_t> counts);

}  // namespace tamis::cases
