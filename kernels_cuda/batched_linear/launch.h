// Launches of batched_linear; contract in core/ops/batched_linear/batched_linear.h.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels_cuda/common/matrix.h"

namespace tamis::cuda {

// y[t, h] = x[t, h] . w[h] of a few tokens, w e4m3 in the layout `row_scales`: rows of row_bytes codes, and a
// scale per row and 128 columns. Columns of w in multiples of 16.
struct BatchedFp8Args {
  ConstMatrix x;  // of head 0; row_stride from token to token
  std::int64_t x_head_stride;
  const std::uint8_t* codes;
  std::int64_t row_bytes;
  const float* scales;
  std::int64_t groups;
  Matrix y;
  std::int64_t y_head_stride;
  int tokens, heads, k, n;
};

// w [heads, n, k]; x in 16 bits, in vectors of 16 bytes.
cudaError_t batched_decode_nk(const BatchedFp8Args& args, cudaStream_t stream);
// w [heads, k, n].
cudaError_t batched_decode_kn(const BatchedFp8Args& args, cudaStream_t stream);

// Heads of one launch: their addresses are part of the kernel's argument, of which 4 KB are portable.
inline constexpr int kMaxMmaHeads = 256;
inline constexpr std::int64_t kMaxMmaTiles = 1 << 30;
constexpr std::int64_t batched_mma_tiles(std::int64_t tokens, std::int64_t heads, std::int64_t n) {
  return (tokens + 127) / 128 * heads * ((n + 127) / 128);
}

// Many tokens. x in 16 bits; its vectors and the rows of w begin at multiples of 16 bytes.
struct BatchedMmaArgs {
  ConstMatrix x;  // of head 0; row_stride from token to token
  std::int64_t x_head_stride;
  const std::uint8_t* heads_at[kMaxMmaHeads];  // w[h]: rows of n or of k
  std::int64_t w_stride;                       // bytes from row to row
  int row_bytes;                               // of e4m3; what lies behind the last column is zero
  const float* scales;  // of w[0], a scale per row and 128 columns; null: w is of x's type
  std::int64_t groups;
  Matrix y;
  std::int64_t y_head_stride;
  bool y_vectors;  // y is in 16 bits, its vectors begin at multiples of 8 bytes
  bool w_is_kn;    // w [heads, k, n], else [heads, n, k]
  int tokens, heads, k, n;
  int units;  // multiprocessors
};
cudaError_t batched_mma(const BatchedMmaArgs& args, cudaStream_t stream);

}  // namespace tamis::cuda
