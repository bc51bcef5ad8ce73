// Launches of sparse_mla; contract in core/ops/sparse_mla/sparse_mla.h. The tensor-core rows take C 512, R
// 64, bf16 queries and output.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace tamis::cuda {

inline constexpr int kSparseMlaC = 512;
inline constexpr int kSparseMlaR = 64;

struct SparseMlaArgs {
  const void* q_latent;  // bf16 [T, h, 512]; strides in elements
  std::int64_t q_latent_token, q_latent_head;
  const void* q_rope;  // bf16 [T, h, 64]
  std::int64_t q_rope_token, q_rope_head;
  bool q_aligned;     // every row of both at a multiple of 16 bytes
  const void* cache;  // rows of 576 bf16, or of 656 packed bytes; 16-byte aligned
  std::int64_t cache_row_bytes;
  std::int64_t cache_rows;
  const std::int32_t* slots;  // [T, k]
  std::int64_t slots_token;
  const std::int32_t* length;  // [T] or null
  std::int64_t length_token;
  const float* sink;  // [h] or null
  void* out;          // bf16 [T, h, 512]
  std::int64_t out_token, out_head;
  float* lse;  // [T, h]
  std::int64_t lse_token;
  float* max_logits;  // [T, h] or null
  std::int64_t max_token;
  // Split over keys: part s of a token covers entries [s * keys_per_split, (s + 1) * keys_per_split) of its
  // slots. One split writes the results itself; more need `partial`, sparse_mla_partial_bytes() long and
  // 16-byte aligned.
  float* partial;
  int splits, keys_per_split;
  std::int64_t tokens;
  int heads, k;
  float scale;
};

// What the parts of all tokens leave for the merge: h x 512 fp32 sums, then h maxima and h denominators.
inline std::int64_t sparse_mla_partial_bytes(std::int64_t tokens, std::int64_t heads, std::int64_t splits) {
  return splits <= 1 ? 0 : tokens * splits * heads * (kSparseMlaC + 2) * 4;
}

// Tiles of the kernels: blocks of `heads` heads, `keys` keys at a time, and the shared memory of a block.
struct SparseMlaTile {
  int heads, keys;
  int blocks_per_unit;
  int shared_bytes;
};

struct SparseMlaKernel {
  SparseMlaTile tile;
  cudaError_t (*launch)(const SparseMlaArgs&, cudaStream_t);
};

// By format of the cache: bf16 and packed FP8.
extern const SparseMlaKernel kSparseMlaHeads64Wgmma[2];   // sm_90a
extern const SparseMlaKernel kSparseMlaHeads64Keys64[2];  // needs an SM with 227 KB
extern const SparseMlaKernel kSparseMlaHeads64Keys32[2];  // 163 KB
extern const SparseMlaKernel kSparseMlaHeads16[2];        // 99 KB

// Adds the parts of each token, in their order; for launches with more than one split.
cudaError_t sparse_mla_merge(const SparseMlaArgs& args, cudaStream_t stream);

}  // namespace tamis::cuda
