// indexer_prepare (composite): index queries and keys, ready for scoring; the keys go into the index cache.
//   = rope(q), rope(k); if kFp8Paged: hadamard and quantize_group of both; index_k_store
//
//   q         [T, Hi, Di]  f32, bf16 or f16; leading dimensions may be strided
//   k         [T, Di]      f32, bf16 or f16, after its LayerNorm; rows may be strided
//   inv_freq  [R / 2]      f32; the FIRST R dimensions of each vector rotate
//   positions [T] i32
//   slot      [T] i32      where the cache keeps the token's key; outside the cache (padding is -1): nowhere
//   q_out     [T, Hi, Di]  kFp8Paged: e4m3 codes; kExact: dtype of q
//   q_scale   [T, Hi] f32  wanted with kFp8Paged only
//   cache     state        core/ops/index_k_store/index_k_store.h
//
// The pairing is the trap of this op: half-split in DeepSeek-V3.2, interleaved in GLM-5; the wrong one
// degrades quietly. Rounding points are those of the decomposition: rope rounds to the dtype of its input,
// then the Hadamard transform does, then the codes are rounded; one scale per vector of Di. The query's scale
// is a power of two if params.pow2, the key's always. kFp8Paged needs Di to be a power of two. FLOPs: 3 R
// and, with kFp8Paged, Di (log2(Di) + 4) per vector. Source: DeepSeek-V3.2 inference/model.py (Indexer).
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef indexer_prepare;
}

struct IndexerPrepareParams {
  RopePairing pairing = RopePairing::kHalfSplit;
  IndexFormat format = IndexFormat::kExact;
  bool pow2 = true;
  std::int32_t page_size = 64;
};

namespace indexer_prepare_operand {
enum : int { kQ, kK, kInvFreq, kPositions, kSlot, kQOut, kQScale, kCache };
}

struct IndexerPrepareInputs {
  ValueId q, k, inv_freq, positions, slot, cache;
};

inline NodeValues add_indexer_prepare(Graph& graph, const IndexerPrepareInputs& in,
                                      const IndexerPrepareParams& params) {
  const ValueId q_scale = params.format == IndexFormat::kFp8Paged ? kNewValue : kNoValue;
  return graph.add(op::indexer_prepare, params,
                   {in.q, in.k, in.inv_freq, in.positions, in.slot, kNewValue, q_scale, in.cache});
}

}  // namespace tamis
