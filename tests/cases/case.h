// Cases: the shapes, dtypes and data that every kernel row of an op must get right, and the shapes that
// benchmarks time. One list per op (tests/cases/<op>.cpp, `CaseList cases_<op>()`), read by the parity runner
// and by bench.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/graph/op_def.h"
#include "core/ops/ops.h"

namespace tamis::cases {

// Counter-based, so a case's data depends on its seed alone (Philox, core/numeric).
class Rng {
 public:
  explicit Rng(std::uint64_t seed) : seed_(seed) {}
  std::uint32_t bits();
  double uniform(double low = -1.0, double high = 1.0);
  double normal();
  std::int64_t below(std::int64_t n);  // [0, n)

 private:
  std::uint64_t seed_;
  std::uint64_t counter_ = 0;
};

// An operand's elements in host memory; flat indices count row-major over the shape, strides applied.
class HostView {
 public:
  HostView(const TensorDesc& desc, std::byte* data) : desc_(desc), data_(data) {}
  const TensorDesc& desc() const { return desc_; }
  std::int64_t size() const { return desc_.elements(); }
  void set(std::int64_t flat, double value);  // rounds to the dtype
  double get(std::int64_t flat) const;
  std::byte* bytes() const { return data_; }
  std::byte* address(std::int64_t flat) const;

 private:
  TensorDesc desc_;
  std::byte* data_;
};

using Fill = std::function<void(HostView& view, Rng& rng)>;
Fill fill_normal(double scale = 1.0);
Fill fill_uniform(double low, double high);
Fill fill_constant(double value);
Fill fill_values(std::vector<double> values);         // repeated to fill
Fill fill_ints(std::int64_t low, std::int64_t high);  // uniform in [low, high)
Fill fill_iota(double first = 0);
// Small integers times 1/8: sums of products are exact in fp32, so a row can be held to equality.
Fill fill_exact();

struct CaseOperand {
  TensorDesc desc{};  // rank 0: absent. Out operands: only rank 0 or kWanted (inferred), or the full desc
  Fill fill{};  // in, state and weight operands. Weights: the stored codes; scales are made by the harness
  // Weights of rank >= 2: how the E*N rows are cut into pieces of different stored tensors (empty: one), and
  // where in its stored tensor each piece begins (so that scale blocks are cut, too).
  std::vector<std::int64_t> piece_rows{};
  std::int64_t first_row = 0;
  std::int64_t first_col = 0;
  // Of perf cases: bench makes random data for some rows and repeats them, unless equal rows would be a case
  // of their own (index keys: equal keys tie).
  bool distinct_rows = false;
};

// One operand's outcome, handed to a custom comparison. `expected` holds the oracle's doubles for out
// operands; for state operands use the bytes.
struct OperandResult {
  TensorDesc desc;
  std::vector<double> expected;
  std::vector<std::byte> expected_bytes;  // state operands: the oracle's memory after the call, row-major
  std::vector<std::byte> actual;          // row-major, as the device wrote it
};
// Empty string: equal enough. Otherwise one line that names the operand, the index, expected and found.
using Compare = std::function<std::string(const OpCall& call, const std::vector<OperandResult>& results)>;

// How far from the threshold, relative to the token's largest score, a key may lie whose selection rounding
// decides.
inline constexpr double kScoreBand = 1e-5;

struct Case {
  std::string name;
  std::vector<std::byte> params;
  std::vector<CaseOperand> operands;  // one per op operand
  bool perf = false;                  // timed by bench, too big for the oracle
  Compare compare{};                  // null: the op's tolerance for floats, equality for integers and bytes
  // Of perf cases. `at_tokens` makes the same case for another number of tokens: bench shrinks a case that
  // would take too long, and measures other counts when asked.
  std::int64_t tokens = 0;  // 0: the case has no tokens to vary
  std::function<Case(std::int64_t tokens)> at_tokens{};
  bool large = false;    // of perf cases: too much for a CPU; bench times it on GPUs
  bool ceiling = false;  // not of a model: bench measures the device's matrix or copy rate with it
  // Of cases that select keys by scores which they compute on the way: the oracle's scores, [tokens, keys],
  // and the output [tokens, k] that holds the positions. Two devices may choose different keys within the
  // band.
  std::function<std::vector<double>(const OpCall& call)> scores{};
  int selected = -1;
  double score_band = kScoreBand;
};
using CaseList = std::vector<Case>;

template <class P>
Case make_case(std::string name, const P& params, std::vector<CaseOperand> operands) {
  const auto* raw = reinterpret_cast<const std::byte*>(&params);
  return {std::move(name), std::vector<std::byte>(raw, raw + sizeof(P)), std::move(operands), false, {}};
}

inline CaseOperand output() {
  return {.desc = [] {
    TensorDesc d;
    d.rank = kWanted;
    return d;
  }()};
}
inline CaseOperand absent() { return {}; }
// [rows, cols] with a row stride of `stride` elements.
TensorDesc strided(DType dtype, std::initializer_list<std::int64_t> shape, std::int64_t row_stride);

#define OP(name) CaseList cases_##name();
#include "core/ops.def"
#undef OP
CaseList find_cases(const char* op);

}  // namespace tamis::cases
