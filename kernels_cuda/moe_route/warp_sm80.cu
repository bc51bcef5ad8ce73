// A block per token. An expert is chosen if fewer than topk experts of kept groups beat it, which each thread
// counts for its own experts: E^2 comparisons (65536 for 256 experts) and no rounds of reductions.
#include <cmath>

#include "kernels_cuda/common/dependent_launch.cuh"
#include "kernels_cuda/common/reduce.cuh"
#include "kernels_cuda/moe_route/launch.h"

namespace tamis::cuda {
namespace {

// Few tokens: four lanes count for each expert.
template <int kThreads_, int kLanes_>
struct Config {
  static constexpr int kThreads = kThreads_, kLanes = kLanes_, kWarps = kThreads / kWarp;
};
using FewTokens = Config<1024, 4>;
using ManyTokens = Config<256, 1>;
constexpr std::int64_t kFewTokens = 128;
constexpr std::uint32_t kDropped = 0;  // ranks behind NaN, which is 1

// Larger is better; NaN last, -0 as +0.
__device__ __forceinline__ std::uint32_t sort_key(float value) {
  if (isnan(value)) return 1;
  const std::uint32_t bits = __float_as_uint(value + 0.0f);  // -0 + 0 is +0
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;    // of -inf: 0x007fffff
}

struct Top2 {
  std::uint32_t first, second;  // keys
};

struct MergeTop2 {
  __device__ Top2 operator()(Top2 a, Top2 b) const {
    return a.first >= b.first ? Top2{a.first, max(a.second, b.first)} : Top2{b.first, max(b.second, a.first)};
  }
};

__device__ __forceinline__ float key_value(std::uint32_t key) {
  if (key <= 1) return NAN;
  return __uint_as_float(key & 0x80000000u ? key & 0x7fffffffu : ~key);
}

__device__ __forceinline__ Top2 merge_lanes(Top2 top) {
#pragma unroll
  for (int offset = kWarp / 2; offset > 0; offset /= 2) {
    const Top2 other{__shfl_xor_sync(0xffffffffu, top.first, offset),
                     __shfl_xor_sync(0xffffffffu, top.second, offset)};
    top = MergeTop2{}(top, other);
  }
  return top;
}

// How many of `count` keys beat key i, counted by kLanes neighbouring lanes. No key is 0 that a chosen one
// meets.
template <int kLanes>
__device__ __forceinline__ int rank_of(const std::uint32_t* keys, int count, int i) {
  const std::uint32_t key = keys[i];
  int rank = 0;
#pragma unroll 8
  for (int j = threadIdx.x % kLanes; j < count; j += kLanes) rank += keys[j] > (j < i ? key - 1 : key);
#pragma unroll
  for (int offset = 1; offset < kLanes; offset *= 2) rank += __shfl_xor_sync(0xffffffffu, rank, offset);
  return rank;
}

struct RouteShared {
  float* p;
  std::uint32_t* keys;
  std::uint32_t* group_keys;
  int* group_kept;
};

// Drops the experts of all but the best groups.
template <class C>
__device__ void drop_groups(const MoeRouteArgs& args, const RouteShared& shared) {
  const int size = args.experts / args.groups;
  for (int g = threadIdx.x / kWarp; g < args.groups; g += C::kWarps) {
    Top2 top{kDropped, kDropped};
    for (int i = threadIdx.x % kWarp; i < size; i += kWarp)
      top = MergeTop2{}(top, {shared.keys[g * size + i], kDropped});
    top = merge_lanes(top);
    if (threadIdx.x % kWarp == 0)
      shared.group_keys[g] =
          size == 1 ? top.first : sort_key(__fadd_rn(key_value(top.first), key_value(top.second)));
  }
  __syncthreads();
  for (int g = threadIdx.x; g < args.groups; g += C::kThreads)
    shared.group_kept[g] = rank_of<1>(shared.group_keys, args.groups, g) < args.kept_groups;
  __syncthreads();
  for (int e = threadIdx.x; e < args.experts; e += C::kThreads)
    if (!shared.group_kept[e / size]) shared.keys[e] = kDropped;
  __syncthreads();
}

// Lists the chosen experts in ascending id and returns how many there are.
template <class C>
__device__ int write_chosen(const MoeRouteArgs& args, const RouteShared& shared, int* chosen, int* counts) {
  int before = 0;
  for (int base = 0; base < args.experts; base += C::kThreads / C::kLanes) {
    const int e = base + static_cast<int>(threadIdx.x) / C::kLanes, bounded = min(e, args.experts - 1);
    const int rank = rank_of<C::kLanes>(shared.keys, args.experts, bounded);
    const bool is = e < args.experts && threadIdx.x % C::kLanes == 0 && shared.keys[bounded] != kDropped &&
                    rank < args.topk;
    const unsigned mask = __ballot_sync(0xffffffffu, is);
    if (threadIdx.x % kWarp == 0) counts[threadIdx.x / kWarp] = __popc(mask);
    __syncthreads();
    int at = before + __popc(mask & ((1u << threadIdx.x % kWarp) - 1));
    for (int w = 0; w < C::kWarps; ++w) {
      if (w < static_cast<int>(threadIdx.x) / kWarp) at += counts[w];
      before += counts[w];
    }
    if (is) chosen[at] = e;
    __syncthreads();
  }
  return before;
}

template <class C>
__global__ void __launch_bounds__(C::kThreads) moe_route_kernel(MoeRouteArgs args) {
  extern __shared__ std::uint32_t words[];
  __shared__ int counts[C::kWarps];
  // Behind the keys of the groups lies nothing that is written while they are read: the compiler loads two of
  // them at once, past the last if their number is odd.
  std::uint32_t* keys = words + args.experts + args.groups;
  const RouteShared shared{reinterpret_cast<float*>(words), keys, keys + args.experts,
                           reinterpret_cast<int*>(words) + args.experts};
  int* chosen = reinterpret_cast<int*>(shared.group_keys) + args.groups;
  const std::int64_t token = blockIdx.x;
  let_successor_start();
  wait_for_predecessor();
  std::int32_t* ids = args.ids + token * args.topk;
  float* weights = args.weights + token * args.topk;
  if (args.slot != nullptr && args.slot[token] < 0) {
    for (int k = threadIdx.x; k < args.topk; k += C::kThreads) {
      ids[k] = -1;
      weights[k] = 0.0f;
    }
    return;
  }
  for (int e = threadIdx.x; e < args.experts; e += C::kThreads) {
    const double logit = args.logits[token * args.logits_stride + e];
    const auto p = static_cast<float>(1.0 / (1.0 + exp(-logit)));
    shared.keys[e] = sort_key(args.bias == nullptr ? p : __fadd_rn(p, args.bias[e]));
    shared.p[e] = isnan(p) ? 0.0f : p;
  }
  __syncthreads();
  if (args.kept_groups < args.groups) drop_groups<C>(args, shared);
  const int count = write_chosen<C>(args, shared, chosen, counts);
  float sum = 0.0f;
  for (int k = 0; k < count; ++k) sum += shared.p[chosen[k]];
  sum += 1e-20f;
  for (int k = threadIdx.x; k < args.topk; k += C::kThreads) {
    const float p = k < count ? shared.p[chosen[k]] : 0.0f;
    ids[k] = k < count ? chosen[k] : -1;
    weights[k] = k < count ? (args.norm ? p / sum : p) * args.scale : 0.0f;
  }
}

template <class C>
cudaError_t run(const MoeRouteArgs& args, cudaStream_t stream) {
  const auto words = static_cast<std::size_t>(2 * args.experts + 2 * args.groups + args.topk);
  static const cudaError_t allowed =
      cudaFuncSetAttribute(moe_route_kernel<C>, cudaFuncAttributeMaxDynamicSharedMemorySize, 98304);
  if (allowed != cudaSuccess) return allowed;
  return launch(
      moe_route_kernel<C>,
      {static_cast<unsigned>(args.tokens), C::kThreads, words * 4, can_depend<moe_route_kernel<C>>()}, stream,
      args);
}

}  // namespace

cudaError_t moe_route(const MoeRouteArgs& args, cudaStream_t stream) {
  if (args.tokens == 0) return cudaSuccess;
  return args.tokens <= kFewTokens ? run<FewTokens>(args, stream) : run<ManyTokens>(args, stream);
}

}  // namespace tamis::cuda
