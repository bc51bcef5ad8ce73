// FP8 grouped GEMM on mma.sync e4m3 (sm_89 on): weights in the layout `tiles` on M, rows of x as planes of
// e4m3 on N. Blocks are persistent and copy (cp.async) 128 columns of K a stage, up to kStages - 1 ahead and
// into their next tile. Wide: 128 weight rows by at most 128 of x, eight warps of 32 x 64. Narrow: 64 by 16,
// four warps.
//
// The unit sums with fewer bits than f32 has, as Hopper's does, so sums are promoted to f32 every 128 of K,
// four products, where x scale and w scale change anyway: that is the contract's bound. Every 32 would cost
// four multiply-adds a product instead of one. Either shape sums a column of N alike: a token's bits do not
// depend on its neighbours.
//
// ESTIMATE for an L40S, where it has not run, from its data sheet (733 TFLOPS: a product of 16 x 8 x 32 in 16
// cycles of a quarter of a unit; RTX 4090: 32) and the code for sm_89 (wide: 199 registers, 96 KB; narrow: 96
// and 40 KB). A stage of the wide shape takes 2048 cycles of products, 1024 of shared memory (96 KB read by
// ldmatrix, 32 KB written), some 850 issue slots of 2048 in each quarter, and 32 KB from L2: 16 bytes a cycle
// and unit, and we do not know what Ada's L2 gives. So products or L2 bound many rows; reading the weights
// bounds fewer than some 400 rows an expert (733 TFLOPS over 864 GB/s).
//
// Measured on an NVIDIA H100 80GB HBM3 alone, where the driver makes f16 products of it, which says nothing
// about Ada: 2026-11-22, `tamis bench op --device cuda --op linear --case fp8 --row mma_sm8`, cold, medians,
// quantised x: [7168, 16384] 86.5 us, 265 us and 1.06 ms at 1, 128 and 1024 tokens (mma_sm80: 119 us, 307 us,
// 2.09 ms), [2240, 7168] 37.9, 122 and 245 us (49.6, 121, 392).
#include "kernels_cuda/common/mma_bf16.cuh"
#include "kernels_cuda/common/mma_fp8.cuh"
#include "kernels_cuda/moe_grouped_gemm/launch.h"
#include "kernels_cuda/moe_grouped_gemm/schedule.cuh"

namespace tamis::cuda {
namespace {

constexpr int kTileBytes = 8192;

// A block multiplies kTiles tiles of weight rows with at most kWidth rows of x; a warp takes 16 or 32 weight
// rows (kHigh blocks of 16) and every kSides-th block of 8 rows of x.
template <int kTiles_, int kWidth_, int kStages_>
struct Config {
  static constexpr int kTiles = kTiles_, kWidth = kWidth_, kStages = kStages_;
  static constexpr int kHigh = kTiles, kSides = kTiles, kWarpRows = 16 * kHigh;
  static constexpr int kThreads = 128 * kSides;
  static constexpr int kEights = kWidth / 8 / kSides;  // of a warp
  static constexpr int kStageBytes = kTiles * kTileBytes + kWidth * 128;
  static constexpr int kShared = kStages * kStageBytes;
};
using Narrow = Config<1, 16, 4>;  // two blocks in the 100 KB of a unit
using Wide = Config<2, 128, 3>;   // one

// Where a warp stands. Its weight rows fall into 2 * kHigh fragments of eight, and fragment f holds pair (f +
// rotation) % (2 * kHigh) of each quarter of the rows: so the sums of a lane are neighbours in y once they
// are transposed, and the rows of a fragment differ modulo 8, that is, lie in different banks.
template <class C>
struct Place {
  int side, first_row, lane;

