// sparse_mla on Hopper's warpgroup products: one block a (token, 64 heads, part of the keys), tiles of 64
// keys, two in shared memory. Two warpgroups compute: for the scores each takes 32 of the tile's keys, for
// the output 256 of the 512 columns, so a row's maximum is exchanged once a tile. Four more warps gather the
// next tile: bf16 rows by asynchronous copies, packed ones through registers, where they are decoded. The
// weights P are rounded to bf16 (core/graph/op_def.h, kAttentionTolerance); denominators are sums of
// unrounded ones.
//
// A token of 128 heads and 2048 keys is 0.57 GFLOP and 4.7 MB from L2 (bf16 rows, once for each 64 heads).
// Bound by the chain scores, weights, output of a tile.
//
// Measured on one H100 80GB HBM3, 2026-11-23: CUDA events around the whole op, merge included, median of 15,
// 256 MB written before each to flush the L2, top-2048 slots drawn from 65,536 rows; "shared": nine of ten
// slots the same for all tokens:
//   prefill, 4096 tokens, 128 heads, bf16: 5.4 ms (431 TFLOPS), shared 5.4; packed 8.1 ms
//   decode, packed, 128 heads, 1 / 32 / 128 tokens: 19.4 / 94 / 271 us in parts that fill the device;
//   29.3 / 135 / 516 us in fixed parts of 256 keys
#include "kernels_cuda/sparse_mla/tile.cuh"
#include "kernels_cuda/sparse_mla/wgmma.cuh"

namespace tamis::cuda {
namespace {

using namespace mla;

constexpr int kHeads = 64;
constexpr int kKeys = 64;
constexpr int kPanels = kD / 64;
constexpr int kTileBytes = kPanels * kPanelBytes;
constexpr int kProducers = 4;  // warps, after the two math warpgroups
constexpr int kBlock = kThreads + kProducers * 32;

constexpr int kQOffset = 0;
constexpr int kTilesOffset = kQOffset + kTileBytes;           // two tiles
constexpr int kMaximaOffset = kTilesOffset + 2 * kTileBytes;  // [2 groups][64]
constexpr int kValidOffset = kMaximaOffset + 2 * kHeads * 4;  // [2 tiles][64]
constexpr int kSharedBytes = kValidOffset + 2 * kKeys * 4;

#ifdef __CUDA_ARCH_FEAT_SM90_ALL

using Gathered = Entries<kKeys, kProducers>;
constexpr int kRows = Gathered::kRows;  // a producer warp's rows of a tile

// Chunk c (16 bytes) of row r of a tile in panels.
__device__ __forceinline__ int panel_offset(int r, int c) {
  return c / 8 * kPanelBytes + r * 128 + ((c ^ r) & 7) * 16;
}

// Named barriers: of the math threads; a tile is there; a tile may be written.
constexpr int kMath = 1, kFull = 2, kEmpty = 4;
__device__ __forceinline__ void arrive(int id, int threads) {
  asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

// One thread's place: warpgroup g has keys 32 g … of the scores and columns 256 g … of the output, of heads
// `row` and row + 8.
struct Place {
  int warp, lane, group, row;
  __device__ Place()
      : warp(threadIdx.x / 32), lane(threadIdx.x % 32), group(warp / 4), row(warp % 4 * 16 + lane / 4) {}
};

// A quarter of a producer warp's packed rows on their way, in registers.
constexpr int kStaged = kRows / 4;
struct Staged {
  uint4 codes[kStaged];
  float scale[kStaged];
};

__device__ __forceinline__ void stage_packed(const SparseMlaArgs& args, int first, int slot, Staged& staged) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int j = 0; j < kStaged; ++j) {
    const int s = __shfl_sync(kAll, slot, first + j);
    const char* row = cache_row(args, s);
    staged.codes[j] = make_uint4(0, 0, 0, 0);
    staged.scale[j] = 0.0f;
    if (s < 0) continue;
    staged.codes[j] = __ldg(reinterpret_cast<const uint4*>(row + lane * 16));
    staged.scale[j] = __ldg(reinterpret_cast<const float*>(row + kSparseMlaC + lane / 8 * 4));
  }
}

__device__ __forceinline__ void unpack_staged(char* tile, int row0, const Staged& staged) {
  const int lane = threadIdx.x % 32;
  const bool swap = (lane & 4) != 0;  // keeps eight neighbouring lanes in different banks
#pragma unroll
  for (int j = 0; j < kStaged; ++j) {
    const int r = row0 + j;
    const float scale = staged.scale[j];
    const uint2 a = dequantize(staged.codes[j].x, scale), b = dequantize(staged.codes[j].y, scale);
    const uint2 c = dequantize(staged.codes[j].z, scale), d = dequantize(staged.codes[j].w, scale);
    const uint4 first = make_uint4(a.x, a.y, b.x, b.y), second = make_uint4(c.x, c.y, d.x, d.y);
    const int c0 = panel_offset(r, lane * 2), c1 = panel_offset(r, lane * 2 + 1);
    *reinterpret_cast<uint4*>(tile + (swap ? c1 : c0)) = swap ? second : first;
    *reinterpret_cast<uint4*>(tile + (swap ? c0 : c1)) = swap ? first : second;
  }
}

// The rope columns of packed rows, as they are.
__device__ __forceinline__ void gather_rope(const SparseMlaArgs& args, unsigned tile, int warp, int slot) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int j = 0; j < kRows / 4; ++j) {
    const int r = warp * kRows + j * 4 + lane / 8, c = kSparseMlaC / 8 + lane % 8;
    const int s = __shfl_sync(kAll, slot, j * 4 + lane / 8);
    copy_async(tile + panel_offset(r, c), cache_row(args, s) + kSparseMlaC + 16 + lane % 8 * 16, s >= 0);
  }
}

