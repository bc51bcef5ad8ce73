// Scores on mma.sync e4m3 (sm_89 on): heads on M, keys on N. A block holds the queries of 8
// neighbouring tokens (16 of 32 heads) in shared memory, in the order that the products take them, and its
// warps stream tiles of 32 keys each, from memory to registers, one tile ahead. So nothing but a new run of
// tokens makes warps wait for each other; relu, weight and the sum over heads stay in registers. Shares of
// the tiles are equal (schedule.cuh), so few tokens with many keys fill the device as well. Products are
// summed over the 128 dimensions in the unit, with its bits ("fp8_unit" in the op's contract).
//
// ESTIMATE for an L40S, where it has not run, from its data sheet (733 TFLOPS: a product of 16 x 8 x 32 in 16
// cycles of a quarter of a unit; RTX 4090: 32) and the code for sm_89 (140 registers, 68 KB): a token's 32
// keys at 64 heads are 64 products, 1024 cycles, beside some 270 issue slots (64 maxima, 64 multiply-adds)
// and 64 cycles of shared memory a warp. So the products bound prefill, 6.0 ms at best for 4096 x 64K, and
// reading keys bounds decode, 0.64 ms for 64 sequences of 64K at 864 GB/s.
//
// Measured on an NVIDIA H100 80GB HBM3 alone, where the driver makes f16 products of it, which says nothing
// about Ada: 2026-11-22, `tamis bench op --device cuda --op indexer_scores --row mma_sm8 --tokens 64`, cold,
// medians: 64 tokens x 64K 272 us, 64 sequences of 64K 338 us (mma_sm80_bf16: 530 us, 1.13 ms).
#include "kernels_cuda/common/mma_bf16.cuh"
#include "kernels_cuda/common/mma_fp8.cuh"
#include "kernels_cuda/indexer_scores/launch.h"
#include "kernels_cuda/indexer_scores/schedule.cuh"

namespace tamis::cuda {
namespace {

constexpr int kDim = 128, kThreads = 256, kWarps = kThreads / 32;
constexpr int kWarpKeys = 32;  // of a warp's tile
constexpr int kQueries = 512;  // of a block: tokens times heads, 64 KB
constexpr int kPageKeys = 64;
static_assert(kTileKeys % kWarpKeys == 0);

template <int kHeads>
constexpr int kUnit = kQueries / kHeads;  // tokens that share keys

struct Shared {
  // Rows token * heads + head, 16 of them and 32 of the dimensions at a time, as a product takes them from
  // its lanes. In step 2 * half + s a lane has words 2 * s and 2 * s + 1 of chunk half * 4 + lane % 4 of a
  // row: keys, which come straight from memory by chunks, have the same order.
  uint4 q[kQueries / 16][kDim / 32][32];
  float w[kQueries];
  int ends[kQueries];  // one past the last column that a token sees
  unsigned scratch[kWarps + 4];
};

// A tile of 32 keys as a warp holds it: lane 4 * g + t has chunks t and t + 4 of keys g, g + 8, g + 16 and g
// + 24, and stores the score of key own_key().
struct Keys {
  uint4 chunks[4][2];
  float scale;  // of own_key()
  bool present;
};
__device__ __forceinline__ int own_key() {
  const int g = threadIdx.x % 32 / 4;
  return g / 2 * 8 + static_cast<int>(threadIdx.x) % 4 * 2 + g % 2;
}

// Where the keys of a run are: `row` of column 0 of the run, or a sequence's pages.
struct Source {
  const std::int32_t* pages;  // null: ragged
  std::int64_t page_count;
  int origin;  // column of the run's first key
};
__device__ Source source_of(const IndexerScoresArgs& a, const Run& run) {
  if (a.page_table == nullptr) return {nullptr, 0, run.group};
  const bool known = run.group >= 0 && run.group < a.sequences;
  return {a.page_table + (known ? run.group * a.page_table_stride : 0), known ? a.pages_per_sequence : 0, 0};
}

__device__ __forceinline__ void load_keys(const IndexerScoresArgs& a, const Source& source, int tile,
                                          Keys& keys) {
  const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
  const int column = source.origin + tile * kWarpKeys, own = own_key();
  const std::uint8_t* rows = nullptr;  // of the tile's keys
  const float* scales = nullptr;
  int count = kWarpKeys;
  if (source.pages == nullptr) {
    count = min(kWarpKeys, static_cast<int>(a.end_column) - column);
    rows = a.keys + column * a.key_stride;
    if (a.key_scale != nullptr) scales = a.key_scale + column;
  } else {
    const int index = tile * kWarpKeys / kPageKeys, first = tile * kWarpKeys % kPageKeys;
    const int page = index < source.page_count ? __ldg(source.pages + index) : -1;
    if (page >= 0 && page < a.key_count) {
      rows = a.keys + page * a.key_stride + first * kDim;
      scales = reinterpret_cast<const float*>(a.keys + page * a.key_stride + kPageKeys * kDim) + first;
    }
  }
  const std::int64_t stride = source.pages == nullptr ? a.key_stride : kDim;
  keys.present = rows != nullptr;
  keys.scale = scales != nullptr && own < count ? __ldg(scales + own) : 1.0f;
#pragma unroll
  for (int r = 0; r < 4; ++r) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      keys.chunks[r][half] = {0, 0, 0, 0};
      if (rows != nullptr && r * 8 + g < count)
        keys.chunks[r][half] =
            __ldg(reinterpret_cast<const uint4*>(rows + (r * 8 + g) * stride) + half * 4 + t);
    }
  }
}

