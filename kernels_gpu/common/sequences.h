// Sequences whose keys lie one after another: sequence s owns the rows from the sum of the lengths before it
// on. Called by all lanes of a wave.
#pragma once

#include "kernels_gpu/common/wave.h"

namespace tamis::gpu {

__device__ inline std::int64_t length_of(const Ints& lengths, std::int64_t sequence) {
  const std::int32_t length = lengths.data[sequence * lengths.stride];
  return length < 0 ? 0 : length;
}

// Sum of the lengths before `sequence`, in every lane.
__device__ inline std::int64_t first_row_of(const Ints& lengths, std::int64_t sequence) {
  long long sum = 0;
  for (std::int64_t s = lane_id(); s < sequence; s += wave_size()) sum += length_of(lengths, s);
  return wave_reduce<Sum>(sum);
}

struct SequenceRow {
  std::int64_t sequence = -1;  // -1: the row is past the last position
  std::int64_t position = 0;
};

// Whose row it is, in every lane. A wave's worth of lengths is summed at a time.
__device__ inline SequenceRow sequence_of_row(const Ints& lengths, std::int64_t sequences, std::int64_t row) {
  for (std::int64_t base = 0; base < sequences; base += wave_size()) {
    const std::int64_t s = base + lane_id();
    const long long mine = s < sequences ? length_of(lengths, s) : 0;
    long long behind = mine;  // sum up to and with this lane's
    for (int delta = 1; delta < wave_size(); delta *= 2) {
      const long long before = shuffle_up(behind, delta);
      if (lane_id() >= delta) behind += before;
    }
    const bool here = row >= behind - mine && row < behind;
    const int lane = wave_reduce<Max>(here ? lane_id() : -1);
    const long long first = shuffle(behind - mine, lane < 0 ? 0 : lane);
    const long long total = shuffle(behind, wave_size() - 1);
    if (lane >= 0) return {base + lane, row - first};
    row -= total;
  }
  return {};
}

}  // namespace tamis::gpu
