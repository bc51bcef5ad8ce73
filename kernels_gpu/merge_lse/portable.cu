// merge_lse: a wave per (token, head). a and b read, out written: bound by memory, 6 D bytes a row in bf16.
// Not measured on a card.
#include "core/numeric/online_softmax.h"
#include "kernels_gpu/common/elements.h"
#include "kernels_gpu/common/wave.h"
#include "kernels_gpu/merge_lse/launch.h"

namespace tamis::gpu {
namespace {

using numeric::kNegInf;

constexpr unsigned kThreads = 256;

struct Weights {
  float a, b, lse;
};

__device__ Weights merge_weights(float lse_a, float lse_b) {
  const float top = lse_a > lse_b ? lse_a : lse_b;
  if (top == kNegInf) return {0, 0, kNegInf};
  const float a = lse_a == top ? 1.0f : expf(lse_a - top), b = lse_b == top ? 1.0f : expf(lse_b - top);
  return {a / (a + b), b / (a + b), top + logf(a + b)};
}

__device__ float element(const Vectors& x, std::int64_t t, std::int64_t h, std::int64_t i) {
  return load_element(x.element, x.data, t * x.stride + h * x.head_stride + i);
}

__device__ float value_at(const Rows& rows, std::int64_t t, std::int64_t h) {
  return static_cast<const float*>(rows.data)[t * rows.stride + h];
}

__global__ void __launch_bounds__(kThreads) merge_lse_kernel(MergeLse args) {
  const std::int64_t waves = static_cast<std::int64_t>(gridDim.x) * waves_per_block();
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * waves_per_block() + wave_id();
  for (std::int64_t row = first; row < args.tokens * args.heads; row += waves) {
    const std::int64_t t = row / args.heads, h = row % args.heads;
    const float lse_a = value_at(args.lse_a, t, h), lse_b = value_at(args.lse_b, t, h);
    const Weights weights = merge_weights(lse_a, lse_b);
    if (lane_id() == 0) static_cast<float*>(args.lse.data)[t * args.lse.stride + h] = weights.lse;
#pragma unroll 1
    for (std::int64_t i = lane_id(); i < args.width; i += wave_size()) {
      // A side without keys is not read: it may hold anything.
      const float a = lse_a != kNegInf ? element(args.a, t, h, i) : 0.0f;
      const float b = lse_b != kNegInf ? element(args.b, t, h, i) : 0.0f;
      store_element(args.out.element, args.out.data, t * args.out.stride + h * args.out.head_stride + i,
                    weights.a * a + weights.b * b);
    }
  }
}

}  // namespace

Error launch_merge_lse(const MergeLse& args, Stream stream) {
  if (args.tokens == 0 || args.heads == 0) return kNoError;
  const std::int64_t rows_per_block = kThreads / 64;
  const dim3 grid(grid_of((args.tokens * args.heads + rows_per_block - 1) / rows_per_block));
  TAMIS_LAUNCH(merge_lse_kernel, grid, dim3(kThreads), 0, stream, args);
  return launch_error();
}

}  // namespace tamis::gpu
