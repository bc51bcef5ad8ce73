// A warp per token and 512 columns, 16 bytes a lane and load, two loads on their way: one quantisation for
// all copies of the token. A block takes eight tokens, so that it fills lines of the planes of scales. Bound
// by the bytes read and written, tokens * columns * (2 + topk). silu_quantize, a warp per row and 128
// columns, by those read, rows * 2 * width * 2.
#include "kernels_cuda/common/dependent_launch.cuh"
#include "kernels_cuda/moe_grouped_gemm/launch.h"
#include "kernels_cuda/moe_grouped_gemm/quantize.cuh"

namespace tamis::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / kWarp;
constexpr int kLoads = 2;            // of 128 columns, by half a warp
constexpr int kGroups = 2 * kLoads;  // of a warp

__global__ void __launch_bounds__(kThreads) quantize_rows_kernel(QuantizeRowsArgs args, bool aligned) {
  if (args.early) let_successor_start();
  wait_for_predecessor();
  if (!args.early) let_successor_start();
  const std::int64_t token = static_cast<std::int64_t>(blockIdx.x) * kWarps + threadIdx.x / kWarp;
  if (token >= args.tokens || (args.used != nullptr && token >= *args.used)) return;
  const int lane = threadIdx.x % 16;
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.y) * kGroups + threadIdx.x / 16 % 2;
  Eight values[kLoads];
  EightCodes codes[kLoads];
  load_eights(args.x, args.columns, token, first * 128 + lane * 8, aligned, values);
#pragma unroll
  for (int i = 0; i < kLoads; ++i) codes[i] = quantize_eight(values[i], args.pow2);
  const std::int64_t copies = args.row_of == nullptr ? 1 : args.topk;
  for (std::int64_t k = 0; k < copies; ++k) {
    const std::int64_t row = args.row_of == nullptr ? token : args.row_of[token * args.topk + k];
    if (row < 0) continue;
#pragma unroll
    for (int i = 0; i < kLoads; ++i) {
      const std::int64_t group = first + 2 * i, at = group * args.planes.capacity + row;
      if (group * 128 >= args.columns) continue;
      const std::int64_t place =
          args.row_major ? row * args.columns + group * 128 + lane * 8 : at * 128 + eight_offset(lane, row);
      *reinterpret_cast<uint2*>(args.planes.codes + place) = codes[i].codes;
      if (lane == 0) args.planes.scales[at] = codes[i].scale;
    }
  }
}

__global__ void __launch_bounds__(kThreads) silu_quantize_kernel(SiluQuantizeArgs args, bool aligned) {
  const std::int64_t row = blockIdx.x;
  const int lane = threadIdx.x % kWarp;
  const std::int64_t group = static_cast<std::int64_t>(blockIdx.y) * kWarps + threadIdx.x / kWarp;
  if (group * 128 >= args.width || row >= *args.used) return;
  ConstMatrix up = args.gate_up;
  up.data = static_cast<const std::uint16_t*>(up.data) + args.width;
  const std::int64_t column = group * 128 + lane * 4;
  const Quad gates = load_quad(args.gate_up, args.width, row, column, aligned);
  Quad product = load_quad(up, args.width, row, column, aligned);
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const float silu = __fdividef(gates.v[i], 1.0f + __expf(-gates.v[i]));
    product.v[i] =
        __uint_as_float(static_cast<std::uint32_t>(numeric::float_to_bf16(silu * product.v[i])) << 16);
  }
  const auto [codes, scale] = quantize_quad(product, args.pow2);
  const std::int64_t at = group * args.planes.capacity + row;
  *reinterpret_cast<std::uint32_t*>(args.planes.codes + at * 128 + quad_offset(lane, row)) = codes;
  if (lane == 0) args.planes.scales[at] = scale;
}

}  // namespace

cudaError_t quantize_rows(const QuantizeRowsArgs& args, cudaStream_t stream) {
  if (args.tokens == 0 || args.columns == 0) return cudaSuccess;
  const std::int64_t groups = (args.columns + 127) / 128;
  const bool aligned = eights_aligned(args.x, args.columns);
  const dim3 grid(static_cast<unsigned>((args.tokens + kWarps - 1) / kWarps),
                  static_cast<unsigned>((groups + kGroups - 1) / kGroups));
  return launch(quantize_rows_kernel, {grid, kThreads, 0, args.dependent}, stream, args, aligned);
}

cudaError_t silu_quantize(const SiluQuantizeArgs& args, cudaStream_t stream) {
  if (args.rows == 0 || args.width == 0) return cudaSuccess;
  const std::int64_t groups = (args.width + 127) / 128;
  const dim3 grid(static_cast<unsigned>(args.rows), static_cast<unsigned>((groups + kWarps - 1) / kWarps));
  silu_quantize_kernel<<<grid, kThreads, 0, stream>>>(args, quads_aligned(args.gate_up, args.width));
  return cudaGetLastError();
}

}  // namespace tamis::cuda
