// rope: a block per token and up to 16 heads. A thread takes one pair through the block's heads, so that a sine
// and a cosine serve several of them; then the block copies what does not rotate. 3 FLOPs an element: bound by
// memory, at few heads by the sines. Not measured on a card.
#include "kernels_gpu/common/elements.h"
#include "kernels_gpu/common/rotary.h"
#include "kernels_gpu/rope/launch.h"

namespace tamis::gpu {
namespace {

constexpr int kThreads = 128;
constexpr std::int64_t kHeads = 16;  // of a block

struct Heads {
  std::int64_t token, first, last;
};

__device__ void rotate_heads(const Rope& args, const Heads& heads) {
  // As many heads at a time as the threads hold.
  const std::int64_t pairs = args.half < kThreads ? args.half : kThreads, lanes = kThreads / pairs;
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

__device__ void copy_heads(const Rope& args, const Heads& heads) {
  const std::int64_t rest = args.width - 2 * args.half;
#pragma unroll 1
  for (std::int64_t i = threadIdx.x; i < (heads.last - heads.first) * rest; i += kThreads) {
    const std::int64_t h = heads.first + i / rest, column = i % rest;
    const std::int64_t at = column < args.begin ? column : column + 2 * args.half;
    store_element(args.y.element, args.y.data, heads.token * args.y.stride + h * args.y.head_stride + at,
                  load_element(args.x.element, args.x.data,
                               heads.token * args.x.stride + h * args.x.head_stride + at));
  }
}

__global__ void __launch_bounds__(kThreads) rope_kernel(Rope args) {
  for (std::int64_t t = blockIdx.x; t < args.tokens; t += gridDim.x) {
    for (std::int64_t first = blockIdx.y * kHeads; first < args.heads; first += gridDim.y * kHeads) {
      const Heads heads{t, first, first + kHeads < args.heads ? first + kHeads : args.heads};
      if (args.half > 0) rotate_heads(args, heads);
      if (args.width > 2 * args.half) copy_heads(args, heads);
    }
  }
}

}  // namespace

Error launch_rope(const Rope& args, Stream stream) {
  if (args.tokens == 0 || args.heads == 0) return kNoError;
  const dim3 grid(grid_of(args.tokens), grid_of((args.heads + kHeads - 1) / kHeads, kMaxGridY));
  TAMIS_LAUNCH(rope_kernel, grid, dim3(kThreads), 0, stream, args);
  return launch_error();
}

}  // namespace tamis::gpu
