// Running (max, sum) of a softmax over blocks, in natural-log units. An empty state is max = -inf, sum = 0;
// merging two empty states stays empty and never gives NaN.
#pragma once

#include "core/numeric/host_device.h"

namespace tamis::numeric {

inline constexpr float kNegInf = -__builtin_huge_valf();

struct SoftmaxState {
  float max = kNegInf;
  float sum = 0.0f;
};

// Factor for results accumulated under old_max when the maximum rises to new_max. 0 for an empty accumulator.
TAMIS_HD float rescale_factor(float old_max, float new_max) {
  return old_max == kNegInf ? 0.0f : __builtin_expf(old_max - new_max);
}

// Natural-log sum of exponentials; -inf for an empty state.
TAMIS_HD float log_sum_exp(const SoftmaxState& state) {
  return state.sum > 0.0f ? state.max + __builtin_logf(state.sum) : kNegInf;
}

}  // namespace tamis::numeric
