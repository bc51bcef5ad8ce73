// A few rows times one FP8 matrix on Hopper: 64 weight rows a cluster of 1 to 8 blocks, which split K so that
// every unit streams weights; the first block adds the partial sums in order, through distributed shared
// memory. A warp copies 8 KB tiles and the rows' planes through 10 stages, a warpgroup multiplies. Bound by
// reading the weights once.
// Measured on an NVIDIA H100 80GB HBM3, driver 580, CUDA 13.0, 2026-11-22, cold L2, medians of 15, with the
// rounding of x: [7168, 16384] 57.0 us at one token and 58.0 us at 16, [24576, 1536] 24.8 us, [2240,
// 7168] 15.8 us. The first reads 2.06 TB/s; `tamis bench op --device cuda --op linear --case o_proj_fp8_t1`
// gives 56.2 us.
#include <array>

#include "kernels_cuda/common/dependent_launch.cuh"
#include "kernels_cuda/moe_grouped_gemm/fp8_tile.cuh"
#include "kernels_cuda/moe_grouped_gemm/launch.h"
#include "kernels_cuda/moe_grouped_gemm/quantize.cuh"

namespace tamis::cuda {
namespace {

constexpr int kWidth = kDecodeRows, kStages = 10;  // two blocks fit a unit
constexpr int kMathThreads = 128, kCopyThreads = 32, kRoundWarps = 4;
constexpr int kThreads = kMathThreads + kCopyThreads, kRoundThreads = kRoundWarps * kWarp;
constexpr int kSums = kWidth / 2;  // a thread
constexpr int kMaxSplits = 8;      // a portable cluster

struct Shared {
  alignas(1024) std::uint8_t weights[kStages][kTileBytes];
  alignas(1024) std::uint8_t rows[kStages][kWidth * 128];
  alignas(1024) std::uint16_t staged[kWidth * 128];
  alignas(16) float scales[kStages][kWidth];
  float partial[kSums][kMathThreads];
  std::uint64_t full[kStages];
  std::uint64_t empty[kStages];
};

struct Range {
  int begin, end;  // groups of 128 columns
};

[[maybe_unused]] __device__ __forceinline__ void cluster_sync() {
  asm volatile("barrier.cluster.arrive.aligned;\nbarrier.cluster.wait.aligned;" ::: "memory");
}

[[maybe_unused]] __device__ __forceinline__ float load_of_block(const float* shared, int block) {
  std::uint32_t address;
  float value;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;"
               : "=r"(address)
               : "r"(shared_address(shared)), "r"(block));
  asm volatile("ld.shared::cluster.f32 %0, [%1];" : "=f"(value) : "r"(address) : "memory");
  return value;
}

[[maybe_unused]] __device__ __forceinline__ void fence_async_proxy() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

template <bool kRound>
__device__ void copy_loop(const GroupedFp8Args& args, Shared& shared, int tile, Range range) {
  const auto eights = static_cast<std::uint32_t>((args.rows + 7) / 8);
  const auto copy_weights = [&](int group) {
    std::uint64_t* full = &shared.full[(group - range.begin) % kStages];
    barrier_expect(full, kTileBytes + (kRound ? 0 : eights * (1024 + 32)));
    const std::int64_t at = static_cast<std::int64_t>(tile) * args.w.groups + group;
    bulk_copy(shared.weights[(group - range.begin) % kStages], args.w.codes + at * kTileBytes, kTileBytes,
              full);
  };
  const int ahead = min(range.begin + kStages, range.end);  // weights that do not wait for the predecessor
  for (int group = range.begin; group < ahead; ++group) copy_weights(group);
  if constexpr (!kRound) wait_for_predecessor();
  for (int group = kRound ? ahead : range.begin; group < range.end; ++group) {
    const int turn = (group - range.begin) / kStages, stage = (group - range.begin) % kStages;
    if (group >= ahead) {
      barrier_wait(&shared.empty[stage], static_cast<std::uint32_t>(turn - 1) & 1);
      copy_weights(group);
    }
    if constexpr (!kRound) {
      bulk_copy(shared.rows[stage], args.x.codes + group * args.x.capacity * 128, eights * 1024,
                &shared.full[stage]);
      bulk_copy(shared.scales[stage], args.x.scales + group * args.x.capacity, eights * 32,
                &shared.full[stage]);
    }
  }
}

// A warp rounds every kRoundWarps-th group of the block's columns, row by row; four loads are in flight.
[[maybe_unused]] __device__ void round_loop(const DecodeFp8Args& args, Shared& shared, Range range,
                                            bool aligned) {
  constexpr int kAhead = 4;
  const int lane = threadIdx.x % kWarp, warp = (static_cast<int>(threadIdx.x) - kThreads) / kWarp;
  const int rows = static_cast<int>(args.product.rows), first = range.begin + warp;
  const int count = max(range.end - first + kRoundWarps - 1, 0) / kRoundWarps * rows;
  wait_for_predecessor();
#pragma unroll 1
  for (int base = 0; base < count; base += kAhead) {
    Quad quads[kAhead];
    QuadCodes rounded[kAhead];
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      const int item = min(base + i, count - 1), group = first + item / rows * kRoundWarps;
      quads[i] = load_quad(args.x, args.columns, item % rows, group * 128 + lane * 4, aligned);
    }
#pragma unroll
    for (int i = 0; i < kAhead; ++i) rounded[i] = quantize_quad(quads[i], args.product.pow2);
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      if (base + i >= count) break;
      const int row = (base + i) % rows, at = warp + (base + i) / rows * kRoundWarps;
      const int stage = at % kStages, turn = at / kStages;
      if (row == 0 && turn > 0) barrier_wait(&shared.empty[stage], static_cast<std::uint32_t>(turn - 1) & 1);
      *reinterpret_cast<std::uint32_t*>(shared.rows[stage] + row * 128 + quad_offset(lane, row)) =
          rounded[i].codes;
      if (lane == 0) shared.scales[stage][row] = rounded[i].scale;
      if (row + 1 < rows) continue;
      fence_async_proxy();
      __syncwarp();
      if (lane == 0) barrier_arrive(&shared.full[stage]);
    }
  }
}

