// linear for any number of tokens without matrix instructions: a block makes a tile of 64 tokens x 64
// outputs, 16 columns of K at a time, widened to f32 in local memory (8.5 KB); a thread sums 4 x 4 of it, in
// the order of K, so a token's bits do not depend on its neighbours.
//
// Bound by the f32 vector units at many tokens (2 T N K FLOPs; 32 bytes of local memory feed 32 FLOPs), by
// the weight's bytes at few, where 63 of 64 products are of tokens that are not there: the decode kernel is
// for those. Not measured on a card.
#include "kernels_gpu/common/wave.h"
#include "kernels_gpu/linear/operands.h"

namespace tamis::gpu {
namespace {

constexpr int kTile = 64;          // tokens and outputs of a block
constexpr int kDepth = 16;         // columns of K at a time
constexpr int kThreads = 256;      // 16 x 16
constexpr int kPerThread = 4;      // outputs of a thread, both ways
constexpr int kPitch = kTile + 4;  // floats; spreads the transposed writes over the banks

using LocalTile = float[kDepth][kPitch];

// What a block works on.
struct Corner {
  std::int64_t token, output;
};

// Four consecutive columns of one token and of one output, by each thread; zero outside.
template <Element element>
__device__ void load_tiles(const Linear& args, const Corner& corner, std::int64_t k0, LocalTile& xs,
                           LocalTile& ws) {
  const int row = static_cast<int>(threadIdx.x) / 4, first = static_cast<int>(threadIdx.x) % 4 * 4;
  const std::int64_t t = corner.token + row, j = corner.output + row;
  for (int i = first; i < first + 4; ++i) {
    const std::int64_t column = k0 + i;
    const bool inside = column < args.k;
    xs[i][row] = inside && t < args.tokens ? load_activation(args.x, t, column) : 0.0f;
    ws[i][row] = inside && j < args.w.count ? load_weight<element>(args.w, j, column) : 0.0f;
  }
}

template <Element element>
__global__ void __launch_bounds__(kThreads) linear_tiled_kernel(Linear args) {
  __shared__ LocalTile xs, ws;
  const int tx = static_cast<int>(threadIdx.x) % 16 * kPerThread,
            ty = static_cast<int>(threadIdx.x) / 16 * kPerThread;
  for (std::int64_t token = static_cast<std::int64_t>(blockIdx.y) * kTile; token < args.tokens;
       token += static_cast<std::int64_t>(gridDim.y) * kTile) {
    const Corner corner{token, static_cast<std::int64_t>(blockIdx.x) * kTile};
    float sums[kPerThread][kPerThread] = {};
    for (std::int64_t k0 = 0; k0 < args.k; k0 += kDepth) {
      load_tiles<element>(args, corner, k0, xs, ws);
      __syncthreads();
      for (int i = 0; i < kDepth; ++i) {
        for (int a = 0; a < kPerThread; ++a) {
          for (int b = 0; b < kPerThread; ++b)
            sums[a][b] = multiply_add(xs[i][ty + a], ws[i][tx + b], sums[a][b]);
        }
      }
      __syncthreads();
    }
    for (int a = 0; a < kPerThread; ++a) {
      for (int b = 0; b < kPerThread; ++b) {
        const std::int64_t t = corner.token + ty + a, j = corner.output + tx + b;
        if (t < args.tokens && j < args.w.count) store_element(args.y, t, j, sums[a][b]);
      }
    }
  }
}

template <Element element>
void launch_tiled(const Linear& args, Stream stream) {
  const auto columns = static_cast<unsigned>((args.w.count + kTile - 1) / kTile);
  const dim3 grid(columns, grid_of((args.tokens + kTile - 1) / kTile, kMaxGridY));
  TAMIS_LAUNCH((linear_tiled_kernel<element>), grid, dim3(kThreads), 0, stream, args);
}

}  // namespace

Error launch_linear_tiled(const Linear& args, Stream stream) {
  if (args.tokens == 0 || args.w.count == 0) return kNoError;
  switch (args.w.rows.element) {
    case Element::kF32: launch_tiled<Element::kF32>(args, stream); break;
    case Element::kBF16: launch_tiled<Element::kBF16>(args, stream); break;
    case Element::kF16: launch_tiled<Element::kF16>(args, stream); break;
    case Element::kE4M3: launch_tiled<Element::kE4M3>(args, stream); break;
  }
  return launch_error();
}

}  // namespace tamis::gpu
