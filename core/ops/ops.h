// What several ops' params share. Each op is declared in its own header, so that a new one rebuilds little.
#pragma once

#include <cstdint>

#include "core/graph/op_def.h"

namespace tamis {

// How `linear` and the MoE ops round their activations before multiplying (DESIGN 3). Each kernel row
// computes exactly this function or rejects.
enum class ActQuant : std::uint8_t {
  kNone,
  kE4M3Group128F32,   // e4m3 per token per 128 columns, scale amax/448
  kE4M3Group128Pow2,  // same, scale rounded up to a power of two (scale_fmt ue8m0)
};

// Number format of the products of x and w: e4m3 only where both are.
inline DType product_format(ActQuant act_quant, DType x, DType w) {
  return act_quant != ActQuant::kNone && w == DType::kE4M3 ? DType::kE4M3 : x;
}

// Which elements of a rotary vector x[0, R) form pair i, rotated by pos * inv_freq[i].
enum class RopePairing : std::uint8_t {
  kInterleaved,  // (x[2i], x[2i+1]): MLA of all families, GLM's indexer
  kHalfSplit,    // (x[i], x[i + R/2]): DeepSeek-V3.2's indexer
};

// Row of the latent cache: C latent values, then R rotated key values.
enum class KvFormat : std::uint8_t {
  kPlain,      // the cache tensor's own dtype, [slots, C + R] f32 or bf16
  kPackedFp8,  // u8 [slots, packed_kv_row_bytes(C, R)]: C e4m3 | ceil(C/128) f32 scales | R bf16
};
constexpr std::int64_t packed_kv_row_bytes(std::int64_t c, std::int64_t r) {
  return c + (c + 127) / 128 * 4 + r * 2;
}

// Index-key cache.
enum class IndexFormat : std::uint8_t {
  kExact,     // the cache tensor's own dtype, [slots, Di] f32 or bf16
  kFp8Paged,  // u8 [pages, page_size * (Di + 4)]: page_size x Di e4m3, then page_size f32 scales
};

}  // namespace tamis
