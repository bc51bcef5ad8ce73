// A warp per token and 128 columns: four values a lane, one quantisation for all copies of the token. Bound
// by the bytes written, tokens * topk * columns.
#include "core/numeric/fp8.h"
#include "kernels_cuda/common/dependent_launch.cuh"
#include "kernels_cuda/common/elements.cuh"
#include "kernels_cuda/common/reduce.cuh"
#include "kernels_cuda/moe_grouped_gemm/launch.h"

namespace tamis::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / kWarp;

struct Quad {
  float v[4];
};

__device__ Quad load_quad(const QuantizeRowsArgs& args, std::int64_t token, std::int64_t column,
                          bool aligned) {
  const std::int64_t at = token * args.x.row_stride + column;
  Quad quad;
  if (aligned && args.x.type == Element::kBF16) {
    const uint2 raw = *reinterpret_cast<const uint2*>(static_cast<const std::uint16_t*>(args.x.data) + at);
    return {__uint_as_float(raw.x << 16), __uint_as_float(raw.x & 0xffff0000u), __uint_as_float(raw.y << 16),
            __uint_as_float(raw.y & 0xffff0000u)};
  }
#pragma unroll
  for (int i = 0; i < 4; ++i)
    quad.v[i] = column + i < args.columns ? load_element(args.x.data, at + i, args.x.type) : 0.0f;
  return quad;
}

// `aligned`: rows and columns in fours.
__global__ void __launch_bounds__(kThreads) quantize_rows_kernel(QuantizeRowsArgs args, bool aligned) {
  wait_for_predecessor();
  let_successor_start();
  const std::int64_t token = blockIdx.x;
  const int lane = threadIdx.x % kWarp;
  const std::int64_t group = static_cast<std::int64_t>(blockIdx.y) * kWarps + threadIdx.x / kWarp;
  if (group * 128 >= args.columns) return;
  const std::int64_t column = group * 128 + lane * 4;
  const Quad quad = load_quad(args, token, column, aligned && column < args.columns);
  float amax = 0.0f;
#pragma unroll
  for (int i = 0; i < 4; ++i) amax = fmaxf(amax, fabsf(quad.v[i]));
  amax = warp_reduce(amax, MaxMagnitude{});
  const float scale = numeric::activation_scale(amax, args.pow2);
  std::uint32_t codes = 0;
#pragma unroll
  for (int i = 0; i < 4; ++i)
    codes |= static_cast<std::uint32_t>(numeric::float_to_e4m3(__fdiv_rn(quad.v[i], scale))) << (8 * i);
  const std::int64_t copies = args.row_of == nullptr ? 1 : args.topk;
  for (std::int64_t k = 0; k < copies; ++k) {
    const std::int64_t row = args.row_of == nullptr ? token : args.row_of[token * args.topk + k];
    if (row < 0) continue;
    const std::int64_t at = group * args.planes.capacity + row;
    const auto chunk = (lane / 4) ^ static_cast<int>(row & 7);
    *reinterpret_cast<std::uint32_t*>(args.planes.codes + at * 128 + chunk * 16 + lane % 4 * 4) = codes;
    if (lane == 0) args.planes.scales[at] = scale;
  }
}

}  // namespace

cudaError_t quantize_rows(const QuantizeRowsArgs& args, cudaStream_t stream) {
  if (args.tokens == 0 || args.columns == 0) return cudaSuccess;
  const std::int64_t groups = (args.columns + 127) / 128;
  const bool aligned = args.columns % 4 == 0 && args.x.row_stride % 4 == 0 &&
                       reinterpret_cast<std::uintptr_t>(args.x.data) % 8 == 0;
  const dim3 grid(static_cast<unsigned>(args.tokens), static_cast<unsigned>((groups + kWarps - 1) / kWarps));
  return launch(quantize_rows_kernel, {grid, kThreads, 0, args.dependent}, stream, args, aligned);
}

}  // namespace tamis::cuda
