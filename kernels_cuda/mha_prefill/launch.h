// Launches of mha_prefill on tensor cores; contract in core/ops/mha_prefill/mha_prefill.h. Queries, keys
// and values all bf16 or all f16; dn, R and dv multiples of 8. Addresses and strides that are no multiples of
// 16 bytes are slow.
#pragma once

#include <cuda_runtime_api.h>

#include "kernels_gpu/common/launch.h"

namespace tamis::cuda {

struct MhaPrefill {
  gpu::Vectors q_nope, q_rope;
  gpu::Vectors k_nope;  // stride: from row to row
  gpu::Rows k_rope;
  gpu::Vectors v;
  gpu::Ints sequence, lengths, ke;
  std::int64_t sequences = 0;
  gpu::Vectors out;
  float* lse = nullptr;  // [tokens, heads]
  std::int64_t tokens = 0;
  std::int64_t heads = 0;
  std::int64_t rows = 0;  // of the keys
  std::int64_t nope = 0, rope = 0, value = 0;
  float scale = 1;
};

struct MhaPrefillKernel {
  int dims, columns;  // the most of dn + R, and of dv
  int shared_bytes;
  cudaError_t (*launch)(const MhaPrefill&, cudaStream_t);
};

extern const MhaPrefillKernel kMhaPrefillMma192;  // 192 and 128: DeepSeek-V3
extern const MhaPrefillKernel kMhaPrefillMma256;  // 256 and 256: GLM-5

}  // namespace tamis::cuda
