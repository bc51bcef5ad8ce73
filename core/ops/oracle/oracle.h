// The oracles: each op once more in plain double precision, without threads, SIMD or blocking. They are the
// truth that parity tests compare every backend with, the CPU backend included; nothing else uses them
// (library tamis_oracle). core/ops/<op>/<op>_oracle.cpp defines `Status tamis::oracle::<op>(OracleCall&)`.
#pragma once

#include <initializer_list>
#include <map>
#include <span>
#include <vector>

#include "core/graph/op_call.h"
#include "core/ops/ops.h"

namespace tamis {

double load_element(DType dtype, const std::byte* address);
void store_element(DType dtype, std::byte* address, double value);  // rounds as core/numeric does

// One op call with host-visible operands. In-operands are read decoded to double; out-operands are results in
// double, not rounded to the output dtype, row-major without strides; state operands are changed in place in
// `call`'s buffers.
class OracleCall {
 public:
  explicit OracleCall(const OpCall& call);

  template <class P>
  const P& params() const {
    return call_.as<P>();
  }
  bool has(int operand) const { return call_[operand].present(); }
  const TensorDesc& desc(int operand) const { return call_[operand].desc; }
  std::int64_t dim(int operand, int axis) const { return desc(operand).dim(axis); }

  // Element of an in, state or rank-1 weight operand.
  double get(int operand, std::initializer_list<std::int64_t> index) const;
  std::int64_t get_int(int operand, std::initializer_list<std::int64_t> index) const;
  // Element (row, col) of a stored weight of rank >= 2, scale applied; rows of [E, N, K] are flattened to
  // E*N.
  double weight(int operand, std::int64_t row, std::int64_t col) const;
  // First byte of an operand, for byte layouts (packed caches).
  std::byte* bytes(int operand) const;

  // Result of an out operand.
  std::vector<double>& out(int operand) { return outputs_[operand]; }
  void set(int operand, std::initializer_list<std::int64_t> index, double value);

 private:
  std::int64_t element_offset(int operand, std::initializer_list<std::int64_t> index) const;

  OpCall call_;
  std::map<int, std::vector<double>> outputs_;
};

// Rounds to what `dtype` stores: for contracts that name a rounding point inside the op.
double round_to(DType dtype, double value);

// e4m3 group quantisation of activations as core/numeric/fp8.h defines it, returned dequantised: the function
// that a non-trivial ActQuant applies to each row before the product. Groups of 128 columns, the last one may
// be shorter.
std::vector<double> fake_quantize(ActQuant mode, std::span<const double> row);

using OracleFn = Status (*)(OracleCall&);
OracleFn find_oracle(const char* op);

namespace oracle {
#define OP(name) Status name(OracleCall& call);
#include "core/ops.def"
#undef OP
}  // namespace oracle

}  // namespace tamis
