// mla_rope_store (composite): rotates the queries, normalises the latent, rotates the key part and writes the
// latent cache. = rope(q_rope), rms_norm(kv_a[:, :C]), rope(kv_a[:, C:]), kv_store.
//
//   q_rope      [T, h, R]    f32, bf16 or f16, may be strided: the last R columns of each head of q_b's
//                            output
//   kv_a        [T, C + R]   f32, bf16 or f16, may be strided: latent, then the key part of all heads
//   norm_weight [C]          f32
//   inv_freq    [R / 2]      f32
//   positions   [T]          i32
//   slot        [T]          i32; -1 (padding) or past the end: nothing is stored, but q_out is written
//   q_out       [T, h, R]    dtype of q_rope
//   cache       [slots, …]   state, as in kv_store
//
// Interleaved pairs, magnitude 1; only the latent is normalised. Rounding points are those of the plain ops:
// the normalised latent and the rotated key part are rounded to the dtype of kv_a before kv_store rounds them
// to the cache's format. With kPackedFp8 a latent on a rounding boundary may therefore take the neighbouring
// code, and a group whose amax lies on a power of two the neighbouring scale: caches compare by dequantised
// value. FLOPs 3 T (h + 1) R + 4 T C. Source: DeepSeek-V3.2 inference/model.py (MLA.forward).
#pragma once

#include "core/graph/graph.h"
#include "core/ops/ops.h"

namespace tamis {

namespace op {
extern const OpDef mla_rope_store;
}

struct MlaRopeStoreParams {
  KvFormat format = KvFormat::kPlain;
  std::int32_t c = 0;
  std::int32_t r = 0;
  float eps = 1e-6f;
};

namespace mla_rope_store_operand {
enum : int { kQRope, kKvA, kNormWeight, kInvFreq, kPositions, kSlot, kQOut, kCache };
}

// The values at kQOut and, as a new version, kCache.
inline NodeValues add_mla_rope_store(Graph& graph, ValueId q_rope, ValueId kv_a, ValueId norm_weight,
                                     ValueId inv_freq, ValueId positions, ValueId slot, ValueId cache,
                                     const MlaRopeStoreParams& params) {
  return graph.add(op::mla_rope_store, params,
                   {q_rope, kv_a, norm_weight, inv_freq, positions, slot, kNewValue, cache});
}

}  // namespace tamis
