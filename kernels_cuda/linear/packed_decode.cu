// A few tokens: one warp per weight row, 16 codes a lane and load, the tokens' sums in registers. Bound by
// reading the weight once; x comes from L1 and L2.
#include "kernels_cuda/common/elements.cuh"
#include "kernels_cuda/common/reduce.cuh"
#include "kernels_cuda/linear/launch.h"

namespace tamis::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kCodes = 16;  // of one load; a group of 128 columns is eight loads

__global__ void linear_packed_decode_kernel(LinearPackedArgs args) {
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * (kThreads / kWarp) + threadIdx.x / kWarp;
  if (row >= args.n) return;
  const int lane = threadIdx.x % kWarp;
  const auto tokens = static_cast<int>(args.tokens);
  float sums[kDecodeTokens] = {};
  for (std::int64_t k0 = lane * kCodes; k0 < args.k; k0 += kWarp * kCodes) {
    const uint4 packed = *reinterpret_cast<const uint4*>(args.codes + row * args.row_bytes + k0);
    const float scale = args.scales[row * args.groups + k0 / 128];
    const std::uint32_t words[4] = {packed.x, packed.y, packed.z, packed.w};
#pragma unroll
    for (int i = 0; i < kCodes; ++i) {
      if (k0 + i >= args.k) break;
      const float w =
          numeric::e4m3_to_float(static_cast<std::uint8_t>(words[i / 4] >> (8 * (i % 4)))) * scale;
#pragma unroll
      for (int t = 0; t < kDecodeTokens; ++t) {
        if (t < tokens) sums[t] += w * load_element(args.x.data, t * args.x.row_stride + k0 + i, args.x.type);
      }
    }
  }
#pragma unroll
  for (int t = 0; t < kDecodeTokens; ++t) {
    if (t >= tokens) break;
    const float sum = warp_reduce(sums[t], Sum{});
    if (lane == 0) store_element(args.y.data, t * args.y.row_stride + row, args.y.type, sum);
  }
}

std::int64_t element_bytes(Element type) { return type == Element::kF32 ? 4 : 2; }

}  // namespace

cudaError_t linear_packed_decode(const LinearPackedArgs& args, cudaStream_t stream) {
  if (args.n == 0) return cudaSuccess;
  const auto blocks = static_cast<unsigned>((args.n + kThreads / kWarp - 1) / (kThreads / kWarp));
  LinearPackedArgs part = args;
  for (std::int64_t first = 0; first < args.tokens; first += kDecodeTokens) {
    part.tokens = args.tokens - first < kDecodeTokens ? args.tokens - first : kDecodeTokens;
    part.x.data = static_cast<const std::uint8_t*>(args.x.data) +
                  first * args.x.row_stride * element_bytes(args.x.type);
    part.y.data =
        static_cast<std::uint8_t*>(args.y.data) + first * args.y.row_stride * element_bytes(args.y.type);
    linear_packed_decode_kernel<<<blocks, kThreads, 0, stream>>>(part);
  }
  return cudaGetLastError();
}

}  // namespace tamis::cuda
