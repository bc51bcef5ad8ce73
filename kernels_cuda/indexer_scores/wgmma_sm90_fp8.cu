// Scores on Hopper's FP8 unit. Keys are the rows of the products and (token, head) the columns, 64 x 256 a
// warpgroup, so relu, weight and the sum over heads stay in registers and a score is written once.
//
// Prefill: a block holds the queries of 8 tokens (16 of 32 heads) and streams tiles of 64 keys; its two math
// warpgroups, half of the tokens each, take turns: one multiplies while the other sums. Decode: a block holds
// one token, the warpgroups take tiles in turn. One warp copies tiles, 8 or 20 ahead; three write -inf where
// nothing is visible. Shares of the tiles are equal, so few tokens with many keys fill the device as well.
//
// 16384 FLOP and 4 bytes a score at 64 heads, 132 bytes a key. Prefill is bound by the products, 2.2 ms for
// 4096 x 64K at the data sheet's rate, and as much by the sums (a maximum and a multiply-add a product
// element); decode by reading keys. The unit adds products with some 14 bits: error of normal data 1.3e-4 of
// rms(I), worst seen 7.2e-4.
//
// NVIDIA H100 80GB HBM3, 2026-11-22, tamis bench op --device cuda --op indexer_scores --tokens 1,64,4096: at
// 64K keys of one sequence 12.1 us, 79.8 us and 4.18 ms (1061 TFLOPS). Tokens of sequences of their own, same
// machine and day, L2 flushed by writing 256 MiB, median of 21: 64 x 64K 227 us, 32 x 32K 71 us. A tile costs
// a warpgroup 640 cycles of products and 920 of sums.
//
#include "kernels_cuda/indexer_scores/hopper.cuh"
#include "kernels_cuda/indexer_scores/launch.h"
#include "kernels_cuda/indexer_scores/schedule.cuh"
#include "kernels_cuda/indexer_scores/tensor_map.h"

