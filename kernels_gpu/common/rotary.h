// Rotating pairs of a vector by a position, as the contract of rope says (core/ops/rope/rope.h). Shared by
// rope and the composites that begin with it.
#pragma once

#include "kernels_gpu/common/elements.h"
#include "kernels_gpu/common/rope.h"

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

// Heads [first, last) of a token.
struct RopeHeads {
  std::int64_t token, first, last;
};

// Rotates the pairs of the heads. A thread takes one pair through several heads, so that a sine and a cosine
// serve all of them. Called by all threads.
__device__ inline void rotate_heads(const Rope& args, const RopeHeads& heads) {
  if (args.half == 0) return;
  const auto threads = static_cast<std::int64_t>(blockDim.x);  // as many heads at a time as they hold
  const std::int64_t pairs = args.half < threads ? args.half : threads, lanes = threads / pairs;
  const std::int64_t lane = threadIdx.x / pairs;
  const PairLayout layout{args.interleaved, args.half};
  if (lane >= lanes) return;
#pragma unroll 1
  for (std::int64_t pair = threadIdx.x % pairs; pair < args.half; pair += pairs) {
    const Turn turn = turn_of(args.positions.data[heads.token * args.positions.stride], args.inv_freq[pair],
                              args.magnitude);
#pragma unroll 1
    for (std::int64_t h = heads.first + lane; h < heads.last; h += lanes) {
      const std::int64_t at = args.begin + layout.first(pair);
      const std::int64_t x = heads.token * args.x.stride + h * args.x.head_stride + at;
      const std::int64_t y = heads.token * args.y.stride + h * args.y.head_stride + at;
      const Pair result = rotated({load_element(args.x.element, args.x.data, x),
                                   load_element(args.x.element, args.x.data, x + layout.distance())},
                                  turn);
      store_element(args.y.element, args.y.data, y, result.a);
      store_element(args.y.element, args.y.data, y + layout.distance(), result.b);
    }
  }
}

}  // namespace tamis::gpu
