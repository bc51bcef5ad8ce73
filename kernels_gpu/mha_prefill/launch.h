// Kernels of mha_prefill (contract: core/ops/mha_prefill/mha_prefill.h).
#pragma once

#include "kernels_gpu/common/launch.h"

namespace tamis::gpu {

struct MhaPrefill {
  Vectors q_nope, q_rope;
  Vectors k_nope;  // stride: from row to row
  Rows k_rope;
  Vectors v;
  Ints sequence, lengths, ke;
  std::int64_t sequences = 0;
  Vectors out;
  float* lse = nullptr;  // [tokens, heads]
  std::int64_t tokens = 0;
  std::int64_t heads = 0;
  std::int64_t rows = 0;  // of the keys
  std::int64_t nope = 0, rope = 0, value = 0;
  float scale = 1;
};
Error launch_mha_prefill(const MhaPrefill& args, Stream stream);

}  // namespace tamis::gpu