// The queries of a run, its weights and what its tokens see.
template <int kHeads>
__device__ void load_queries(const IndexerScoresArgs& a, int token, const Run& run, Shared& shared) {
  for (int i = threadIdx.x; i < run.count * kHeads * (kDim / 16); i += kThreads) {
    const int row = i / (kDim / 16), chunk = i % (kDim / 16);
    const uint4 four = __ldg(reinterpret_cast<const uint4*>(a.q + (token + row / kHeads) * a.q_token_stride +
                                                            row % kHeads * a.q_head_stride) +
                             chunk);
    const std::uint32_t words[4] = {four.x, four.y, four.z, four.w};
#pragma unroll
    for (int w = 0; w < 4; ++w) {
      uint4& lane = shared.q[row / 16][chunk / 4 * 2 + w / 2][row % 8 * 4 + chunk % 4];
      reinterpret_cast<std::uint32_t*>(&lane)[row % 16 / 8 + w % 2 * 2] = words[w];
    }
  }
  for (int i = threadIdx.x; i < run.count * kHeads; i += kThreads) {
    const std::int64_t t = token + i / kHeads;
    float w = __ldg(a.w + t * a.w_stride + i % kHeads);
    if (a.q_scale != nullptr) w *= __ldg(a.q_scale + t * a.q_scale_stride + i % kHeads);
    shared.w[i] = w * a.scale;
  }
  for (int i = threadIdx.x; i < run.count; i += kThreads) {
    const int first = first_key(a, token + i), end = end_key(a, token + i, first);
    shared.ends[i] = end > first ? end : 0;
  }
}

// Adds 16 heads, rows [16 * block, 16 * block + 16) of the queries, to the sums of keys 8 * r + 2 * t + {0,
// 1}, of which each of the lanes g of a column has two heads' part.
__device__ __forceinline__ void add_heads(const Shared& shared, int block, const Keys& keys,
                                          float (&sums)[4][2]) {
  const int lane = threadIdx.x % 32;
  float d[4][4] = {};
#pragma unroll
  for (int half = 0; half < 2; ++half) {
#pragma unroll
    for (int s = 0; s < 2; ++s) {
      const uint4 four = shared.q[block][half * 2 + s][lane];
      const std::uint32_t q[4] = {four.x, four.y, four.z, four.w};
#pragma unroll
      for (int r = 0; r < 4; ++r) {
        const uint4& key = keys.chunks[r][half];
        mma_fp8::mma(d[r], q, s == 0 ? key.x : key.z, s == 0 ? key.y : key.w);
      }
    }
  }
  const float low = shared.w[block * 16 + lane / 4], high = shared.w[block * 16 + 8 + lane / 4];
#pragma unroll
  for (int r = 0; r < 4; ++r) {
#pragma unroll
    for (int c = 0; c < 2; ++c) {
      sums[r][c] = fmaf(low, fmaxf(d[r][c], 0.0f), sums[r][c]);
      sums[r][c] = fmaf(high, fmaxf(d[r][c + 2], 0.0f), sums[r][c]);
    }
  }
}