// The producer warps: tile after tile into the two places, as they become free.
template <bool kPacked>
__device__ __forceinline__ void produce(const Work& work, char* shared) {
  const SparseMlaArgs& args = work.args;
  const Gathered entries(work);
  const int warp = threadIdx.x / 32 - kWarps, lane = threadIdx.x % 32, tiles = entries.tiles();
  auto* valid = reinterpret_cast<int*>(shared + kValidOffset);
  int slot = tiles > 0 ? entries.slot(0, warp) : -1;
  Staged a, b;
  if constexpr (kPacked) stage_packed(args, 0, slot, a);
  for (int tile = 0; tile < tiles; ++tile) {
    char* to = shared + kTilesOffset + (tile & 1) * kTileBytes;
    const int next = tile + 1 < tiles ? entries.slot(tile + 1, warp) : -1;
    if constexpr (kPacked) stage_packed(args, kStaged, slot, b);
    if (tile >= 2) barrier(kEmpty + (tile & 1), kBlock);
    if (lane < kRows) valid[(tile & 1) * kKeys + warp * kRows + lane] = slot >= 0;
    if constexpr (kPacked) {
      gather_rope(args, shared_address(to), warp, slot);
      unpack_staged(to, warp * kRows, a);
      stage_packed(args, 2 * kStaged, slot, a);
      unpack_staged(to, warp * kRows + kStaged, b);
      stage_packed(args, 3 * kStaged, slot, b);
      unpack_staged(to, warp * kRows + 2 * kStaged, a);
      stage_packed(args, 0, next, a);
      unpack_staged(to, warp * kRows + 3 * kStaged, b);
    } else {
      gather_bf16<kRows, 128, kPanelBytes>(args, shared_address(to), warp, slot);
    }
    commit_copies();
    wait_copies();
    fence_async_proxy();
    arrive(kFull + (tile & 1), kBlock);
    slot = next;
  }
}

__device__ __forceinline__ void issue_scores(const Place& at, unsigned q, unsigned k, float (&s)[16]) {
  const std::uint64_t a = descriptor(q, 16), b = descriptor(k + at.group * 32 * 128, 16);
  hold(s);
  wgmma_fence();
#pragma unroll
  for (int i = 0; i < kD / 16; ++i) {
    const int offset = (i / 4 * kPanelBytes + i % 4 * 32) >> 4;
    wgmma_n32(s, a + offset, b + offset, i > 0);
  }
  wgmma_commit();
}

__device__ __forceinline__ void issue_values(const Place& at, unsigned p, unsigned k, float (&o)[128]) {
  const std::uint64_t a = descriptor(p, 16);
  const std::uint64_t b = descriptor(k + at.group * 4 * kPanelBytes, kPanelBytes);
  hold(o);
  wgmma_fence();
#pragma unroll
  for (int i = 0; i < kKeys / 16; ++i) wgmma_n256(o, a + ((i * 32) >> 4), b + ((i * 16 * 128) >> 4));
  wgmma_commit();
}

// The running maximum and denominator of a thread's two heads, over its own keys.
struct Softmax {
  float maximum[2], sum[2];
};

// Where the weights of a tile are made.
struct Room {
  const int* valid;  // [64 keys]
  float* maxima;     // [2 groups][64 heads]
  char* p;           // P [64 heads, 64 keys] as bf16
  float scale_log2;
};

