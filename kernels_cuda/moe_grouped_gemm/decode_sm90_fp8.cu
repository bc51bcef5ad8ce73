// A few rows times one FP8 matrix on Hopper: 64 weight rows a block, or a cluster of 2 to 8 blocks, which
// split K so that most units stream weights; the first block adds the partial sums in order, through
// distributed shared memory. A warp copies 8 KB tiles through 10 stages, those of the first ones before the
// predecessor is done; up to two rows are rounded by four warps, into the stage where they are multiplied,
// more come as planes (rounding four in the kernel takes 66 us for [7168, 16384], the launch before it 56);
// a warpgroup multiplies. Bound by reading the weights once.
//
// Measured on an NVIDIA H100 80GB HBM3, driver 580.159.04, 2026-11-22, `tamis bench op --device cuda --op
// linear --case fp8 --row decode_wgmma`, cold, medians: [7168, 16384] 57.4 us at one token (2.05 TB/s), 56.5
// us at 8; [2240, 7168] 15.5 and 16.8 us. In the graph of one layer (`tamis bench layer`; kernels' times by
// CUPTI, each from the end of the one before): 50 and 14 us, [24576, 1536] 15 us, [8192, 1536] 5.4 us, whose
// weights are there by then.
#include <algorithm>
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

// What a block multiplies: groups [begin, begin + count) of 128 columns of every `stride`-th tile. All roles
// walk them in the same order.
struct Work {
  int first_tile, stride, tiles;
  int begin, count;

  __device__ int steps() const { return (tiles - first_tile + stride - 1) / stride * count; }
};

// A step of the order. Tiles begin at different groups, so that blocks in step with each other do not read at
// one distance of a power of two.
struct Cursor {
  int tile, i = 0;

  __device__ explicit Cursor(const Work& work) : tile(work.first_tile) {}
  __device__ void advance(const Work& work, int steps) {
    for (i += steps; i >= work.count; i -= work.count) tile += work.stride;
  }
  __device__ int group(const Work& work) const { return work.begin + (i + tile * 11) % work.count; }
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
__device__ void copy_loop(const GroupedFp8Args& args, Shared& shared, const Work& work) {
  const auto eights = static_cast<std::uint32_t>((args.rows + 7) / 8);
  const int steps = work.steps(), ahead = min(kStages, steps);
  const auto copy_weights = [&](const Cursor& at, int stage) {
    barrier_expect(&shared.full[stage], kTileBytes + (kRound ? 0 : eights * (1024 + 32)));
    const std::int64_t index = static_cast<std::int64_t>(at.tile) * args.w.groups + at.group(work);
    bulk_copy(shared.weights[stage], args.w.codes + index * kTileBytes, kTileBytes, &shared.full[stage]);
  };
  Cursor early(work);  // weights do not wait for the predecessor
  for (int step = 0; step < ahead; ++step, early.advance(work, 1)) copy_weights(early, step);
  if constexpr (!kRound) wait_for_predecessor();
  Cursor at = kRound ? early : Cursor(work);
  Ring ring;
  ring.stage = kRound ? ahead % kStages : 0;
  ring.phase = kRound ? ahead / kStages : 0;
  for (int step = kRound ? ahead : 0; step < steps; ++step, at.advance(work, 1)) {
    if (step >= ahead) {
      barrier_wait(&shared.empty[ring.stage], ring.phase ^ 1);
      copy_weights(at, ring.stage);
    }
    if constexpr (!kRound) {
      const int group = at.group(work);
      bulk_copy(shared.rows[ring.stage], args.x.codes + group * args.x.capacity * 128, eights * 1024,
                &shared.full[ring.stage]);
      bulk_copy(shared.scales[ring.stage], args.x.scales + group * args.x.capacity, eights * 32,
                &shared.full[ring.stage]);
    }
    ring.advance<kStages>();
  }
}

// A warp rounds the rows of every kRoundWarps-th step; the load of the next row is in flight.
[[maybe_unused]] __device__ void round_loop(const DecodeFp8Args& args, Shared& shared, const Work& work,
                                            bool aligned) {
  const int lane = threadIdx.x % kWarp, warp = (static_cast<int>(threadIdx.x) - kThreads) / kWarp;
  const int rows = static_cast<int>(args.product.rows), steps = work.steps();
  Cursor at(work);
  at.advance(work, warp);
  const auto load = [&](int row) {
    return load_quad(args.x, args.columns, row, at.group(work) * 128 + lane * 4, aligned);
  };
  wait_for_predecessor();
  Quad next = load(0);
#pragma unroll 1
  for (int step = warp, row = 0; step < steps;) {
    const Quad quad = next;
    const int stage = step % kStages, turn = step / kStages;
    const bool last = row + 1 == rows;
    if (last) at.advance(work, kRoundWarps);
    next = load(last ? 0 : row + 1);
    const QuadCodes rounded = quantize_quad(quad, args.product.pow2);
    if (row == 0 && turn > 0) barrier_wait(&shared.empty[stage], static_cast<std::uint32_t>(turn - 1) & 1);
    *reinterpret_cast<std::uint32_t*>(shared.rows[stage] + row * 128 + quad_offset(lane, row)) =
        rounded.codes;
    if (lane == 0) shared.scales[stage][row] = rounded.scale;
    ++row;
    if (!last) continue;
    fence_async_proxy();
    __syncwarp();
    if (lane == 0) barrier_arrive(&shared.full[stage]);
    row = 0;
    step += kRoundWarps;
  }
}

// The scales of a tile in the order of its steps, 32 at a time, a lane each.
struct TileScales {
  const float* of_tile;
  float current, next;