  __device__ Place()
      : side(static_cast<int>(threadIdx.x) / 128),
        first_row(static_cast<int>(threadIdx.x) / 32 % 4 * C::kWarpRows),
        lane(static_cast<int>(threadIdx.x) % 32) {}
  static __device__ int rotation(int quarter) { return C::kHigh == 2 ? quarter : quarter / 2; }
  __device__ int weight_row(int fragment, int row) const {
    const int pair = (fragment + rotation(row / 2)) % (2 * C::kHigh);
    return first_row + row / 2 * 4 * C::kHigh + pair * 2 + row % 2;
  }
};

// Of a swizzled row of 128 bytes.
__device__ __forceinline__ int chunk_at(int row, int chunk) { return row * 128 + (chunk ^ (row % 8)) * 16; }

// What a block copies next: 128 of K of one of its tiles. It runs up to kStages - 1 steps ahead of the
// products, into the next tile.
struct Cursor {
  int item, group = 0;  // items fit an int: y would have 2^41 elements
  bool valid = false;
  GroupedTile tile{};

  __device__ explicit Cursor(const GroupedSchedule& schedule) : item(static_cast<int>(blockIdx.x)) {
    read(schedule);
  }
  __device__ void read(const GroupedSchedule& schedule) {
    valid = item < schedule.total();
    if (valid) tile = schedule.at(item);
  }
  __device__ void advance(const GroupedSchedule& schedule, int groups) {
    if (++group < groups) return;
    group = 0;
    item += static_cast<int>(gridDim.x);
    read(schedule);
  }
};

template <class C>
__device__ __forceinline__ void load_stage(const GroupedFp8Args& args, const Cursor& at,
                                           std::uint8_t* stage) {
  const GroupedTile& tile = at.tile;
  const unsigned to = mma_bf16::shared_address(stage);
#pragma unroll
  for (int i = 0; i < C::kTiles * kTileBytes / 16 / C::kThreads; ++i) {
    const int byte = (static_cast<int>(threadIdx.x) + i * C::kThreads) * 16;
    const int index = tile.block * C::kTiles + byte / kTileBytes;
    const bool present = index < args.w.tiles;
    const std::int64_t from =
        (static_cast<std::int64_t>(tile.expert) * args.w.tiles + (present ? index : 0)) * args.w.groups +
        at.group;
    mma_bf16::copy_async(to + byte, args.w.codes + from * kTileBytes + byte % kTileBytes, present);
  }
  const std::uint8_t* rows = args.x.codes + (at.group * args.x.capacity + tile.begin) * 128;
#pragma unroll
  for (int i = 0; i < C::kWidth * 8 / C::kThreads; ++i) {
    const int chunk = static_cast<int>(threadIdx.x) + i * C::kThreads, row = tile.begin + chunk / 8;
    if (chunk >= tile.eights * 64) break;
    mma_bf16::copy_async(to + C::kTiles * kTileBytes + chunk * 16, rows + chunk * 16,
                         row >= tile.low && row < tile.high);
  }
}

// Of a step: the weight tile's scale, and in lane 4 * j + q those of rows 2 * q and 2 * q + 1 of the warp's
// j-th block of 8 rows of x.
struct Scales {
  float weight;
  float2 rows;
};

// The scales of a tile, step by step.
class ScaleReader {
 public:
  template <class C>
  __device__ ScaleReader(const GroupedFp8Args& args, const GroupedTile& tile, const Place<C>& place)
      : capacity_(args.x.capacity) {
    const int index = min(tile.block * C::kTiles + place.first_row / 64, args.w.tiles - 1);
    weight_ = args.w.scales + (static_cast<std::int64_t>(tile.expert) * args.w.tiles + index) * args.w.groups;
    const int eight = place.lane / 4 * C::kSides + place.side;
    has_rows_ = place.lane / 4 < C::kEights && eight < tile.eights;
    rows_ = args.x.scales + tile.begin + (has_rows_ ? eight * 8 + place.lane % 4 * 2 : 0);
  }
  __device__ Scales next() {
    Scales scales{__ldg(weight_), {0.0f, 0.0f}};
    if (has_rows_) scales.rows = __ldg(reinterpret_cast<const float2*>(rows_));
    ++weight_;
    rows_ += capacity_;
    return scales;
  }