// Scores to weights in shared memory, and the output's rows to the new maximum. Needs one barrier inside, as
// the other warpgroup has the other half of the keys.
__device__ __forceinline__ void weights(const Place& at, const Room& room, float (&s)[16], Softmax& state,
                                        float (&o)[128]) {
  float top[2] = {-INFINITY, -INFINITY};
#pragma unroll
  for (int n = 0; n < 4; ++n) {
    const int2 ok = *reinterpret_cast<const int2*>(room.valid + at.group * 32 + n * 8 + at.lane % 4 * 2);
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      float& x = s[n * 4 + e];
      x = (e % 2 ? ok.y : ok.x) ? x * room.scale_log2 : -INFINITY;
      top[e / 2] = fmaxf(top[e / 2], x);
    }
  }
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    top[h] = fmaxf(top[h], __shfl_xor_sync(kAll, top[h], 1));
    top[h] = fmaxf(top[h], __shfl_xor_sync(kAll, top[h], 2));
    if (at.lane % 4 == 0) room.maxima[at.group * kHeads + at.row + h * 8] = top[h];
  }
  barrier(kMath, kThreads);  // also: both groups have read the rope columns, where P goes
  float factor[2];
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const float other = room.maxima[(at.group ^ 1) * kHeads + at.row + h * 8];
    const float t = fmaxf(state.maximum[h], fmaxf(top[h], other)), base = t == -INFINITY ? 0.0f : t;
    factor[h] = exp2_fast(state.maximum[h] - base);
    state.maximum[h] = t;
    state.sum[h] *= factor[h];
#pragma unroll
    for (int n = 0; n < 4; ++n) {
      const float p0 = exp2_fast(s[n * 4 + h * 2] - base), p1 = exp2_fast(s[n * 4 + h * 2 + 1] - base);
      state.sum[h] += p0 + p1;
      const int to = panel_offset(at.row + h * 8, at.group * 4 + n) % kPanelBytes + at.lane % 4 * 4;
      *reinterpret_cast<unsigned*>(room.p + to) = pack_bf16(p0, p1);
    }
  }
  if (__all_sync(kAll, factor[0] == 1.0f && factor[1] == 1.0f)) return;
#pragma unroll
  for (int i = 0; i < 128; ++i) o[i] *= factor[i / 2 % 2];
}

// A warp's 16 heads x 256 columns go through 8 KB of shared memory, to be written 16 bytes a lane.
__device__ __forceinline__ void store_output(const Work& work, const Place& at, const float (&scale)[2],
                                             char* staging, const float (&o)[128]) {
  const SparseMlaArgs& args = work.args;
  char* mine = staging + at.warp * 16 * 512;
#pragma unroll
  for (int n = 0; n < 32; ++n)
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const int row = at.lane / 4 + h * 8;
      *reinterpret_cast<unsigned*>(mine + row * 512 + ((n ^ row) & 7) * 16 + n / 8 * 128 + at.lane % 4 * 4) =
          pack_bf16(o[n * 4 + h * 2] * scale[h], o[n * 4 + h * 2 + 1] * scale[h]);
    }
  __syncwarp();
  auto* out =
      static_cast<__nv_bfloat16*>(args.out) + work.token * args.out_token + at.group * 256 + at.lane * 8;
#pragma unroll 4
  for (int row = 0; row < 16; ++row) {
    const int head = work.head0 + at.warp % 4 * 16 + row;
    if (head >= args.heads) break;
    *reinterpret_cast<uint4*>(out + head * args.out_head) =
        *reinterpret_cast<const uint4*>(mine + row * 512 + at.lane / 8 * 128 + ((at.lane ^ row) & 7) * 16);
  }
}

__device__ __forceinline__ void store_partial(const Work& work, const Place& at, const Partial& to,
                                              const float (&o)[128]) {
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const int head = work.head0 + at.row + h * 8;
    if (head >= work.args.heads) continue;
    float* row = to.out + static_cast<std::int64_t>(head) * kSparseMlaC + at.group * 256 + at.lane % 4 * 2;
#pragma unroll
    for (int n = 0; n < 32; ++n)
      *reinterpret_cast<float2*>(row + n * 8) = make_float2(o[n * 4 + h * 2], o[n * 4 + h * 2 + 1]);
  }
}

