// Which tile a block works on: experts' rows are cut into token tiles of at most `width` rows, evenly and at
// multiples of 8 (a tile's first and last rows may be a neighbour's), and every token tile is multiplied with
// every block of weight rows. Made by each block from the offsets, which are not trusted.
#pragma once

#include <cstdint>

#include "kernels_cuda/common/reduce.cuh"

namespace tamis::cuda {

// Rows of a tile lie at begin .. begin + 8 * eights; those of the expert are [low, high).
struct GroupedTile {
  int expert;
  int block;  // of weight rows
  int begin;  // a multiple of 8
  int eights;
  int low;
  int high;
};

struct GroupedSchedule {
  int* starts;  // shared, [experts + 1]: first row of each expert
  int* tiles;   // shared, [experts + 1]: token tiles of the experts before
  int experts;
  int blocks;  // of weight rows
  int width;

  // One warp.
  __device__ void make(const std::int32_t* offsets, std::int64_t rows) {
    const int lane = threadIdx.x % kWarp;
    int start = 0, sum = 0;  // of the experts so far
    for (int base = 0; base < experts; base += kWarp) {
      const int e = base + lane;
      int end = static_cast<int>(rows);
      if (offsets != nullptr)
        end =
            e < experts ? static_cast<int>(min(static_cast<std::int64_t>(max(offsets[e + 1], 0)), rows)) : 0;
      end = max(end, start);
#pragma unroll
      for (int step = 1; step < kWarp; step *= 2) {
        const int other = __shfl_up_sync(0xffffffffu, end, step);
        if (lane >= step) end = max(end, other);
      }
      int begin = __shfl_up_sync(0xffffffffu, end, 1);
      if (lane == 0) begin = start;
      int count = e < experts && end > begin ? ((end + 7) / 8 * 8 - begin / 8 * 8 + width - 1) / width : 0;
#pragma unroll
      for (int step = 1; step < kWarp; step *= 2) {
        const int other = __shfl_up_sync(0xffffffffu, count, step);
        if (lane >= step) count += other;
      }
      if (e < experts) {
        starts[e + 1] = end;
        tiles[e + 1] = sum + count;
      }
      start = __shfl_sync(0xffffffffu, end, kWarp - 1);
      sum += __shfl_sync(0xffffffffu, count, kWarp - 1);
    }
    if (lane == 0) starts[0] = tiles[0] = 0;
  }

  __device__ std::int64_t total() const { return static_cast<std::int64_t>(tiles[experts]) * blocks; }

  // Work item w: by expert, then block of weight rows, then token tile, so that neighbours share weights.
  __device__ GroupedTile at(std::int64_t w) const {
    int low = 0, high = experts;  // tiles[low] * blocks <= w < tiles[high] * blocks
    while (high - low > 1) {
      const int middle = (low + high) / 2;
      if (static_cast<std::int64_t>(tiles[middle]) * blocks <= w)
        low = middle;
      else
        high = middle;
    }
    const int count = tiles[low + 1] - tiles[low];
    const int local = static_cast<int>(w - static_cast<std::int64_t>(tiles[low]) * blocks);
    const int first = starts[low] / 8, eights = (starts[low + 1] + 7) / 8 - first;
    const int tile = local % count;
    const auto cut = [&](std::int64_t at) { return first + static_cast<int>(eights * at / count); };
    const int begin = cut(tile), end = cut(tile + 1);
    return {low,
            local / count,
            begin * 8,
            end - begin,
            max(begin * 8, starts[low]),
            min(end * 8, starts[low + 1])};
  }
};

}  // namespace tamis::cuda
