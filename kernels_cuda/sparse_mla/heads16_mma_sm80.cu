// sparse_mla on mma.sync, for few heads: one block a (token, 16 heads, part of the keys), eight warps, tiles
// of 32 keys, two blocks to an SM of 227 KB. The queries stay in registers: for the scores a warp takes half
// of the keys and a quarter of the depth, and shared memory adds the quarters; for the output 64 columns. The
// weights P are rounded to bf16 (core/graph/op_def.h, kAttentionTolerance); denominators are sums of
// unrounded ones.
//
// A token of 2048 keys is 2.4 MB of bf16 rows (1.3 MB packed) for 0.07 GFLOP: bound by the gather from L2 and
// by what passes through shared memory, three times a row.
//
// Measured on one H100 80GB HBM3, 2026-11-23: CUDA events around the whole op, merge included, median of 15,
// 256 MB written before each to flush the L2, top-2048 slots drawn from 65,536 rows; "shared": nine of ten
// slots the same for all tokens:
//   prefill, 4096 tokens, 16 heads, bf16: 1.91 ms, shared 1.88
//   decode, packed, 16 heads, 1 / 128 tokens: 15.6 / 105 us in parts that fill the device;
//   28.5 / 134 us in fixed parts of 256 keys
#include "kernels_cuda/sparse_mla/tile.cuh"

