// moe_route: a block of 64 threads per token. E sigmoids in fp64, p kept beside integer ranks of the biased
// scores; a wave per group finds its two largest; then the best
// is taken topk times, a maximum over (rank, -index). The chosen are ordered by counting.
//
// Bound by the sigmoids and by the topk rounds, of E / 64 comparisons and two barriers each; E floats a token
// are read. fp64 runs at 1/32 of fp32's rate on RDNA: E / 64 = 4 of about 40 instructions a thread for 256
// experts. Not measured on a card.
#include "core/numeric/sortable_key.h"
#include "kernels_gpu/common/wave.h"
#include "kernels_gpu/moe_route/launch.h"

namespace tamis::gpu {
namespace {

constexpr unsigned kThreads = 64;
constexpr std::uint32_t kTaken = 0;  // out of the race: chosen already, or of a dropped group

// Larger is better; NaN gives 1, the least rank that can still be chosen.
__device__ std::uint32_t rank_of(float score) { return numeric::sortable_key(score) + 1; }

__device__ float score_of(std::uint32_t rank) {
  const std::uint32_t key = rank - 1;
  if (key == 0) return numeric::bits_float(0x7fc00000u);
  return numeric::bits_float((key & 0x80000000u) != 0 ? key & 0x7fffffffu : ~key);
}

__device__ float sigmoid(float logit) {
  return static_cast<float>(1.0 / (1.0 + exp(-static_cast<double>(logit))));
}

// The largest and the second largest of some ranks; kTaken where there is none.
struct TopTwo {
  std::uint32_t first = kTaken, second = kTaken;

