// Launches of linear; contract in core/ops/linear/linear.h.
#pragma once

#include <cuda_runtime_api.h>

#include "kernels_cuda/common/matrix.h"

namespace tamis::cuda {

// x [tokens, k] rounded per 128 columns to e4m3 and back: out [tokens, k] f32, exactly what the contract
// multiplies.
struct FakeQuantArgs {
  ConstMatrix x;
  float* out;
  std::int64_t tokens;
  std::int64_t k;
  bool pow2;
};
cudaError_t fake_quantize(const FakeQuantArgs& args, cudaStream_t stream);

// y[:, first_col .. first_col + n) = x . W^T for a weight of n rows. `scales` is null for weights that are
// not e4m3; the scale of element (r, c) is scales[(first_row + r) / 128 * scale_stride + (first_col_of_w + c)
// / 128].
struct LinearArgs {
  ConstMatrix x;
  ConstMatrix w;  // [n, k]
  const float* scales;
  std::int64_t scale_stride;
  std::int64_t scale_first_row;
  std::int64_t scale_first_col;
  Matrix y;  // its data points at the first of the n columns
  std::int64_t tokens;
  std::int64_t n;
  std::int64_t k;
};
// As stored, any dtype and size.
cudaError_t linear_portable(const LinearArgs& args, cudaStream_t stream);

// Layout row_scales (core/backend/row_scales_layout.h).
struct LinearPackedArgs {
  ConstMatrix x;
  const std::uint8_t* codes;  // [n, row_bytes], rows 16-byte aligned
  std::int64_t row_bytes;
  const float* scales;  // [n, groups]
  std::int64_t groups;
  Matrix y;
  std::int64_t tokens;
  std::int64_t n;
  std::int64_t k;
};
inline constexpr int kDecodeTokens = 8;
// Any token count.
cudaError_t linear_packed(const LinearPackedArgs& args, cudaStream_t stream);
// At most kDecodeTokens tokens at a time: the weight is read once per kDecodeTokens tokens.
cudaError_t linear_packed_decode(const LinearPackedArgs& args, cudaStream_t stream);

}  // namespace tamis::cuda
