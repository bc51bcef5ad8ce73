// What a kernel receives: an op, its typed params and its operands. The same struct is used for planning
// (buffers still null) and for launching.
#pragma once

#include <cassert>
#include <cstdint>
#include <span>

#include "core/base/tensor.h"

namespace tamis {

class Buffer;
struct OpDef;

// A run of rows of one stored checkpoint tensor, where it lies in memory. FP8 elements have an fp32 scale per
// block of 128 x 128 of the *stored* tensor, so a piece remembers its place in it: the scale of the piece's
// element (r, c) is scales[(first_row + r) / block * scale_stride + (first_col + c) / block], a multiplier.
struct WeightPiece {
  Buffer* buffer = nullptr;
  std::int64_t offset = 0;  // bytes to the piece's first element
  std::int64_t rows = 0;
  std::int64_t row_stride = 0;     // elements
  Buffer* scale_buffer = nullptr;  // null for f32, bf16 and f16 weights
  std::int64_t scale_offset = 0;   // bytes to the scale of block (0, 0) of the stored tensor
  std::int64_t scale_stride = 0;   // blocks per block row
  std::int64_t first_row = 0;
  std::int64_t first_col = 0;
};

inline constexpr std::int64_t kWeightBlock = 128;  // DeepSeek's weight_block_size, both ways
inline constexpr const char* kStoredLayout = "stored";

// A weight of rank >= 2, [N, K] or [E, N, K]. As stored, it is a list of pieces that tile its E*N rows in
// order, each pointing into the mapped checkpoint (no copy is made, so loading costs nothing). A row of a
// kernel table may ask for another layout, packed once at load; then `pieces` is empty and `packed` holds it.
struct Weight {
  TensorDesc desc;
  const char* layout = kStoredLayout;
  std::span<const WeightPiece> pieces;
  Buffer* packed = nullptr;
  std::int64_t packed_offset = 0;
  std::int64_t packed_bytes = 0;
  bool resident = false;  // in its final form: a row that wants another layout comes too late

  bool stored() const { return packed == nullptr; }
};

// One operand. Weights of rank >= 2 come in `weight`; everything else, rank-1 weights (always f32) included,
// in `buffer` + `offset`. An absent optional operand has rank 0.
struct Tensor {
  TensorDesc desc;
  Buffer* buffer = nullptr;
  std::int64_t offset = 0;  // bytes
  const Weight* weight = nullptr;

  bool present() const { return desc.rank > 0; }
};

struct OpCall {
  const OpDef* op = nullptr;
  const void* params = nullptr;
  std::span<const Tensor> operands;  // in the order of op->operands

  template <class P>
  const P& as() const {
    return *static_cast<const P*>(params);
  }
  const Tensor& operator[](int i) const { return operands[static_cast<std::size_t>(i)]; }
};

}  // namespace tamis
