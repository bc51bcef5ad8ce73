// quantize_group: a wave per group, which finds the largest magnitude by shuffles and reads the group again,
// from the cache, to divide it. Bytes: x read, codes and scales written; bound by memory, or by the integer
// arithmetic of rounding to e4m3 (some 20 instructions an element). Not measured on a card.
#include "kernels_gpu/common/elements.h"
#include "kernels_gpu/common/wave.h"
#include "kernels_gpu/quantize_group/launch.h"

namespace tamis::gpu {
namespace {

constexpr unsigned kThreads = 256;

__global__ void __launch_bounds__(kThreads) quantize_group_kernel(QuantizeGroup args) {
  const std::int64_t groups = (args.width + args.group - 1) / args.group;
  const std::int64_t waves = static_cast<std::int64_t>(gridDim.x) * waves_per_block();
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * waves_per_block() + wave_id();
  for (std::int64_t item = first; item < args.tokens * args.heads * groups; item += waves) {
    const std::int64_t vector = item / groups, begin = item % groups * args.group;
    const std::int64_t t = vector / args.heads, h = vector % args.heads;
    const std::int64_t x = t * args.x.stride + h * args.x.head_stride;
    const std::int64_t end = begin + args.group < args.width ? begin + args.group : args.width;
    float amax = 0;
#pragma unroll 1
    for (std::int64_t i = begin + lane_id(); i < end; i += wave_size()) {
      const float magnitude = fabsf(load_element(args.x.element, args.x.data, x + i));
      amax = magnitude > amax ? magnitude : amax;  // NaN is passed over
    }
    const float scale = numeric::activation_scale(wave_reduce<Max>(amax), args.pow2);
    auto* codes =
        static_cast<std::uint8_t*>(args.codes.data) + t * args.codes.stride + h * args.codes.head_stride;
#pragma unroll 1
    for (std::int64_t i = begin + lane_id(); i < end; i += wave_size()) {
      codes[i] = scaled_code(load_element(args.x.element, args.x.data, x + i), scale);
    }
    if (lane_id() == 0) args.scales[item] = scale;
  }
}

}  // namespace

Error launch_quantize_group(const QuantizeGroup& args, Stream stream) {
  const std::int64_t items = args.tokens * args.heads * ((args.width + args.group - 1) / args.group);
  if (items == 0) return kNoError;
  const std::int64_t items_per_block = kThreads / 64;
  const dim3 grid(grid_of((items + items_per_block - 1) / items_per_block));
  TAMIS_LAUNCH(quantize_group_kernel, grid, dim3(kThreads), 0, stream, args);
  return launch_error();
}

}  // namespace tamis::gpu
