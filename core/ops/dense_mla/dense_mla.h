// dense_mla: absorbed MLA attention of each token over all keys it sees of its own paged sequence.
//
//   q_latent     [T, h, C]            f32, bf16 or f16, may be strided: q_nope times W_UK
//   q_rope       [T, h, R]            f32, bf16 or f16, may be strided
//   cache        [slots, …]           f32, bf16 or packed u8, as kv_store writes it
//   page_table   [n_seqs, max_pages]  i32
//   seq_of_token [T]                  i32
//   ke           [T]                  i32: the token sees positions 0 … ke - 1 of its sequence; 0 = padding
//   out          [T, h, C]            params.out
//   lse          [T, h]               f32
//
// As sparse_mla over the slots page_table[seq, j / page_size] * page_size + j % page_size, j < ke. Positions
// without a slot (past the table, page -1 or past the cache) are left out. A token that sees no key (ke <= 0,
// or a sequence that does not exist) gives out 0 and lse -inf.
//
// Numerics as sparse_mla. Rows at or past the largest ke of a sequence's tokens are never read; below it rows
// must be finite, since tokens that share a tile multiply what they do not see by 0. FLOPs 2 h (2 C + R) per
// visible key; flops() counts max_pages * page_size keys per token, the upper bound. Source: FlashMLA
// flash_mla_interface.py (flash_mla_with_kvcache); DeepSeek-V3 inference/model.py (MLA, "absorb").
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef dense_mla;
}

struct DenseMlaParams {
  KvFormat format = KvFormat::kPlain;
  std::int32_t c = 0;
  std::int32_t r = 0;
  std::int32_t page_size = 1;
  float scale = 1.0f;
  DType out = DType::kF32;
};

namespace dense_mla_operand {
enum : int { kQLatent, kQRope, kCache, kPageTable, kSeqOfToken, kKe, kOut, kLse };
}

inline NodeValues add_dense_mla(Graph& graph, ValueId q_latent, ValueId q_rope, ValueId cache,
                                ValueId page_table, ValueId seq_of_token, ValueId ke,
                                const DenseMlaParams& params) {
  return graph.add(op::dense_mla, params,
                   {q_latent, q_rope, cache, page_table, seq_of_token, ke, kNewValue, kNewValue});
}

}  // namespace tamis