 private:
  const float* weight_;
  const float* rows_;
  std::int64_t capacity_;
  bool has_rows_;
};

template <class C>
using Sums = float[C::kEights][C::kHigh][4];

template <class C>
__device__ __forceinline__ void multiply_stage(unsigned stage, const Place<C>& place, const float2& scales,
                                               int eights, Sums<C>& sums) {
  const int lane = place.lane;
  std::uint32_t a[4][C::kHigh][4];  // by 32 of K
#pragma unroll
  for (int i = 0; i < C::kHigh; ++i) {
    const int row = place.weight_row(2 * i + lane / 8 % 2, lane % 8);
#pragma unroll
    for (int k = 0; k < 4; ++k) mma_bf16::ldmatrix(a[k][i], stage + chunk_at(row, 2 * k + lane / 16));
  }
  const unsigned x = stage + C::kTiles * kTileBytes;
#pragma unroll
  for (int pair = 0; pair < C::kEights; pair += 2) {
    if (pair * C::kSides >= eights) break;
    float part[2][C::kHigh][4] = {};
#pragma unroll
    for (int half = 0; half < 2; ++half) {
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        std::uint32_t b[4];
        mma_bf16::ldmatrix(
            b, x + ((pair + j) * C::kSides + place.side) * 1024 + chunk_at(lane % 8, half * 4 + lane / 8));
#pragma unroll
        for (int k = 0; k < 2; ++k) {
#pragma unroll
          for (int i = 0; i < C::kHigh; ++i)
            mma_fp8::mma(part[j][i], a[2 * half + k][i], b[2 * k], b[2 * k + 1]);
        }
      }
    }
#pragma unroll
    for (int j = 0; j < 2; ++j) {
      const int from = (pair + j) * 4 + lane % 4;
      const float even = __shfl_sync(mma_bf16::kAll, scales.x, from);
      const float odd = __shfl_sync(mma_bf16::kAll, scales.y, from);
#pragma unroll
      for (int i = 0; i < C::kHigh; ++i) {
        float(&sum)[4] = sums[pair + j][i];
        sum[0] += part[j][i][0] * even;
        sum[1] += part[j][i][1] * odd;
        sum[2] += part[j][i][2] * even;
        sum[3] += part[j][i][3] * odd;
      }
    }
  }
}

// A lane has 4 * kHigh neighbouring columns of a row of y.
template <class C>
__device__ __forceinline__ void store(const GroupedFp8Args& args, const GroupedTile& tile,
                                      const Place<C>& place, const Sums<C>& sums) {
  constexpr int kPairs = 2 * C::kHigh;
  const int quarter = place.lane % 4, rotation = Place<C>::rotation(quarter);
  const int column = tile.block * C::kTiles * 64 + place.first_row + quarter * 2 * kPairs;
  auto* y = static_cast<std::uint16_t*>(args.y.data);
#pragma unroll
  for (int j = 0; j < C::kEights; ++j) {
    std::uint32_t words[kPairs], turned[kPairs];
#pragma unroll
    for (int i = 0; i < C::kHigh; ++i) {
      const float(&sum)[4] = sums[j][i];
      words[2 * i] = mma_fp8::transpose(mma_bf16::pack_bf16(sum[0], sum[1]));
      words[2 * i + 1] = mma_fp8::transpose(mma_bf16::pack_bf16(sum[2], sum[3]));
    }
#pragma unroll
    for (int turn = 0; turn < kPairs; ++turn) {
#pragma unroll
      for (int i = 0; i < kPairs; ++i)
        if (turn == rotation) turned[(i + turn) % kPairs] = words[i];
    }
    const int row = tile.begin + (j * C::kSides + place.side) * 8 + place.lane / 4;
    if (row < tile.low || row >= tile.high || column >= args.w.rows) continue;
    std::uint16_t* to = y + row * args.y.row_stride + column;
    if constexpr (C::kHigh == 2)
      *reinterpret_cast<uint4*>(to) = {turned[0], turned[1], turned[2], turned[3]};
    else
      *reinterpret_cast<uint2*>(to) = {turned[0], turned[1]};
  }
}

template <class C>
__global__ void __launch_bounds__(C::kThreads) grouped_kernel(const __grid_constant__ GroupedFp8Args args) {
  extern __shared__ __align__(128) std::uint8_t shared[];
  int* starts = reinterpret_cast<int*>(shared + C::kShared);
  GroupedSchedule schedule{starts, starts + args.w.experts + 1, args.w.experts,
                           (args.w.tiles + C::kTiles - 1) / C::kTiles, C::kWidth};
  if (threadIdx.x < kWarp) schedule.make(args.offsets, args.rows);
  __syncthreads();
  const Place<C> place;
  const int groups = args.w.groups;
  Cursor ahead(schedule);
  const auto copy_next = [&](int stage) {
    if (ahead.valid) {
      load_stage<C>(args, ahead, shared + stage * C::kStageBytes);
      ahead.advance(schedule, groups);
    }
    mma_bf16::commit_copies();
  };
#pragma unroll
  for (int s = 0; s < C::kStages - 1; ++s) copy_next(s);
  int stage = 0;
  for (std::int64_t item = blockIdx.x; item < schedule.total(); item += gridDim.x) {
    const GroupedTile tile = schedule.at(item);
    ScaleReader reader(args, tile, place);
    Scales next = reader.next();
    Sums<C> sums = {};
    for (int group = 0; group < groups; ++group) {
      mma_fp8::wait_groups<C::kStages - 2>();
      __syncthreads();
      copy_next(stage == 0 ? C::kStages - 1 : stage - 1);
      const float2 scales{next.rows.x * next.weight, next.rows.y * next.weight};
      if (group + 1 < groups) next = reader.next();
      multiply_stage<C>(mma_bf16::shared_address(shared) + stage * C::kStageBytes, place, scales, tile.eights,
                        sums);
      stage = stage + 1 == C::kStages ? 0 : stage + 1;
    }
    store<C>(args, tile, place, sums);
  }
}

struct Device {
  int units = 0, shared_bytes = 0;
};
cudaError_t find_device(Device* found) {
  int device = 0;
  if (const cudaError_t error = cudaGetDevice(&device); error != cudaSuccess) return error;
  if (const cudaError_t error = cudaDeviceGetAttribute(&found->units, cudaDevAttrMultiProcessorCount, device);
      error != cudaSuccess)
    return error;
  return cudaDeviceGetAttribute(&found->shared_bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
}

template <class C>
constexpr int shared_bytes(int experts) {
  return C::kShared + 8 * (experts + 1);
}

template <class C>
cudaError_t run(const GroupedFp8Args& args, unsigned blocks, cudaStream_t stream) {
  const int bytes = shared_bytes<C>(args.w.experts);
  if (const cudaError_t error =
          cudaFuncSetAttribute(grouped_kernel<C>, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
      error != cudaSuccess)
    return error;
  grouped_kernel<C><<<blocks, C::kThreads, bytes, stream>>>(args);
  return cudaGetLastError();
}

}  // namespace

cudaError_t grouped_fp8_sm89(const GroupedFp8Args& args, cudaStream_t stream) {
  if (args.rows == 0) return cudaSuccess;
  Device device;
  if (const cudaError_t error = find_device(&device); error != cudaSuccess) return error;
  const auto units = static_cast<unsigned>(device.units);
  const bool few = args.expected_rows <= 9 || args.rows <= 16;
  // Of more than 383 experts, the schedule does not fit beside the wide tile in 99 KB.
  if (few || shared_bytes<Wide>(args.w.experts) > device.shared_bytes)
    return run<Narrow>(args, 2 * units, stream);
  return run<Wide>(args, units, stream);
}

}  // namespace tamis::cuda