  __device__ float load(const Work& work, Cursor at, int ahead) const {
    at.i = min(ahead + static_cast<int>(threadIdx.x) % kWarp, work.count - 1);
    return load_early(of_tile + at.group(work));
  }
  __device__ TileScales(const GroupedFp8Args& args, const Work& work, const Cursor& at)
      : of_tile(args.w.scales + static_cast<std::int64_t>(min(at.tile, args.w.tiles - 1)) * args.w.groups),
        current(load(work, at, 0)),
        next(load(work, at, kWarp)) {}
  // Of step at.i; called by the whole warp, step by step.
  __device__ float of_step(const Work& work, const Cursor& at) {
    if (at.i > 0 && at.i % kWarp == 0) {
      current = next;
      next = load(work, at, at.i + kWarp);
    }
    return __shfl_sync(0xffffffffu, current, at.i % kWarp);
  }
};

[[maybe_unused]] __device__ void multiply(Shared& shared, const Work& work, Cursor at, TileScales& scales,
                                          Ring& ring, float (&sums)[kSums]) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int i = 0; i < kSums; ++i) sums[i] = 0.0f;
#pragma unroll 1
  for (; at.i < work.count; ++at.i) {
    const float scale = scales.of_step(work, at);
    barrier_wait(&shared.full[ring.stage], ring.phase);
    float part[kSums];
    wgmma_fence();
    multiply_tile<kWidth>(part, shared.weights[ring.stage], shared.rows[ring.stage]);
    wgmma_wait<0>();
    promote<kWidth>(sums, part, shared.scales[ring.stage] + lane % 4 * 2, scale);
    __syncwarp();
    if (lane == 0) barrier_arrive(&shared.empty[ring.stage]);
    ring.advance<kStages>();
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
  named_barrier(1, kMathThreads);  // the tile before has been read
  stage_transposed(low, high, shared.staged, warp * 16);
  named_barrier(1, kMathThreads);
  const int chunk = lane % 8, row = warp * 4 + lane / 8, column = tile * 64 + chunk * 8;
  if (row < args.rows && column < args.w.rows)
    *reinterpret_cast<uint4*>(static_cast<std::uint16_t*>(args.y.data) + row * args.y.row_stride + column) =
        *reinterpret_cast<const uint4*>(shared.staged + row * 128 + (chunk ^ (row & 7)) * 8);
}

// The math warps of a block that has its tiles to itself.
[[maybe_unused]] __device__ void math_loop(const GroupedFp8Args& args, Shared& shared, const Work& work) {
  Cursor at(work);
  TileScales scales(args, work, at);
  wait_for_predecessor();  // what it reads may be overwritten by y
  Ring ring;
  float sums[kSums];
#pragma unroll 1
  while (at.tile < work.tiles) {
    const int tile = at.tile;
    multiply(shared, work, at, scales, ring, sums);
    at.tile += work.stride;
    if (at.tile < work.tiles) scales = TileScales(args, work, at);
    store(args, shared, tile, sums);
  }
}

