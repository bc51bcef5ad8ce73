// kv_gather: the cached rows of the step's sequences as contiguous tensors, the input of mha_prefill's
// up-projection.
//
//   cache      [slots, …]            f32, bf16 or packed u8, as kv_store writes it
//   page_table [n_seqs, max_pages]   i32; -1 or a page past the cache: those positions have no row
//   kv_len     [n_seqs]              i32: keys per sequence; negative counts as 0
//   latent     [total, C]            params.out
//   k_rope     [total, R]            params.out
//
// Position j of sequence s goes to row sum(kv_len[0..s)) + j, from slot page_table[s, j / page_size] *
// page_size + j % page_size. Positions without a row, and rows past the last position, are zero; positions
// that would pass `total`, the host's upper bound, are dropped. Values are decoded exactly and rounded once,
// to params.out. FLOPs: 0.
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef kv_gather;
}

struct KvGatherParams {
  KvFormat format = KvFormat::kPlain;
  std::int32_t c = 0;
  std::int32_t r = 0;
  std::int32_t page_size = 1;
  DType out = DType::kF32;
  std::int64_t total = 0;
};

namespace kv_gather_operand {
enum : int { kCache, kPageTable, kKvLen, kLatent, kKRope };
}

inline NodeValues add_kv_gather(Graph& graph, ValueId cache, ValueId page_table, ValueId kv_len,
                                const KvGatherParams& params) {
  return graph.add(op::kv_gather, params, {cache, page_table, kv_len, kNewValue, kNewValue});
}

}  // namespace tamis
