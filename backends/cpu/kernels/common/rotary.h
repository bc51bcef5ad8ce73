// Rotating vectors by a position, as the contract of rope says (core/ops/rope/rope.h). Shared by rope and the
// composites that begin with it.
#pragma once

#include <cmath>
#include <cstdint>

#include "core/ops/ops.h"

namespace tamis::cpu {

// cos and sin of one position, multiplied by the magnitude.
struct Turns {
  float* cosines;
  float* sines;
  std::int64_t half;
};

inline void find_turns(float position, const float* inv_freq, float magnitude, const Turns& turns) {
  for (std::int64_t i = 0; i < turns.half; ++i) {
    const float angle = position * inv_freq[i];  // fp32, as the contract says
    turns.cosines[i] = static_cast<float>(std::cos(static_cast<double>(angle)) * magnitude);
    turns.sines[i] = static_cast<float>(std::sin(static_cast<double>(angle)) * magnitude);
  }
}

template <RopePairing pairing>
void rotate(float* x, const Turns& turns) {
  for (std::int64_t i = 0; i < turns.half; ++i) {
    float& first = pairing == RopePairing::kInterleaved ? x[2 * i] : x[i];
    float& second = pairing == RopePairing::kInterleaved ? x[2 * i + 1] : x[i + turns.half];
    const float a = first, b = second;
    first = a * turns.cosines[i] - b * turns.sines[i];
    second = b * turns.cosines[i] + a * turns.sines[i];
  }
}

// Rotates x[0, 2 * turns.half) in place.
inline void rotate(RopePairing pairing, float* x, const Turns& turns) {
  if (pairing == RopePairing::kInterleaved) {
    rotate<RopePairing::kInterleaved>(x, turns);
  } else {
    rotate<RopePairing::kHalfSplit>(x, turns);
  }
}

}  // namespace tamis::cpu
