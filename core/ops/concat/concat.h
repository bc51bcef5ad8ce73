// concat: y = [a | b] along the last dimension.
//
//   a [.., A]      rank 2 or 3, any dtype, leading dimensions may be strided
//   b [.., B]      leading dimensions and dtype of a
//   y [.., A + B]
//
// A copy: bit-exact. FLOPs 0.
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef concat;
}

struct ConcatParams {
  std::uint8_t unused = 0;
};

namespace concat_operand {
enum : int { kA, kB, kY };
}

inline ValueId add_concat(Graph& graph, ValueId a, ValueId b) {
  return graph.add(op::concat, ConcatParams{}, {a, b, kNewValue})[concat_operand::kY];
}

}  // namespace tamis