namespace tamis::cuda {
namespace {

constexpr int kDim = 128;
constexpr int kMathGroups = 2;
constexpr int kThreads = 128 * (kMathGroups + 1);
constexpr int kKeyBytes = kTileKeys * kDim;
// Copies begin at multiples of four scales, ragged tiles anywhere.
constexpr int kScales = kTileKeys + 4;
[[maybe_unused]] constexpr int kScaleBytes = kScales * 4;

struct Maps {
  CUtensorMap q, keys, scales;
};

// kQueries tokens a warpgroup. kSplit: both warpgroups hold the same tokens and take the tiles in turn;
// otherwise they hold neighbouring tokens and both take every tile.
template <int kHeads_, int kQueries_, bool kSplit_, int kStages_>
struct Config {
  static constexpr int kHeads = kHeads_, kQueries = kQueries_, kStages = kStages_;
  static constexpr bool kSplit = kSplit_;
  static constexpr int kUnit = kSplit ? kQueries : kQueries * kMathGroups;
  static constexpr int kQueryBytes = kUnit * kHeads * kDim;
};

// Of a warpgroup's products.
template <class C>
constexpr int kColumns = C::kHeads* C::kQueries;
// Tokens that a lane stores.
template <class C>
constexpr int kStored = C::kQueries % 4 == 0 ? C::kQueries / 4 : 1;

template <class C>
struct Storage {
  alignas(1024) std::uint8_t q[2][C::kQueryBytes];
  alignas(1024) std::uint8_t keys[C::kStages][kKeyBytes];
  struct alignas(128) {
    float of_key[kScales];
  } scales[C::kStages];
  std::uint64_t full[C::kStages], empty[C::kStages], q_full[2], q_empty[2];
  int absent[C::kStages];
  unsigned scratch[kThreads / 32 + 4];
};

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)

struct Ring {
  int stage = 0;
  std::uint32_t phase = 0;
  template <int kStages>
  __device__ __forceinline__ void advance() {
    if (++stage == kStages) stage = 0, phase ^= 1;
  }
};

// One warp brings queries, key tiles and scales.
template <class C>
__device__ __forceinline__ void produce(const IndexerScoresArgs& a, const Maps& maps, Storage<C>& s,
                                        const Share& share) {
  const int lane = threadIdx.x % 32;
  Ring ring, queries;
  const bool paged = a.page_table != nullptr, scaled = paged || a.key_scale != nullptr;
  walk_share<C::kUnit>(a, share, [&](int unit_first, int, const Run& run, int first, int end) {
    if (lane == 0) {
      hopper::barrier_wait(&s.q_empty[queries.stage], queries.phase ^ 1);
      hopper::barrier_expect(&s.q_full[queries.stage], C::kQueryBytes);
      hopper::copy_3d(s.q[queries.stage], maps.q, &s.q_full[queries.stage], 0, 0, unit_first);
    }
    queries.advance<2>();
    const bool known = paged && run.group >= 0 && run.group < a.sequences;
    const std::int32_t* pages = a.page_table + (known ? run.group * a.page_table_stride : 0);
    const auto place_of = [&](int tile) {  // page, or first row; -1: absent
      if (tile >= end) return -1;
      if (!paged) return run.group + tile * kTileKeys;
      if (!known || tile >= a.pages_per_sequence) return -1;
      const int page = __ldg(pages + tile);
      return page >= 0 && page < a.key_count ? page : -1;
    };
    int ahead = place_of(first + lane);
    for (int base = first; base < end; base += 32) {
      const int mine = ahead;
      ahead = place_of(base + 32 + lane);
      const int count = min(32, end - base);
      for (int i = 0; i < count; ++i) {
        const int place = __shfl_sync(0xffffffffu, mine, i);
        if (lane == 0) {
          hopper::barrier_wait(&s.empty[ring.stage], ring.phase ^ 1);
          s.absent[ring.stage] = place < 0;
          std::uint64_t* full = &s.full[ring.stage];
          if (place < 0) {
            hopper::barrier_arrive(full);
          } else {
            hopper::barrier_expect(full, kKeyBytes + (scaled ? kScaleBytes : 0));
            hopper::copy_3d(s.keys[ring.stage], maps.keys, full, 0, paged ? 0 : place, paged ? place : 0);
            if (scaled)
              hopper::copy_2d(&s.scales[ring.stage], maps.scales, full, paged ? 0 : place & ~3,
                              paged ? place : 0);
          }
        }
        ring.advance<C::kStages>();
      }
    }
  });
}

// What a lane stores: the scores of kStored tokens.
template <class C>
struct Outputs {
  float* row;           // of the first; the others follow
  int end[kStored<C>];  // one past the last visible column; 0: the token is not of this run
};

template <class C>
__device__ __forceinline__ void load_weights(const IndexerScoresArgs& a, std::int64_t first_token,
                                             float (&weights)[kColumns<C> / 4]) {
  const int column = threadIdx.x % 4 * 2;
#pragma unroll
  for (int b = 0; b < kColumns<C> / 8; ++b) {
    const std::int64_t token = min(first_token + b * 8 / C::kHeads, a.tokens - 1);
    const int head = b * 8 % C::kHeads + column;
#pragma unroll
    for (int c = 0; c < 2; ++c) {
      float w = __ldg(a.w + token * a.w_stride + head + c);
      if (a.q_scale != nullptr) w *= __ldg(a.q_scale + token * a.q_scale_stride + head + c);
      weights[b * 2 + c] = w * a.scale;
    }
  }
}

// Sums over heads: the lane's own columns in order, then the quad's lanes. Every configuration adds in this
// order, so the bits of a score do not depend on it. sums[i][r]: token i of those that the lane stores, key r
// * 8 of the warp's.
template <class C>
__device__ __forceinline__ void reduce_heads(const float (&acc)[kColumns<C> / 2],
                                             const float (&weights)[kColumns<C> / 4],
                                             float (&sums)[kStored<C>][2]) {
  constexpr int kBlocks = C::kHeads / 8;
  float part[C::kQueries][2];
#pragma unroll
  for (int q = 0; q < C::kQueries; ++q) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      float sum = 0;
#pragma unroll
      for (int b = q * kBlocks; b < (q + 1) * kBlocks; ++b) {
#pragma unroll
        for (int c = 0; c < 2; ++c) sum = fmaf(weights[b * 2 + c], fmaxf(acc[b * 4 + r * 2 + c], 0.0f), sum);
      }
      part[q][r] = sum;
    }
  }
  if constexpr (C::kQueries == 1) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      part[0][r] += __shfl_xor_sync(0xffffffffu, part[0][r], 2);
      part[0][r] += __shfl_xor_sync(0xffffffffu, part[0][r], 1);
      sums[0][r] = part[0][r];
    }
  } else {
    constexpr int kHalf = C::kQueries / 2, kQuarter = C::kQueries / 4;
    const bool upper = (threadIdx.x & 2) != 0, odd = (threadIdx.x & 1) != 0;
    float half[kHalf][2];
#pragma unroll
    for (int q = 0; q < kHalf; ++q) {
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        const float give = upper ? part[q][r] : part[q + kHalf][r],
                    keep = upper ? part[q + kHalf][r] : part[q][r];
        half[q][r] = keep + __shfl_xor_sync(0xffffffffu, give, 2);
      }
    }