[[maybe_unused]] __device__ void multiply(const GroupedFp8Args& args, Shared& shared, int tile, Range range,
                                          float (&sums)[kSums]) {
  const int lane = threadIdx.x % 32;
  const float* w_scales = args.w.scales + static_cast<std::int64_t>(tile) * args.w.groups;
  Ring ring;
  float scale = range.begin < range.end ? __ldg(w_scales + range.begin) : 0.0f;
  for (int group = range.begin; group < range.end; ++group) {
    const float next = __ldg(w_scales + min(group + 1, range.end - 1));
    barrier_wait(&shared.full[ring.stage], ring.phase);
    float part[kSums];
    wgmma_fence();
    multiply_tile<kWidth>(part, shared.weights[ring.stage], shared.rows[ring.stage]);
    wgmma_wait<0>();
    promote<kWidth>(sums, part, shared.scales[ring.stage] + lane % 4 * 2, scale);
    __syncwarp();
    if (lane == 0) barrier_arrive(&shared.empty[ring.stage]);
    ring.advance<kStages>();
    scale = next;
  }
}

// 64 columns of y, transposed by shared memory.
[[maybe_unused]] __device__ void store(const GroupedFp8Args& args, Shared& shared, int tile,
                                       const float (&sums)[kSums]) {
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  std::uint32_t low[kWidth / 8], high[kWidth / 8];
#pragma unroll
  for (int j = 0; j < kWidth / 8; ++j) {
    low[j] = pack_bf16(sums[4 * j], sums[4 * j + 1]);
    high[j] = pack_bf16(sums[4 * j + 2], sums[4 * j + 3]);
  }
  stage_transposed(low, high, shared.staged, warp * 16);
  named_barrier(1, kMathThreads);
  const int chunk = lane % 8, row = warp * 4 + lane / 8, column = tile * 64 + chunk * 8;
  if (row < args.rows && column < args.w.rows)
    *reinterpret_cast<uint4*>(static_cast<std::uint16_t*>(args.y.data) + row * args.y.row_stride + column) =
        *reinterpret_cast<const uint4*>(shared.staged + row * 128 + (chunk ^ (row & 7)) * 8);
}

