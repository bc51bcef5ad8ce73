// kv_store: writes one row of the latent cache per token.
//
//   latent [T, C]   f32, bf16 or f16, rows may be strided: the normalised latents
//   k_rope [T, R]   f32, bf16 or f16, rows may be strided: the rotated key part, shared by all heads
//   slot   [T]      i32: row of the cache; -1 (padding) or past the end writes nothing
//   cache  [slots, …]  state
//
// kPlain: cache [slots, C + R], f32 or bf16: latent, then k_rope, each value rounded once to the cache's
// dtype. kPackedFp8: cache u8 [slots, packed_kv_row_bytes(C, R)]: C e4m3 codes | one f32 scale per 128 latent
// values (the last group may be shorter) | R bf16. scale = latent_scale(amax of the group), a power of two of
// at least 2^-13; code = e4m3(value / scale). The layout is FlashMLA's "V3.2 FP8" row, 656 bytes at C 512,
// R 64.
//
// Slots of one call are distinct. No arithmetic besides the roundings, so every backend writes the same
// bytes. FLOPs: 0. Source: FlashMLA README.md and tests/quant.py; DeepSeek-V3.2 inference/model.py (MLA,
// kv_cache).
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef kv_store;
}

struct KvStoreParams {
  KvFormat format = KvFormat::kPlain;
  std::int32_t c = 0;
  std::int32_t r = 0;
};

namespace kv_store_operand {
enum : int { kLatent, kKRope, kSlot, kCache };
}

// Returns the new version of the cache.
inline ValueId add_kv_store(Graph& graph, ValueId latent, ValueId k_rope, ValueId slot, ValueId cache,
                            const KvStoreParams& params) {
  return graph.add(op::kv_store, params, {latent, k_rope, slot, cache})[kv_store_operand::kCache];
}

}  // namespace tamis