// Adds up what the lanes g of a column have; each keeps own_key()'s. Of pairs of lanes, one takes one half of
// the sums, one the other.
__device__ __forceinline__ float own_sum(const float (&sums)[4][2]) {
  const auto exchange = [](bool upper, float first, float second, int lanes) {
    return (upper ? second : first) + __shfl_xor_sync(mma_bf16::kAll, upper ? first : second, lanes);
  };
  const unsigned lane = threadIdx.x % 32;
  float half[2][2], quarter[2];
#pragma unroll
  for (int r = 0; r < 2; ++r) {
#pragma unroll
    for (int c = 0; c < 2; ++c) half[r][c] = exchange((lane & 16) != 0, sums[r][c], sums[r + 2][c], 16);
  }
#pragma unroll
  for (int c = 0; c < 2; ++c) quarter[c] = exchange((lane & 8) != 0, half[0][c], half[1][c], 8);
  return exchange((lane & 4) != 0, quarter[0], quarter[1], 4);
}

template <int kHeads>
__global__ void __launch_bounds__(kThreads, 1) scores_kernel(const __grid_constant__ IndexerScoresArgs a) {
  extern __shared__ __align__(128) std::uint8_t raw[];
  auto& shared = *reinterpret_cast<Shared*>(raw);
  if (a.fill) fill_hidden(a, static_cast<int>(threadIdx.x), kThreads);
  const Share share = find_share<kUnit<kHeads>, kThreads>(a, shared.scratch);
  const int warp = static_cast<int>(threadIdx.x) / 32, own = own_key();
  constexpr int kPerTile = kTileKeys / kWarpKeys;
  walk_share<kUnit<kHeads>>(a, share, [&](int, int token, const Run& run, int first, int end) {
    const Source source = source_of(a, run);
    int tile = first * kPerTile + warp;
    const int end_tile = end * kPerTile;
    Keys keys, next;
    if (tile < end_tile) load_keys(a, source, tile, next);
    __syncthreads();  // the queries before have been read
    load_queries<kHeads>(a, token, run, shared);
    __syncthreads();
    for (; tile < end_tile; tile += kWarps) {
      keys = next;
      if (tile + kWarps < end_tile) load_keys(a, source, tile + kWarps, next);
      const int column = source.origin + tile * kWarpKeys;
      for (int i = 0; i < run.count; ++i) {
        if (shared.ends[i] <= column) continue;
        float sums[4][2] = {};
#pragma unroll 1
        for (int block = 0; block < kHeads / 16; ++block)
          add_heads(shared, i * (kHeads / 16) + block, keys, sums);
        const float sum = own_sum(sums);
        if (column + own < shared.ends[i])
          a.scores[(token + i - a.first_token) * a.score_stride + column + own] =
              keys.present ? keys.scale * sum : -INFINITY;
      }
    }
  });
}

template <int kHeads>
cudaError_t launch(const IndexerScoresArgs& args, cudaStream_t stream) {
  constexpr int kBytes = sizeof(Shared);
  const cudaError_t error =
      cudaFuncSetAttribute(scores_kernel<kHeads>, cudaFuncAttributeMaxDynamicSharedMemorySize, kBytes);
  if (error != cudaSuccess) return error;
  scores_kernel<kHeads><<<static_cast<unsigned>(args.units), kThreads, kBytes, stream>>>(args);
  return cudaGetLastError();
}

}  // namespace

cudaError_t indexer_scores_mma_fp8(const IndexerScoresArgs& args, cudaStream_t stream) {
  if (args.end_token <= args.first_token) return cudaSuccess;
  return args.heads == 64 ? launch<64>(args, stream) : launch<32>(args, stream);
}

}  // namespace tamis::cuda
