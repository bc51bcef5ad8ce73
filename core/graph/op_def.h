// OpDef: everything the frame knows about an op without knowing a backend. One per op, defined in
// core/ops/<op>/<op>.cpp as `const OpDef tamis::op::<name>` and declared in <op>.h; core/ops.def lists them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>

#include "core/base/status.h"
#include "core/graph/op_call.h"

namespace tamis {

class Graph;
using ValueId = int;

// What an op does with an operand. The planner orders nodes and backends place barriers from this alone.
enum class Role : std::uint8_t {
  kIn,
  kOut,
  kInOut,   // read and written
  kWeight,  // constant; rank 1: f32 vector, rank >= 2: Weight
  kState,   // persistent storage, read and written: the node gives a new version of the same storage
};

struct OperandDef {
  const char* name;
  Role role;
  bool optional = false;
};

// Error of one float output element, allowed relative to |expected| + rms(expected). The rounding of the
// output dtype (bf16 2^-8, f16 2^-10) is added by allowed_error(); integer outputs are always exact.
struct Tolerance {
  double f32 = 1e-6;
  // Of ops that may round factors to bf16 on the way to a bf16 output. 0: they may not.
  double bf16 = 0;
  // With bf16, also of the whole output: |found - expected| / |expected|, Euclidean.
  double bf16_norm = 0;
};
double allowed_error(const Tolerance& tolerance, DType dtype);
// Infinite where only elements count.
double allowed_norm(const Tolerance& tolerance, DType dtype);

// Attention whose weights (of the softmax) may be rounded to bf16 before they are multiplied, as FlashMLA and
// FlashAttention do. The bounds are those of FlashMLA's tests (tests/test_flash_mla_sparse_decoding.py): an
// element 2.01/128, all of them a cosine distance of 5e-6, which is half the square of this norm.
inline constexpr Tolerance kAttentionTolerance{.f32 = 1e-5, .bf16 = 2.01 / 128, .bf16_norm = 3.16e-3};

// The output of a decomposition: nodes appended to `graph` that compute `call` on the given values. `values`
// has one entry per operand; the decomposition fills the entries of out and state operands. -1 marks an
// absent operand.
struct Decomposition {
  Graph& graph;
  const void* params;
  std::span<ValueId> values;
};

struct OpDef {
  const char* name;
  std::size_t params_size;  // params are trivially copyable structs
  std::span<const OperandDef> operands;
  // Checks in-operands and params, and fills the descs of out operands (row-major). An out desc that is
  // already set (rank > 0) must equal what would be filled. Absent operands have rank 0; optional outputs are
  // filled only if their desc's rank is kWanted.
  Status (*infer)(const void* params, std::span<TensorDesc> descs);
  double (*flops)(const OpCall&);             // 2 per multiply-add, as the contract counts them
  double (*bytes)(const OpCall&);             // least traffic: each operand once, gathered rows as gathered
  Status (*decompose)(const Decomposition&);  // null for plain ops
  Tolerance tolerance;
  // Number format of its products, which says what units could compute them; null: that of the first operand.
  DType (*arithmetic)(const OpCall&) = nullptr;
  // Operands (operand_bits) whose leading dimension counts tokens, of an op that computes each token's rows
  // of them from the same rows and the other operands alone. What kBatch promises is checked on these. 0:
  // tokens meet in the op, or it has none.
  std::uint32_t per_token = 0;
};

constexpr std::uint32_t operand_bits(std::initializer_list<int> operands) {
  std::uint32_t bits = 0;
  for (int i : operands) bits |= 1u << i;
  return bits;
}

// Marks, before infer(), an optional output that the caller asks for.
inline constexpr int kWanted = -1;

// Helpers for infer().
// "linear: x: expected [*, 7168], found bf16[17, 128]" style errors.
Status shape_error(const char* op, const char* operand, const std::string& expected, const TensorDesc& found);
// True for an operand that is there or, for outputs, asked for.
inline bool wanted(const TensorDesc& desc) { return desc.rank != 0; }
// Sets an output desc, or checks the one that is already there.
Status set_output(const char* op, const char* operand, const TensorDesc& inferred, TensorDesc& desc);

// Bytes of all present operands, each counted once: the default of OpDef::bytes. Weights count as stored
// (elements plus scales).
double operand_bytes(const OpCall& call);
double weight_bytes(const TensorDesc& desc);

const OpDef* find_op(const char* name);
std::span<const OpDef* const> all_ops();

}  // namespace tamis
