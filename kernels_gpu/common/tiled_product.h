// A product without matrix instructions: a block of 256 threads makes a tile of 64 tokens x 64 outputs, 16
// columns of K at a time, widened to f32 in local memory (8.5 KB); a thread sums 4 x 4 of it, in the order of
// K, so a token's bits do not depend on its neighbours. Called by all threads.
#pragma once

#include "kernels_gpu/common/product_operands.h"
#include "kernels_gpu/common/wave.h"

namespace tamis::gpu {

inline constexpr int kTile = 64;          // tokens and outputs of a block
inline constexpr int kTileThreads = 256;  // 16 x 16
inline constexpr int kTileDepth = 16;     // columns of K at a time
inline constexpr int kTilePart = 4;       // outputs of a thread, both ways

struct TileMemory {
  static constexpr int kPitch = kTile + 4;  // floats; spreads the transposed writes over the banks
  float x[kTileDepth][kPitch];
  float w[kTileDepth][kPitch];
};
using TileSums = float[kTilePart][kTilePart];

// Where the tile begins, and how many outputs there are.
struct Corner {
  std::int64_t token, output, outputs;
};

// Four consecutive columns of one token by each thread; zero outside.
__device__ inline void load_x_tile(const Product& args, const Corner& corner, std::int64_t x_column,
                                   std::int64_t k0, TileMemory& memory) {
  const int row = static_cast<int>(threadIdx.x) / 4, first = static_cast<int>(threadIdx.x) % 4 * 4;
  const std::int64_t t = corner.token + row;
  const std::int64_t source = t < args.tokens ? source_row(args.x, t) : 0;
  for (int i = first; i < first + 4; ++i) {
    const std::int64_t column = k0 + i;
    const bool inside = column < args.k && t < args.tokens;
    memory.x[i][row] = inside ? load_activation(args.x, source, x_column + column) : 0.0f;
  }
}

// The same of the weight [outputs, k]; transposed: of [k, outputs], four consecutive outputs of one column.
template <Element element, bool transposed>
__device__ inline void load_w_tile(const Product& args, const Corner& corner, std::int64_t k0,
                                   TileMemory& memory) {
  if constexpr (transposed) {
    const int i = static_cast<int>(threadIdx.x) / 16, first = static_cast<int>(threadIdx.x) % 16 * 4;
    for (int row = first; row < first + 4; ++row) {
      const std::int64_t j = corner.output + row;
      const bool inside = k0 + i < args.k && j < corner.outputs;
      memory.w[i][row] = inside ? load_weight<element>(args.w, k0 + i, j) : 0.0f;
    }
  } else {
    const int row = static_cast<int>(threadIdx.x) / 4, first = static_cast<int>(threadIdx.x) % 4 * 4;
    const std::int64_t j = corner.output + row;
    for (int i = first; i < first + 4; ++i) {
      const std::int64_t column = k0 + i;
      memory.w[i][row] =
          column < args.k && j < corner.outputs ? load_weight<element>(args.w, j, column) : 0.0f;
    }
  }
}

// Adds the product of args.k columns, of x from x_column on.
template <Element element, bool transposed>
__device__ inline void add_tile(const Product& args, const Corner& corner, std::int64_t x_column,
                                TileMemory& memory, TileSums& sums) {
  const int tx = static_cast<int>(threadIdx.x) % 16 * kTilePart,
            ty = static_cast<int>(threadIdx.x) / 16 * kTilePart;
  for (std::int64_t k0 = 0; k0 < args.k; k0 += kTileDepth) {
    load_x_tile(args, corner, x_column, k0, memory);
    load_w_tile<element, transposed>(args, corner, k0, memory);
    __syncthreads();
    for (int i = 0; i < kTileDepth; ++i) {
      for (int a = 0; a < kTilePart; ++a) {
        for (int b = 0; b < kTilePart; ++b) {
          sums[a][b] = multiply_add(memory.x[i][ty + a], memory.w[i][tx + b], sums[a][b]);
        }
      }
    }
    __syncthreads();
  }
}

__device__ inline void store_tile(const Product& args, const Corner& corner, const TileSums& sums) {
  const int tx = static_cast<int>(threadIdx.x) % 16 * kTilePart,
            ty = static_cast<int>(threadIdx.x) / 16 * kTilePart;
  for (int a = 0; a < kTilePart; ++a) {
    for (int b = 0; b < kTilePart; ++b) {
      const std::int64_t t = corner.token + ty + a, j = corner.output + tx + b;
      if (t < args.tokens && j < corner.outputs) store_element(args.y, t, j, sums[a][b]);
    }
  }
}

// The tile of an ordinary product.
template <Element element>
__device__ inline void tiled_product(const Product& args, std::int64_t token, std::int64_t output,
                                     TileMemory& memory) {
  const Corner corner{token, output, args.w.count};
  TileSums sums = {};
  add_tile<element, false>(args, corner, 0, memory, sums);
  store_tile(args, corner, sums);
}

}  // namespace tamis::gpu