namespace tamis::cuda {
namespace {

using namespace mla;

constexpr int kHeads = 16;
constexpr int kSteps = kD / 64;  // k steps of a warp: one of four neighbours

template <int kKeys, bool kPacked>
struct Layout {
  static constexpr int kTile = kKeys * kRowBytes;
  static constexpr int kTiles = 0;                                 // one, or two of bf16
  static constexpr int kRaw = kTiles + (kPacked ? 1 : 2) * kTile;  // packed rows as gathered
  static constexpr int kPartStride = kKeys + 8;                    // floats; spreads rows over the banks
  static constexpr int kParts = kRaw + (kPacked ? kKeys * kPackedBytes : 0);
  static constexpr int kPStride = kKeys * 2 + 16;  // bytes, likewise
  static constexpr int kP = kParts + 4 * kHeads * kPartStride * 4;
  static constexpr int kAlpha = kP + kHeads * kPStride;
  static constexpr int kValid = kAlpha + kHeads * 4;
  static constexpr int kBytes = kValid + 2 * kKeys * 4;
};

// One warp's place. For the scores: half of the keys, and every fourth k step. For the output: 64 columns.
struct Place {
  int warp, lane, key_half, step;
  __device__ Place() : warp(threadIdx.x / 32), lane(threadIdx.x % 32), key_half(warp & 1), step(warp >> 1) {}
};

// The query columns of a warp stay in registers.
template <bool kAligned>
__device__ __forceinline__ void load_queries(const Work& work, const Place& at, unsigned (&a)[kSteps][4]) {
  const Query query(work.args, work.token);
  const int head = work.head0 + at.lane / 4;
#pragma unroll
  for (int g = 0; g < kSteps; ++g) {
    const int column = g * 64 + at.step * 16 + at.lane % 4 * 2;
    a[g][0] = query.pair<kAligned>(head, column);
    a[g][1] = query.pair<kAligned>(head + 8, column);
    a[g][2] = query.pair<kAligned>(head, column + 8);
    a[g][3] = query.pair<kAligned>(head + 8, column + 8);
  }
}

// A quarter of the depth of 16 heads and kKeys / 2 keys, to shared memory.
template <int kKeys, bool kPacked>
__device__ __forceinline__ void scores(const Place& at, const unsigned (&a)[kSteps][4], unsigned k,
                                       float* parts) {
  using L = Layout<kKeys, kPacked>;
  constexpr int kNt = kKeys / 16;
  float acc[kNt][4];
#pragma unroll
  for (int i = 0; i < kNt * 4; ++i) acc[i / 4][i % 4] = 0.0f;
  const int x = at.lane & 7;
  const unsigned base = k + (at.key_half * (kKeys / 2) + x + ((at.lane >> 4) & 1) * 8) * kRowBytes +
                        (((at.step * 2 + ((at.lane >> 3) & 1)) ^ x) * 16);
#pragma unroll
  for (int g = 0; g < kSteps; ++g) {
#pragma unroll
    for (int n = 0; n < kNt / 2; ++n) {
      unsigned b[4];
      ldmatrix(b, base + n * 16 * kRowBytes + g * 128);
      mma(acc[n * 2], a[g], b[0], b[1]);
      mma(acc[n * 2 + 1], a[g], b[2], b[3]);
    }
  }
  float* to =
      parts + (at.step * kHeads + at.lane / 4) * L::kPartStride + at.key_half * (kKeys / 2) + at.lane % 4 * 2;
#pragma unroll
  for (int n = 0; n < kNt; ++n) {
    *reinterpret_cast<float2*>(to + n * 8) = make_float2(acc[n][0], acc[n][1]);
    *reinterpret_cast<float2*>(to + 8 * L::kPartStride + n * 8) = make_float2(acc[n][2], acc[n][3]);
  }
}

struct Softmax {
  float maximum, sum;  // the sum of a thread's own keys
};

// Where the weights of a tile are made.
struct Room {
  const int* valid;    // [keys]
  const float* parts;  // [4][16 heads][keys]: the scores
  float* alpha;        // [16 heads]: the factor of the sums so far
  char* p;             // P [16 heads, keys] as bf16
  float scale_log2;
};

// Sums of the parts to weights: 16 threads a head, two keys each at a time.
template <int kKeys, bool kPacked>
__device__ __forceinline__ void weights(const Room& room, Softmax& state) {
  using L = Layout<kKeys, kPacked>;
  constexpr int kPairs = kKeys / 32;
  const int head = threadIdx.x / 16, key0 = threadIdx.x % 16 * 2;
  float2 s[kPairs];
  float top = state.maximum;
#pragma unroll
  for (int i = 0; i < kPairs; ++i) {
    const int key = key0 + i * 32;
    float2 sum = *reinterpret_cast<const float2*>(room.parts + head * L::kPartStride + key);
#pragma unroll
    for (int part = 1; part < 4; ++part) {
      const float2 v =
          *reinterpret_cast<const float2*>(room.parts + (part * kHeads + head) * L::kPartStride + key);
      sum.x += v.x;
      sum.y += v.y;
    }
    const int2 ok = *reinterpret_cast<const int2*>(room.valid + key);
    s[i].x = ok.x ? sum.x * room.scale_log2 : -INFINITY;
    s[i].y = ok.y ? sum.y * room.scale_log2 : -INFINITY;
    top = fmaxf(top, fmaxf(s[i].x, s[i].y));
  }
#pragma unroll
  for (int d = 8; d > 0; d /= 2) top = fmaxf(top, __shfl_xor_sync(kAll, top, d));
  const float base = top == -INFINITY ? 0.0f : top, factor = exp2_fast(state.maximum - base);
  if (threadIdx.x % 16 == 0) room.alpha[head] = factor;
  state.maximum = top;
  state.sum *= factor;
#pragma unroll
  for (int i = 0; i < kPairs; ++i) {
    const float p0 = exp2_fast(s[i].x - base), p1 = exp2_fast(s[i].y - base);
    state.sum += p0 + p1;
    *reinterpret_cast<unsigned*>(room.p + head * L::kPStride + (key0 + i * 32) * 2) = pack_bf16(p0, p1);
  }
}

using Output = float[8][4];  // 16 heads x 64 columns of a warp

template <int kKeys, bool kPacked>
__device__ __forceinline__ void add_values(const Place& at, unsigned k, unsigned p, const float* alpha,
                                           Output& o) {
  using L = Layout<kKeys, kPacked>;
  const float low = alpha[at.lane / 4], high = alpha[at.lane / 4 + 8];
#pragma unroll
  for (int n = 0; n < 8; ++n) {
    o[n][0] *= low;
    o[n][1] *= low;
    o[n][2] *= high;
    o[n][3] *= high;
  }
  const int x = at.lane & 7, row = at.lane & 15;
#pragma unroll
  for (int step = 0; step < kKeys / 16; ++step) {
    unsigned a[4];
    ldmatrix(a, p + row * L::kPStride + (step * 2 + (at.lane >> 4)) * 16);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      unsigned b[2][4];
#pragma unroll
      for (int n = 0; n < 2; ++n) {
        const int chunk = ((half * 2 + n) * 2 + (at.lane >> 4)) ^ x;
        ldmatrix_trans(b[n], k + (step * 16 + row) * kRowBytes + at.warp * 128 + chunk * 16);
      }
#pragma unroll
      for (int n = 0; n < 4; ++n) mma(o[half * 4 + n], a, b[n / 2][n % 2 * 2], b[n / 2][n % 2 * 2 + 1]);
    }
  }
}

__device__ __forceinline__ void store_output(const Work& work, const Place& at, const float* scale,
                                             const Output& o) {
  const SparseMlaArgs& args = work.args;
#pragma unroll
  for (int hi = 0; hi < 2; ++hi) {
    const int row = at.lane / 4 + hi * 8;
    const int head = work.head0 + row;
    if (head >= args.heads) continue;
    auto* out = static_cast<__nv_bfloat16*>(args.out) + work.token * args.out_token + head * args.out_head +
                at.warp * 64 + at.lane % 4 * 2;
#pragma unroll
    for (int n = 0; n < 8; ++n) {
      *reinterpret_cast<unsigned*>(out + n * 8) =
          pack_bf16(o[n][hi * 2] * scale[row], o[n][hi * 2 + 1] * scale[row]);
    }
  }
}

__device__ __forceinline__ void store_partial(const Work& work, const Place& at, const Partial& to,
                                              const Output& o) {
#pragma unroll
  for (int hi = 0; hi < 2; ++hi) {
    const int head = work.head0 + at.lane / 4 + hi * 8;
    if (head >= work.args.heads) continue;
    float* row = to.out + static_cast<std::int64_t>(head) * kSparseMlaC + at.warp * 64 + at.lane % 4 * 2;
#pragma unroll
    for (int n = 0; n < 8; ++n)
      *reinterpret_cast<float2*>(row + n * 8) = make_float2(o[n][hi * 2], o[n][hi * 2 + 1]);
  }
}

template <int kKeys, bool kPacked, int kBlocks>
__global__ void __launch_bounds__(kThreads, kBlocks) heads16_kernel(SparseMlaArgs args) {
  using L = Layout<kKeys, kPacked>;
  extern __shared__ __align__(1024) char shared[];
  const Place at;
  const Work work = work_of<kHeads>(args);
  const Entries<kKeys> entries(work);
  const int tiles = entries.tiles();
  auto* parts = reinterpret_cast<float*>(shared + L::kParts);
  auto* alpha = reinterpret_cast<float*>(shared + L::kAlpha);
  auto* valid = reinterpret_cast<int*>(shared + L::kValid);
  const unsigned base = shared_address(shared);

  const auto gather = [&](int tile, int slot) {
    if (at.lane < Entries<kKeys>::kRows) {
      valid[(tile & 1) * kKeys + at.warp * Entries<kKeys>::kRows + at.lane] = slot >= 0;
    }
    if constexpr (kPacked) {
      gather_packed<Entries<kKeys>::kRows>(args, base + L::kRaw, at.warp, slot);
    } else {
      gather_bf16<Entries<kKeys>::kRows>(args, base + L::kTiles + (tile & 1) * L::kTile, at.warp, slot);
    }
    commit_copies();
  };
  int slot = -1;
  if (tiles > 0) {
    gather(0, entries.slot(0, at.warp));
    slot = entries.slot(1, at.warp);
  }
  unsigned q[kSteps][4];
  if (args.q_aligned) {
    load_queries<true>(work, at, q);
  } else {
    load_queries<false>(work, at, q);
  }

  Softmax state{-INFINITY, 0.0f};
  Output o;
#pragma unroll
  for (int i = 0; i < 32; ++i) o[i / 4][i % 4] = 0.0f;

  for (int tile = 0; tile < tiles; ++tile) {
    wait_copies();
    __syncthreads();  // the tile is there, and nobody reads the one before it any more
    char* k = shared + L::kTiles + (kPacked ? 0 : (tile & 1) * L::kTile);
    if constexpr (kPacked) {
      unpack_tile<kKeys>(k, shared + L::kRaw);
      __syncthreads();
    }
    if (tile + 1 < tiles) {
      gather(tile + 1, slot);
      slot = entries.slot(tile + 2, at.warp);
    }
    scores<kKeys, kPacked>(at, q, shared_address(k), parts);
    __syncthreads();
    weights<kKeys, kPacked>(
        {valid + (tile & 1) * kKeys, parts, alpha, shared + L::kP, args.scale * 1.4426950408889634f}, state);
    __syncthreads();
    add_values<kKeys, kPacked>(at, shared_address(k), base + L::kP, alpha, o);
  }

  __syncthreads();
#pragma unroll
  for (int d = 8; d > 0; d /= 2) state.sum += __shfl_xor_sync(kAll, state.sum, d);
  const int row = threadIdx.x / 16, head = work.head0 + row;
  const bool owner = threadIdx.x % 16 == 0 && head < args.heads;
  if (args.splits > 1) {
    const Partial to = partial_of(args, work.token, work.split);
    if (owner) {
      to.maximum[head] = state.maximum;
      to.sum[head] = state.sum;
    }
    store_partial(work, at, to, o);
    return;
  }
  if (owner) {
    const HeadResult result = finish_head(args, head, state.maximum, state.sum);
    store_head(args, work.token, head, result);
    alpha[row] = result.out_scale;
  }
  __syncthreads();
  store_output(work, at, alpha, o);
}

template <int kKeys, bool kPacked, int kBlocks>
cudaError_t launch(const SparseMlaArgs& args, cudaStream_t stream) {
  constexpr int kBytes = Layout<kKeys, kPacked>::kBytes;
  if (args.tokens == 0 || args.heads == 0) return cudaSuccess;
  const auto kernel = heads16_kernel<kKeys, kPacked, kBlocks>;
  const cudaError_t error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kBytes);
  if (error != cudaSuccess) return error;
  const std::int64_t blocks = args.tokens * ((args.heads + kHeads - 1) / kHeads);
  kernel<<<dim3(static_cast<unsigned>(blocks), static_cast<unsigned>(args.splits)), kThreads, kBytes,
           stream>>>(args);
  return cudaGetLastError();
}

template <int kKeys, bool kPacked, int kBlocks>
constexpr SparseMlaKernel kernel_of() {
  return {{kHeads, kKeys, kBlocks, Layout<kKeys, kPacked>::kBytes}, &launch<kKeys, kPacked, kBlocks>};
}

}  // namespace

const SparseMlaKernel kSparseMlaHeads16[2] = {kernel_of<32, false, 2>(), kernel_of<32, true, 2>()};

}  // namespace tamis::cuda