#pragma unroll
    for (int q = 0; q < kQuarter; ++q) {
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        const float give = odd ? half[q][r] : half[q + kQuarter][r],
                    keep = odd ? half[q + kQuarter][r] : half[q][r];
        sums[q][r] = keep + __shfl_xor_sync(0xffffffffu, give, 1);
      }
    }
  }
}

// Warpgroups that take every tile take turns, so that one multiplies while the other reduces: a group may
// issue its products when the other's are nearly done (all but the last of the four steps).
constexpr int kPassAfter = 3;
__device__ __forceinline__ void await_turn(int group) { hopper::named_sync(1 + group, 128 * kMathGroups); }
__device__ __forceinline__ void pass_turn(int group) { hopper::named_arrive(2 - group, 128 * kMathGroups); }

template <class C>
__device__ __forceinline__ void consume(const IndexerScoresArgs& a, Storage<C>& s, const Share& share,
                                        int group) {
  const int lane = threadIdx.x % 32, quad_lane = threadIdx.x % 4;
  const int key = threadIdx.x % 128 / 32 * 16 + lane / 4;  // of the tile; the other is key + 8
  const bool paged = a.page_table != nullptr;
  Ring ring, queries;
  unsigned done = 0;  // tiles, of either warpgroup
  float weights[kColumns<C> / 4];
  float acc[kColumns<C> / 2];
  if (!C::kSplit && group == 1) pass_turn(group);
  walk_share<C::kUnit>(a, share, [&](int unit_first, int token, const Run& run, int first, int end) {
    const int mine = unit_first + (C::kSplit ? 0 : group * C::kQueries);
    load_weights<C>(a, mine, weights);
    Outputs<C> out;
    const int stored = mine + (C::kQueries == 1 ? 0 : quad_lane * kStored<C>);
    out.row = a.scores + (stored - a.first_token) * a.score_stride;
#pragma unroll
    for (int i = 0; i < kStored<C>; ++i) {
      const int t = stored + i;
      out.end[i] = 0;
      if (t < token || t >= token + run.count) continue;
      const int from = first_key(a, t), to = end_key(a, t, from);
      out.end[i] = to > from ? to : 0;
    }
    const int origin = paged ? 0 : run.group;
    hopper::barrier_wait(&s.q_full[queries.stage], queries.phase);
    const std::uint64_t q_tile =
        hopper::tile_descriptor(s.q[queries.stage] + (C::kSplit ? 0 : group * kColumns<C> * kDim));
    for (int tile = first; tile < end; ++tile) {
      if (C::kSplit && (done++ & 1) != group) {
        ring.advance<C::kStages>();
        continue;
      }
      hopper::barrier_wait(&s.full[ring.stage], ring.phase);
      const std::uint64_t k_tile = hopper::tile_descriptor(s.keys[ring.stage]);
      if (!C::kSplit) await_turn(group);
      hopper::wgmma_fence();
#pragma unroll
      for (int k = 0; k < kDim / 32; ++k) {
        if (!C::kSplit && k == kPassAfter) hopper::wgmma_commit();
        hopper::wgmma_fp8(acc, k_tile + k * 2, q_tile + k * 2, k > 0);
      }
      hopper::wgmma_commit();
      if (!C::kSplit) {
        hopper::wgmma_wait<1>();
        pass_turn(group);
      }
      hopper::wgmma_wait<0>();
      const float* scales = s.scales[ring.stage].of_key + (origin & 3);
      const float scale0 = scales[key], scale1 = scales[key + 8];
      const bool absent = s.absent[ring.stage] != 0;
      __syncwarp();
      if (lane == 0) hopper::barrier_arrive(&s.empty[ring.stage]);
      ring.advance<C::kStages>();
      float sums[kStored<C>][2];
      reduce_heads<C>(acc, weights, sums);
      const int column = origin + tile * kTileKeys + key;
#pragma unroll
      for (int i = 0; i < kStored<C>; ++i) {
#pragma unroll
        for (int r = 0; r < 2; ++r) {
          const int col = column + r * 8;
          const float score = absent ? -INFINITY : (r == 0 ? scale0 : scale1) * sums[i][r];
          if (col < out.end[i] && (C::kQueries > 1 || quad_lane == r))
            out.row[i * a.score_stride + col] = score;
        }
      }
    }
    __syncwarp();
    if (lane == 0) hopper::barrier_arrive(&s.q_empty[queries.stage]);
    queries.advance<2>();
  });
  if (!C::kSplit && group == 0) await_turn(group);  // the other's last
}
#endif

