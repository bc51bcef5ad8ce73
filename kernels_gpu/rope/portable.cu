// rope: a block per token and up to 16 heads. A thread takes one pair through the block's heads, so that a
// sine and a cosine serve several of them; then the block copies what does not rotate. 3 FLOPs an element:
// bound by memory, at few heads by the sines. Not measured on a card.
#include "kernels_gpu/common/elements.h"
#include "kernels_gpu/common/rotary.h"
#include "kernels_gpu/rope/launch.h"

namespace tamis::gpu {
namespace {

constexpr int kThreads = 128;

__device__ void copy_heads(const Rope& args, const RopeHeads& heads) {
  const std::int64_t rest = args.width - 2 * args.half;
#pragma unroll 1
  for (std::int64_t i = threadIdx.x; i < (heads.last - heads.first) * rest; i += kThreads) {
    const std::int64_t h = heads.first + i / rest, column = i % rest;
    const std::int64_t at = column < args.begin ? column : column + 2 * args.half;
    store_element(
        args.y.element, args.y.data, heads.token * args.y.stride + h * args.y.head_stride + at,
        load_element(args.x.element, args.x.data, heads.token * args.x.stride + h * args.x.head_stride + at));
  }
}

__global__ void __launch_bounds__(kThreads) rope_kernel(Rope args) {
  for (std::int64_t t = blockIdx.x; t < args.tokens; t += gridDim.x) {
    for (std::int64_t first = blockIdx.y * kRopeHeads; first < args.heads; first += gridDim.y * kRopeHeads) {
      const RopeHeads heads{t, first, first + kRopeHeads < args.heads ? first + kRopeHeads : args.heads};
      rotate_heads(args, heads);
      if (args.width > 2 * args.half) copy_heads(args, heads);
    }
  }
}

}  // namespace

Error launch_rope(const Rope& args, Stream stream) {
  if (args.tokens == 0 || args.heads == 0) return kNoError;
  const dim3 grid(grid_of(args.tokens), grid_of((args.heads + kRopeHeads - 1) / kRopeHeads, kMaxGridY));
  TAMIS_LAUNCH(rope_kernel, grid, dim3(kThreads), 0, stream, args);
  return launch_error();
}

}  // namespace tamis::gpu