// Denominators over quads and both groups, then the results of one part or of the token.
__device__ __forceinline__ void finish(const Work& work, const Place& at, Softmax& state, char* shared,
                                       const float (&o)[128]) {
  const SparseMlaArgs& args = work.args;
  auto* scratch = reinterpret_cast<float*>(shared + kMaximaOffset);
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    state.sum[h] += __shfl_xor_sync(kAll, state.sum[h], 1);
    state.sum[h] += __shfl_xor_sync(kAll, state.sum[h], 2);
    if (at.lane % 4 == 0) scratch[at.group * kHeads + at.row + h * 8] = state.sum[h];
  }
  barrier(kMath, kThreads);
  const Partial to = args.splits > 1 ? partial_of(args, work.token, work.split) : Partial{};
  float scale[2];
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const int row = at.row + h * 8, head = min(work.head0 + row, args.heads - 1);
    const bool owner = at.group == 0 && at.lane % 4 == 0 && work.head0 + row < args.heads;
    const float sum = scratch[row] + scratch[kHeads + row];
    if (args.splits > 1) {
      if (owner) {
        to.maximum[head] = state.maximum[h];
        to.sum[head] = sum;
      }
      continue;
    }
    const HeadResult result = finish_head(args, head, state.maximum[h], sum);
    if (owner) store_head(args, work.token, head, result);
    scale[h] = result.out_scale;
  }
  if (args.splits == 1) {
    store_output(work, at, scale, shared + kQOffset, o);
  } else {
    store_partial(work, at, to, o);
  }
}

// The math warpgroups.
__device__ __forceinline__ void consume(const Work& work, char* shared) {
  const Place at;
  const int tiles = Gathered(work).tiles();
  const unsigned base = shared_address(shared);
  load_queries64(work, [&](int r, int c) { return shared + kQOffset + panel_offset(r, c); });
  commit_copies();
  wait_copies();
  fence_async_proxy();
  barrier(kMath, kThreads);

  Softmax state{{-INFINITY, -INFINITY}, {0.0f, 0.0f}};
  float o[128], s[16];
#pragma unroll
  for (int i = 0; i < 128; ++i) o[i] = 0.0f;
  const auto tile_at = [](int tile) { return kTilesOffset + (tile & 1) * kTileBytes; };
  // The products of one iteration end in it: ptxas serialises those in flight at the end of a loop's body.
  const auto next_scores = [&](int tile) {
    barrier(kFull + (tile & 1), kBlock);
    issue_scores(at, base + kQOffset, base + tile_at(tile), s);
    wgmma_wait<1>();  // the values of the tile before
    hold(o);
    if (tile > 0 && tile + 1 < tiles) arrive(kEmpty + ((tile - 1) & 1), kBlock);
    wgmma_wait<0>();
    hold(s);
  };
  if (tiles > 0) next_scores(0);
  for (int tile = 0; tile < tiles; ++tile) {
    const unsigned p = tile_at(tile) + (kPanels - 1) * kPanelBytes;  // P takes the place of the rope columns
    const Room room{reinterpret_cast<const int*>(shared + kValidOffset) + (tile & 1) * kKeys,
                    reinterpret_cast<float*>(shared + kMaximaOffset), shared + p,
                    work.args.scale * 1.4426950408889634f};
    weights(at, room, s, state, o);
    fence_async_proxy();
    barrier(kMath, kThreads);
    issue_values(at, base + p, base + tile_at(tile), o);
    if (tile + 1 < tiles) {
      next_scores(tile + 1);
    } else {
      wgmma_wait<0>();
      hold(o);
    }
  }
  barrier(kMath, kThreads);
  finish(work, at, state, shared, o);
}

#endif  // __CUDA_ARCH_FEAT_SM90_ALL

template <bool kPacked>
__global__ void __launch_bounds__(kBlock, 1) heads64_wgmma_kernel(SparseMlaArgs args) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  extern __shared__ __align__(1024) char shared[];
  const Work work = work_of<kHeads>(args);
  if (threadIdx.x >= kThreads) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 120;");
    produce<kPacked>(work, shared);
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 192;");
    consume(work, shared);
  }
#endif
}

template <bool kPacked>
cudaError_t launch(const SparseMlaArgs& args, cudaStream_t stream) {
  if (args.tokens == 0 || args.heads == 0) return cudaSuccess;
  const auto kernel = heads64_wgmma_kernel<kPacked>;
  const cudaError_t error =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kSharedBytes);
  if (error != cudaSuccess) return error;
  const std::int64_t blocks = args.tokens * ((args.heads + kHeads - 1) / kHeads);
  kernel<<<dim3(static_cast<unsigned>(blocks), static_cast<unsigned>(args.splits)), kBlock, kSharedBytes,
           stream>>>(args);
  return cudaGetLastError();
}

}  // namespace

const SparseMlaKernel kSparseMlaHeads64Wgmma[2] = {{{kHeads, kKeys, 1, kSharedBytes}, &launch<false>},
                                                   {{kHeads, kKeys, 1, kSharedBytes}, &launch<true>}};

}  // namespace tamis::cuda
