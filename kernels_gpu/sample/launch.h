// Kernels of sample (contract: core/ops/sample/sample.h).
#pragma once

#include "kernels_gpu/common/launch.h"

namespace tamis::gpu {

struct Sample {
  const float* logits = nullptr;
  std::int64_t logits_stride = 0;
  const float* temperature = nullptr;
  const std::int32_t* top_k = nullptr;
  const float* top_p = nullptr;
  const float* min_p = nullptr;
  const float* repetition = nullptr;
  const float* presence = nullptr;
  const float* frequency = nullptr;
  Ints counts;  // data null: none
  Ints seed;
  const std::int32_t* position = nullptr;
  std::int32_t* token = nullptr;
  float* logprob = nullptr;
  std::uint64_t* weights = nullptr;  // `width` for each of kSampleBlocks blocks
  std::int64_t rows = 0;
  std::int64_t width = 0;
};
Error launch_sample(const Sample& args, Stream stream);

inline constexpr std::int64_t kSampleBlocks = 64;  // of a launch: 66 MB of weights at 129280 logits

}  // namespace tamis::gpu
