// A few rows times one FP8 matrix on Hopper: 64 weight rows a cluster of 1 to 8 blocks, which split K so that
// every unit streams weights; the first block adds the partial sums in order, through distributed shared
// memory. A warp copies 8 KB tiles and the rows' planes through 10 stages, a warpgroup multiplies. Bound by
// reading the weights once.
// Measured on an NVIDIA H100 80GB HBM3, driver 580, CUDA 13.0, 2026-11-22, cold L2, medians of 15, with the
// rounding of x: [7168, 16384] 57.0 us at one token and 58.0 us at 16, [24576, 1536] 24.8 us, [2240,
// 7168] 15.8 us. The first reads 2.06 TB/s; `tamis bench op --device cuda --op linear --case o_proj_fp8_t1`
// gives 56.2 us.
#include "kernels_cuda/common/dependent_launch.cuh"
#include "kernels_cuda/moe_grouped_gemm/fp8_tile.cuh"
#include "kernels_cuda/moe_grouped_gemm/launch.h"

namespace tamis::cuda {
namespace {

constexpr int kWidth = kDecodeRows, kStages = 10;  // two blocks fit a unit
constexpr int kMathThreads = 128, kThreads = kMathThreads + 32;
constexpr int kSums = kWidth / 2;  // a thread

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

[[maybe_unused]] __device__ void copy_loop(const GroupedFp8Args& args, Shared& shared, int tile,
                                           Range range) {
  const auto eights = static_cast<std::uint32_t>((args.rows + 7) / 8);
  const auto copy_weights = [&](int group) {
    std::uint64_t* full = &shared.full[(group - range.begin) % kStages];
    barrier_expect(full, kTileBytes + eights * (1024 + 32));
    const std::int64_t at = static_cast<std::int64_t>(tile) * args.w.groups + group;
    bulk_copy(shared.weights[(group - range.begin) % kStages], args.w.codes + at * kTileBytes, kTileBytes,
              full);
  };
  const int ahead = min(range.begin + kStages, range.end);  // weights that do not wait for the predecessor
  for (int group = range.begin; group < ahead; ++group) copy_weights(group);
  wait_for_predecessor();
  for (int group = range.begin; group < range.end; ++group) {
    const int turn = (group - range.begin) / kStages, stage = (group - range.begin) % kStages;
    if (group >= ahead) {
      barrier_wait(&shared.empty[stage], static_cast<std::uint32_t>(turn - 1) & 1);
      copy_weights(group);
    }
    bulk_copy(shared.rows[stage], args.x.codes + group * args.x.capacity * 128, eights * 1024,
              &shared.full[stage]);
    bulk_copy(shared.scales[stage], args.x.scales + group * args.x.capacity, eights * 32,
              &shared.full[stage]);
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

__global__ void __launch_bounds__(kThreads)
    decode_kernel(const __grid_constant__ GroupedFp8Args args, int splits) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  extern __shared__ std::uint8_t raw[];
  const std::uint32_t misaligned = shared_address(raw) % 1024;
  auto& shared = *reinterpret_cast<Shared*>(raw + (misaligned == 0 ? 0 : 1024 - misaligned));
  const int tile = static_cast<int>(blockIdx.x) / splits, rank = static_cast<int>(blockIdx.x) % splits;
  const Range range{args.w.groups * rank / splits, args.w.groups * (rank + 1) / splits};
  if (threadIdx.x == kMathThreads) {
    for (int i = 0; i < kStages; ++i) {
      barrier_init(&shared.full[i], 1);
      barrier_init(&shared.empty[i], kMathThreads / 32);
    }
    barrier_init_fence();
  }
  __syncthreads();
  let_successor_start();
  float sums[kSums] = {};
  if (threadIdx.x == kMathThreads) {
    copy_loop(args, shared, tile, range);
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

}  // namespace

cudaError_t decode_fp8_sm90(const GroupedFp8Args& args, cudaStream_t stream) {
  if (args.rows == 0) return cudaSuccess;
  static const cudaError_t allowed = allow_shared_memory(reinterpret_cast<const void*>(&decode_kernel));
  if (allowed != cudaSuccess) return allowed;
  int device = 0, units = 0;
  if (const cudaError_t error = cudaGetDevice(&device); error != cudaSuccess) return error;
  if (const cudaError_t error = cudaDeviceGetAttribute(&units, cudaDevAttrMultiProcessorCount, device);
      error != cudaSuccess)
    return error;
  int splits = 1;  // the fewest that give every unit a block
  while (splits < 8 && args.w.tiles * splits < units && args.w.groups >= 8 * splits) splits *= 2;
  const auto blocks = static_cast<unsigned>(args.w.tiles * splits);
  return launch(decode_kernel,
                {blocks, kThreads, sizeof(Shared) + 1024, args.dependent, static_cast<unsigned>(splits)},
                stream, args, splits);
}

}  // namespace tamis::cuda