template <class C>
__global__ void __launch_bounds__(kThreads, 1)
    scores_kernel(const __grid_constant__ Maps maps, const __grid_constant__ IndexerScoresArgs a) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  extern __shared__ __align__(1024) std::uint8_t raw[];
  auto& s = *reinterpret_cast<Storage<C>*>(raw);
  if (threadIdx.x == 0) {
    hopper::prefetch_map(maps.q);
    hopper::prefetch_map(maps.keys);
    hopper::prefetch_map(maps.scales);
    for (int i = 0; i < C::kStages; ++i) {
      hopper::barrier_init(&s.full[i], 1);
      hopper::barrier_init(&s.empty[i], C::kSplit ? 4 : 4 * kMathGroups);
    }
    for (int i = 0; i < 2; ++i) {
      hopper::barrier_init(&s.q_full[i], 1);
      hopper::barrier_init(&s.q_empty[i], 4 * kMathGroups);
    }
    hopper::barrier_fence_init();
  }
  if (a.page_table == nullptr && a.key_scale == nullptr) {
    for (int i = threadIdx.x; i < C::kStages * kScales; i += kThreads)
      s.scales[i / kScales].of_key[i % kScales] = 1.0f;
  }
  const Share share = find_share<C::kUnit, kThreads>(a, s.scratch);
  const int group = threadIdx.x / 128;
  if (group == kMathGroups) {
    hopper::set_registers_down<40>();
    if (threadIdx.x % 128 < 32) {
      produce<C>(a, maps, s, share);
    } else if (a.fill) {
      fill_hidden(a, threadIdx.x % 128 - 32, 96);
    }
  } else {
    hopper::set_registers_up<232>();
    consume<C>(a, s, share, group);
  }
#endif
}

template <class C>
cudaError_t make_maps(const IndexerScoresArgs& a, Maps& maps) {
  const auto u = [](std::int64_t v) { return static_cast<cuuint64_t>(v); };
  const bool paged = a.page_table != nullptr;
  cudaError_t error = encode(maps.q, a.q,
                             {CU_TENSOR_MAP_DATA_TYPE_UINT8,
                              CU_TENSOR_MAP_SWIZZLE_128B,
                              3,
                              {kDim, u(a.heads), u(a.tokens)},
                              {u(a.q_head_stride), u(a.q_token_stride)},
                              {kDim, C::kHeads, C::kUnit}});
  if (error != cudaSuccess) return error;
  Box keys{CU_TENSOR_MAP_DATA_TYPE_UINT8,     CU_TENSOR_MAP_SWIZZLE_128B, 3,
           {kDim, kTileKeys, u(a.key_count)}, {kDim, u(a.key_stride)},    {kDim, kTileKeys, 1}};
  Box scales{CU_TENSOR_MAP_DATA_TYPE_FLOAT32, CU_TENSOR_MAP_SWIZZLE_NONE, 2,
             {kTileKeys, u(a.key_count), 1},  {u(a.key_stride), 0},       {kScales, 1, 1}};
  const void* scale_base = a.keys + kKeyBytes;
  if (!paged) {
    keys.size[1] = u(a.key_count), keys.size[2] = 1;
    keys.stride[0] = u(a.key_stride), keys.stride[1] = u(a.key_stride * a.key_count);
    scales.size[0] = u(a.key_count), scales.size[1] = 1;
    scales.stride[0] = u((a.key_count * 4 + 15) / 16 * 16);
    scale_base = a.key_scale;
  }
  error = encode(maps.keys, a.keys, keys);
  if (error != cudaSuccess || scale_base == nullptr) return error;
  return encode(maps.scales, scale_base, scales);
}

template <class C>
cudaError_t launch(const IndexerScoresArgs& a, cudaStream_t stream) {
  if (a.end_token <= a.first_token) return cudaSuccess;
  constexpr int kBytes = static_cast<int>(sizeof(Storage<C>));
  cudaError_t error =
      cudaFuncSetAttribute(scores_kernel<C>, cudaFuncAttributeMaxDynamicSharedMemorySize, kBytes);
  if (error != cudaSuccess) return error;
  Maps maps{};
  error = make_maps<C>(a, maps);
  if (error != cudaSuccess) return error;
  scores_kernel<C><<<static_cast<unsigned>(a.units), kThreads, kBytes, stream>>>(maps, a);
  return cudaGetLastError();
}

}  // namespace

cudaError_t indexer_scores_wgmma_prefill(const IndexerScoresArgs& args, cudaStream_t stream) {
  return args.heads == 64 ? launch<Config<64, 4, false, 8>>(args, stream)
                          : launch<Config<32, 8, false, 8>>(args, stream);
}

cudaError_t indexer_scores_wgmma_decode(const IndexerScoresArgs& args, cudaStream_t stream) {
  return args.heads == 64 ? launch<Config<64, 1, true, 20>>(args, stream)
                          : launch<Config<32, 1, true, 20>>(args, stream);
}

}  // namespace tamis::cuda