// Those of a block that shares its one tile with the others of the cluster.
[[maybe_unused]] __device__ void math_part(const GroupedFp8Args& args, Shared& shared, const Work& work) {
  const Cursor at(work);
  TileScales scales(args, work, at);
  wait_for_predecessor();
  Ring ring;
  float sums[kSums];
  multiply(shared, work, at, scales, ring, sums);
#pragma unroll
  for (int i = 0; i < kSums; ++i) shared.partial[i][threadIdx.x] = sums[i];
}

[[maybe_unused]] __device__ void add_parts(const GroupedFp8Args& args, Shared& shared, int tile, int splits) {
  float sums[kSums], parts[kMaxSplits - 1][kSums];
#pragma unroll
  for (int block = 1; block < kMaxSplits; ++block) {  // all in flight
#pragma unroll
    for (int i = 0; i < kSums; ++i)
      parts[block - 1][i] = block < splits ? load_of_block(&shared.partial[i][threadIdx.x], block) : 0.0f;
  }
#pragma unroll
  for (int i = 0; i < kSums; ++i) {
    sums[i] = shared.partial[i][threadIdx.x];
#pragma unroll
    for (int block = 1; block < kMaxSplits; ++block) sums[i] += parts[block - 1][i];
  }
  store(args, shared, tile, sums);
}

template <bool kRound>
__global__ void __launch_bounds__(kThreads + (kRound ? kRoundThreads : 0))
    decode_kernel(const __grid_constant__ DecodeFp8Args decode, int splits, bool aligned) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  const GroupedFp8Args& args = decode.product;
  extern __shared__ std::uint8_t raw[];
  const std::uint32_t misaligned = shared_address(raw) % 1024;
  auto& shared = *reinterpret_cast<Shared*>(raw + (misaligned == 0 ? 0 : 1024 - misaligned));
  const int rank = static_cast<int>(blockIdx.x) % splits, begin = args.w.groups * rank / splits;
  const Work work{static_cast<int>(blockIdx.x) / splits, static_cast<int>(gridDim.x) / splits, args.w.tiles,
                  begin, args.w.groups * (rank + 1) / splits - begin};
  let_successor_start();
  if (threadIdx.x == kMathThreads) {
    for (int i = 0; i < kStages; ++i) {
      barrier_init(&shared.full[i], kRound ? 2 : 1);
      barrier_init(&shared.empty[i], kMathThreads / 32);
    }
    barrier_init_fence();
  }
  __syncthreads();
  if (kRound && threadIdx.x >= kThreads) {
    round_loop(decode, shared, work, aligned);
  } else if (threadIdx.x == kMathThreads) {
    copy_loop<kRound>(args, shared, work);
  } else if (threadIdx.x < kMathThreads) {
    if (splits == 1)
      math_loop(args, shared, work);
    else
      math_part(args, shared, work);
  }
  if (splits == 1) return;
  __syncwarp();
  cluster_sync();
  if (rank == 0 && threadIdx.x < kMathThreads) add_parts(args, shared, work.first_tile, splits);
  __syncwarp();
  cluster_sync();  // the partial sums have been read
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
  int splits = 1;  // the fewest that give nearly every unit a block
  while (splits < kMaxSplits && w.tiles * splits * 8 < units * 7 && w.groups > 4 * splits) ++splits;
  // More, so that all weights are asked for before the predecessor is done, if the blocks all run at once.
  while (splits > 1 && splits < kMaxSplits && w.groups > kStages * splits &&
         w.tiles <= active_clusters<kRound>(splits + 1))
    ++splits;
  int clusters = w.tiles;  // with a tile each, or some blocks with several
  if (const int active = active_clusters<kRound>(1); splits == 1 && active > 0)
    clusters = std::min(clusters, active);
  return launch(decode_kernel<kRound>,
                shape_of<kRound>(static_cast<unsigned>(clusters * splits), splits, args.product.dependent),
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