  __device__ void add(std::uint32_t rank) {
    if (rank > first) {
      second = first;
      first = rank;
    } else if (rank > second) {
      second = rank;
    }
  }
};

__device__ void rank_experts(const MoeRoute& args, const float* logits, std::uint32_t* ranks, float* ps) {
#pragma unroll 1
  for (std::int64_t e = threadIdx.x; e < args.experts; e += blockDim.x) {
    const float p = sigmoid(logits[e]);
    ps[e] = p;
    ranks[e] = rank_of(args.bias != nullptr ? p + args.bias[e] : p);
  }
  __syncthreads();
}

// A wave per group.
__device__ void rank_groups(const MoeRoute& args, const std::uint32_t* ranks, std::uint32_t* group_ranks) {
  const std::int64_t size = args.experts / args.groups;
  for (std::int64_t group = wave_id(); group < args.groups; group += waves_per_block()) {
    TopTwo best;
#pragma unroll 1
    for (std::int64_t i = lane_id(); i < size; i += wave_size()) best.add(ranks[group * size + i]);
    for (int mask = wave_size() / 2; mask > 0; mask /= 2) {
      const std::uint32_t first = shuffle_xor(best.first, mask), second = shuffle_xor(best.second, mask);
      best.add(first);
      best.add(second);
    }
    const float score =
        best.second == kTaken ? score_of(best.first) : score_of(best.first) + score_of(best.second);
    if (lane_id() == 0) group_ranks[group] = rank_of(score);
  }
  __syncthreads();
}

// Index of the largest rank, the lowest of equals, which is then out of the race; -1 when none is left. The
// thread that clears it is the only one to read it in the next call.
__device__ std::int64_t take_best(std::uint32_t* ranks, std::int64_t count) {
  unsigned long long best = 0;
#pragma unroll 1
  for (std::int64_t i = threadIdx.x; i < count; i += blockDim.x) {
    const std::uint32_t rank = ranks[i];
    if (rank == kTaken) continue;
    const unsigned long long key =
        static_cast<unsigned long long>(rank) << 32 | (0xffffffffu - static_cast<std::uint32_t>(i));
    best = key > best ? key : best;
  }
  best = block_reduce<Max>(best);
  if (best == 0) return -1;
  const auto index = static_cast<std::int64_t>(0xffffffffu - static_cast<std::uint32_t>(best));
  if (index % blockDim.x == threadIdx.x) ranks[index] = kTaken;
  return index;
}

// Takes the experts of all but the best groups out of the race.
__device__ void drop_groups(const MoeRoute& args, std::uint32_t* ranks, std::uint32_t* group_ranks) {
  if (args.kept_groups == args.groups) return;
  rank_groups(args, ranks, group_ranks);
  for (std::int64_t kept = 0; kept < args.kept_groups; ++kept) take_best(group_ranks, args.groups);
  __syncthreads();
  const std::int64_t size = args.experts / args.groups;
#pragma unroll 1
  for (std::int64_t e = threadIdx.x; e < args.experts; e += blockDim.x) {
    if (group_ranks[e / size] != kTaken) ranks[e] = kTaken;
  }
  __syncthreads();
}

// Ids in ascending order with their p, then the weights.
__device__ void write_chosen(const MoeRoute& args, std::int64_t t, const float* ps,
                             const std::uint32_t* chosen, std::int64_t count) {
  std::int32_t* ids = args.ids.data + t * args.ids.stride;
  float* weights = args.weights + t * args.weights_stride;
#pragma unroll 1
  for (std::int64_t j = threadIdx.x; j < count; j += blockDim.x) {
    std::int64_t place = 0;
#pragma unroll 1
    for (std::int64_t i = 0; i < count; ++i) place += chosen[i] < chosen[j] ? 1 : 0;
    const float p = ps[chosen[j]];
    ids[place] = static_cast<std::int32_t>(chosen[j]);
    weights[place] = p == p ? p : 0.0f;
  }
  __syncthreads();
  float sum = 0;
#pragma unroll 1
  for (std::int64_t j = 0; j < count; ++j) sum += weights[j];
  __syncthreads();
  for (std::int64_t j = threadIdx.x; j < args.topk; j += blockDim.x) {
    if (j < count) {
      weights[j] = (args.normalize ? weights[j] / (sum + 1e-20f) : weights[j]) * args.scale;
    } else {
      ids[j] = -1;
      weights[j] = 0;
    }
  }
}

__global__ void __launch_bounds__(kThreads) moe_route_kernel(MoeRoute args) {
  TAMIS_DYNAMIC_LOCAL(std::uint32_t, local);
  std::uint32_t* ranks = local;
  if (args.words != nullptr) ranks = args.words + blockIdx.x * args.word_count;
  std::uint32_t* group_ranks = ranks + args.experts;
  std::uint32_t* chosen = group_ranks + args.groups;
  auto* ps = reinterpret_cast<float*>(chosen + args.topk);
  for (std::int64_t t = blockIdx.x; t < args.tokens; t += gridDim.x) {
    const float* logits = args.logits + t * args.logits_stride;
    std::int64_t count = 0;
    if (args.slot.data == nullptr || args.slot.data[t * args.slot.stride] >= 0) {
      rank_experts(args, logits, ranks, ps);
      drop_groups(args, ranks, group_ranks);
      for (; count < args.topk; ++count) {
        const std::int64_t e = take_best(ranks, args.experts);
        if (e < 0) break;
        if (threadIdx.x == 0) chosen[count] = static_cast<std::uint32_t>(e);
      }
      __syncthreads();
    }
    write_chosen(args, t, ps, chosen, count);
    __syncthreads();  // chosen is read before the next token's is written
  }
}

}  // namespace

Error launch_moe_route(const MoeRoute& args, Stream stream) {
  if (args.tokens == 0) return kNoError;
  const auto local_bytes = static_cast<unsigned>(args.words == nullptr ? args.word_count * 4 : 0);
  const unsigned blocks = grid_of(args.tokens, args.words == nullptr ? kMaxGridX : kRouteBlocks);
  TAMIS_LAUNCH(moe_route_kernel, dim3(blocks), dim3(kThreads), local_bytes, stream, args);
  return launch_error();
}

}  // namespace tamis::gpu
