// Rotating pairs of a vector by a position, as the contract of rope says (core/ops/rope/rope.h). Shared by rope
// and the composites that begin with it.
#pragma once

#include "kernels_gpu/common/runtime.h"

namespace tamis::gpu {

struct Turn {
  float cosine, sine;
};

// The angle is rounded to f32, and sinf and cosf reduce it exactly: no fast variants here.
__device__ inline Turn turn_of(std::int32_t position, float inv_freq, float magnitude) {
  const float angle = static_cast<float>(position) * inv_freq;
  return {cosf(angle) * magnitude, sinf(angle) * magnitude};
}

struct Pair {
  float a, b;
};

__device__ inline Pair rotated(Pair x, Turn turn) {
  return {x.a * turn.cosine - x.b * turn.sine, x.b * turn.cosine + x.a * turn.sine};
}

// Where pair i of `half` pairs lies, and how far apart its elements are.
struct PairLayout {
  bool interleaved;
  std::int64_t half;

  __device__ std::int64_t first(std::int64_t i) const { return interleaved ? 2 * i : i; }
  __device__ std::int64_t distance() const { return interleaved ? 1 : half; }
};

}  // namespace tamis::gpu