template <bool kRound>
__global__ void __launch_bounds__(kThreads + (kRound ? kRoundThreads : 0))
    decode_kernel(const __grid_constant__ DecodeFp8Args decode, int splits, bool aligned) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  const GroupedFp8Args& args = decode.product;
  extern __shared__ std::uint8_t raw[];
  const std::uint32_t misaligned = shared_address(raw) % 1024;
  auto& shared = *reinterpret_cast<Shared*>(raw + (misaligned == 0 ? 0 : 1024 - misaligned));
  const int tile = static_cast<int>(blockIdx.x) / splits, rank = static_cast<int>(blockIdx.x) % splits;
  const Range range{args.w.groups * rank / splits, args.w.groups * (rank + 1) / splits};
  let_successor_start();
  if (threadIdx.x == kMathThreads) {
    for (int i = 0; i < kStages; ++i) {
      barrier_init(&shared.full[i], kRound ? 2 : 1);
      barrier_init(&shared.empty[i], kMathThreads / 32);
    }
    barrier_init_fence();
  }
  __syncthreads();
  float sums[kSums] = {};
  if (kRound && threadIdx.x >= kThreads) {
    round_loop(decode, shared, range, aligned);
  } else if (threadIdx.x == kMathThreads) {
    copy_loop<kRound>(args, shared, tile, range);
  } else if (threadIdx.x < kMathThreads) {
    wait_for_predecessor();  // what it reads may be overwritten by y
    multiply(args, shared, tile, range, sums);
#pragma unroll
    for (int i = 0; i < kSums; ++i) shared.partial[i][threadIdx.x] = sums[i];
  }
  __syncwarp();
  if (splits > 1) cluster_sync();
  if (rank == 0 && threadIdx.x < kMathThreads) {
    for (int block = 1; block < splits; ++block) {
#pragma unroll
      for (int i = 0; i < kSums; ++i) sums[i] += load_of_block(&shared.partial[i][threadIdx.x], block);
    }
    store(args, shared, tile, sums);
  }
  __syncwarp();
  if (splits > 1) cluster_sync();  // the partial sums have been read
#endif
}

template <bool kRound>
LaunchShape shape_of(unsigned blocks, int splits, bool dependent) {
  return {blocks, kThreads + (kRound ? kRoundThreads : 0), sizeof(Shared) + 1024, dependent,
          static_cast<unsigned>(splits)};
}

// How many clusters of `splits` blocks the device runs at once; 0: none.
template <bool kRound>
int active_clusters(int splits) {
  static const std::array<int, kMaxSplits + 1> counts = [] {
    std::array<int, kMaxSplits + 1> found{};
    for (int size = 1; size <= kMaxSplits; ++size) {
      const LaunchShape shape = shape_of<kRound>(static_cast<unsigned>(size), size, false);
      cudaLaunchAttribute cluster{};
      cluster.id = cudaLaunchAttributeClusterDimension;
      cluster.val.clusterDim = {shape.cluster, 1, 1};
      cudaLaunchConfig_t config{};
      config.gridDim = shape.grid;
      config.blockDim = shape.block;
      config.dynamicSmemBytes = shape.shared;
      config.attrs = &cluster;
      config.numAttrs = 1;
      if (cudaOccupancyMaxActiveClusters(&found[size], decode_kernel<kRound>, &config) != cudaSuccess) {
        static_cast<void>(cudaGetLastError());
        found[size] = 0;
      }
    }
    return found;
  }();
  return counts[static_cast<std::size_t>(splits)];
}

template <bool kRound>
cudaError_t run(const DecodeFp8Args& args, int units, cudaStream_t stream) {
  static const cudaError_t allowed =
      allow_shared_memory(reinterpret_cast<const void*>(&decode_kernel<kRound>));
  if (allowed != cudaSuccess) return allowed;
  const WeightTiles& w = args.product.w;
  int splits = 1;  // the fewest that give every unit a block
  while (splits < kMaxSplits && w.tiles * splits < units && w.groups > 4 * splits) ++splits;
  // More, so that all weights are asked for before the predecessor is done, if the blocks all run at once.
  while (splits < kMaxSplits && w.groups > kStages * splits && w.tiles <= active_clusters<kRound>(splits + 1))
    ++splits;
  return launch(decode_kernel<kRound>,
                shape_of<kRound>(static_cast<unsigned>(w.tiles * splits), splits, args.product.dependent),
                stream, args, splits, quads_aligned(args.x, args.columns));
}

}  // namespace

cudaError_t decode_fp8_sm90(const DecodeFp8Args& args, cudaStream_t stream) {
  if (args.product.rows == 0) return cudaSuccess;
  int device = 0, units = 0;
  if (const cudaError_t error = cudaGetDevice(&device); error != cudaSuccess) return error;
  if (const cudaError_t error = cudaDeviceGetAttribute(&units, cudaDevAttrMultiProcessorCount, device);
      error != cudaSuccess)
    return error;
  return args.x.data != nullptr ? run<true>(args, units, stream) : run<false>(args, units, stream);
}

}  // namespace tamis::cuda
