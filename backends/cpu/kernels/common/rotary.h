// Rotating vectors by a position, as the contract of rope says (core/ops/rope/rope.h). Shared by rope and the
// composites that begin with it.
#pragma once

#include <cmath>
#include <cstdint>

#include "backends/cpu/kernels/rows/row_ops.h"
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

// Rotates x[0, 2 * turns.half) in place.
inline void rotate(const RowOps& ops, RopePairing pairing, float* x, const Turns& turns) {
  const auto rotate_row = pairing == RopePairing::kInterleaved ? ops.rotate_pairs : ops.rotate_halves;
  rotate_row(turns.cosines, turns.sines, turns.half, x);
}

}  // namespace tamis::cpu
