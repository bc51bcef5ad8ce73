// Adds the parts that a split launch left for each token: one block a (token, head), four columns a thread,
// parts in their order, so the bits are the same every run. Bound by the 2 KB a part and head that it reads,
// from L2 for decode.
#include "kernels_cuda/common/reduce.cuh"
#include "kernels_cuda/sparse_mla/tile.cuh"

namespace tamis::cuda {
namespace {

using namespace mla;

constexpr int kMergeThreads = kSparseMlaC / 4;

__global__ void __launch_bounds__(kMergeThreads, 8) merge_kernel(SparseMlaArgs args) {
  const std::int64_t token = blockIdx.x / args.heads;
  const int head = static_cast<int>(blockIdx.x % args.heads), lane = threadIdx.x % 32;
  float top = -INFINITY, sum = 0.0f;
  float4 out = make_float4(0, 0, 0, 0);
  // 32 parts at a time; lane l knows maximum and sum of part first + l.
  for (int first = 0; first < args.splits; first += 32) {
    const bool mine = first + lane < args.splits;
    const Partial part = partial_of(args, token, mine ? first + lane : first);
    const float part_top = mine ? part.maximum[head] : -INFINITY, part_sum = mine ? part.sum[head] : 0.0f;
    const float before = top;
    top = fmaxf(top, warp_reduce(part_top, Max{}));
    const float base = top == -INFINITY ? 0.0f : top;
    const float old = exp2_fast(before - base), factor = exp2_fast(part_top - base);
    sum = sum * old + warp_reduce(part_sum * factor, Sum{});
    out = make_float4(out.x * old, out.y * old, out.z * old, out.w * old);
    const float* from = partial_of(args, token, first).out + static_cast<std::int64_t>(head) * kSparseMlaC;
#pragma unroll 8
    for (int s = 0; s < min(args.splits - first, 32); ++s) {
      const float f = __shfl_sync(kAll, factor, s);
      const float4 v = *reinterpret_cast<const float4*>(from + std::int64_t{s} * args.heads * kSparseMlaC +
                                                        threadIdx.x * 4);
      out.x += v.x * f;
      out.y += v.y * f;
      out.z += v.z * f;
      out.w += v.w * f;
    }
  }
  const HeadResult result = finish_head(args, head, top, sum);
  if (threadIdx.x == 0) store_head(args, token, head, result);
  auto* to =
      static_cast<__nv_bfloat16*>(args.out) + token * args.out_token + head * args.out_head + threadIdx.x * 4;
  const float f = result.out_scale;
  *reinterpret_cast<uint2*>(to) =
      make_uint2(pack_bf16(out.x * f, out.y * f), pack_bf16(out.z * f, out.w * f));
}

}  // namespace

cudaError_t sparse_mla_merge(const SparseMlaArgs& args, cudaStream_t stream) {
  if (args.tokens == 0 || args.heads == 0) return cudaSuccess;
  merge_kernel<<<static_cast<unsigned>(args.tokens * args.heads), kMergeThreads, 0, stream>>>(args);
  return cudaGetLastError();
}

}  // namespace tamis::cuda
