// index_k_store: writes the index keys of a step into the index cache.
//
//   k      [T, Di]            f32, bf16 or f16 (kExact); e4m3 codes (kFp8Paged); rows may be strided
//   scale  [T] or [T, 1] f32  value = code x scale; kFp8Paged only, required there
//   slot   [T] i32            global slot of the token's key: page * page_size + offset in the page
//   cache  state              kExact:    [slots, Di] f32 or bf16, rounded to once
//                             kFp8Paged: u8 [pages, page_size * (Di + 4)]: page_size x Di e4m3, then
//                             page_size f32 scales, so that a page of 64 tokens x 128 is DeepGEMM's paged
//                             layout
//
// Codes and scales are copied bit for bit. A slot outside [0, slots) (padding is -1) writes nothing. The
// slots of one call are distinct. page_size is unused by kExact. FLOPs 0. Source: DeepGEMM
// tests/test_attention.py (paged MQA logits), DeepSeek-V3.2 inference/model.py (Indexer).
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef index_k_store;
}

struct IndexKStoreParams {
  IndexFormat format = IndexFormat::kExact;
  std::int32_t page_size = 64;
};

namespace index_k_store_operand {
enum : int { kK, kScale, kSlot, kCache };
}

// Gives the new version of the cache.
inline ValueId add_index_k_store(Graph& graph, ValueId k, ValueId scale, ValueId slot, ValueId cache,
                                 const IndexKStoreParams& params) {
  return graph.add(op::index_k_store, params, {k, scale, slot, cache})[index_k_store_operand::kCache];
}

}  // namespace tamis
