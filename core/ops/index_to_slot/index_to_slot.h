// index_to_slot: positions in the row's own sequence to the rows where attention finds their keys.
//
//   idx          [T, k] i32               -1 holes anywhere
//   seq_of_token [T] i32                  sequence of row t; absent: 0; paged only
//   page_table   [n_seqs, max_pages] i32  page of a sequence's positions [j * page_size, (j + 1) * page_size)
//   row_start    [T] i32                  ragged only; absent: 0
//   slots        [T, k] i32               paged: page_table[seq, idx / page_size] * page_size
//                                         + idx % page_size; ragged (no page_table): row_start + idx
//
// -1 stays -1. What is not there gives -1: a sequence or page outside the page table, a negative page, a slot
// beyond int32. Exact. FLOPs 0.
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef index_to_slot;
}

struct IndexToSlotParams {
  std::int32_t page_size = 64;
};

namespace index_to_slot_operand {
enum : int { kIdx, kSeqOfToken, kPageTable, kRowStart, kSlots };
}

inline ValueId add_index_to_slot_paged(Graph& graph, ValueId idx, ValueId seq_of_token, ValueId page_table,
                                       const IndexToSlotParams& params) {
  return graph.add(op::index_to_slot, params,
                   {idx, seq_of_token, page_table, kNoValue, kNewValue})[index_to_slot_operand::kSlots];
}

inline ValueId add_index_to_slot_ragged(Graph& graph, ValueId idx, ValueId row_start) {
  return graph.add(op::index_to_slot, IndexToSlotParams{},
                   {idx, kNoValue, kNoValue, row_start, kNewValue})[index_to_slot_operand::kSlots];
}

}  // namespace tamis
