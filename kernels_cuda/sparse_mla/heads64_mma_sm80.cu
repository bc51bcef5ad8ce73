// sparse_mla on mma.sync, for many heads: one block a (token, 64 heads, part of the keys), eight warps, tiles
// of 64 keys or, in 163 KB of shared memory, of 32. bf16 tiles are gathered into two places in turn; packed
// rows into one as they are, then decoded. For the scores a warp takes 32 heads, half of the keys and half of
// the depth, which reads each operand from shared memory twice instead of four times; pairs of warps add
// their halves. For the output it takes all heads and 64 columns. The weights P are rounded to bf16
// (core/graph/op_def.h, kAttentionTolerance); denominators are sums of unrounded ones.
//
// Bound by shared memory in the scores and by the tensor cores in the output, one after the other.
//
// Measured on one H100 80GB HBM3, 2026-11-22: CUDA events around the whole op, merge included, median of 15,
// 256 MB written before each to flush the L2, top-2048 slots drawn from 65,536 rows; "shared": nine of ten
// slots the same for all tokens. Of weights as two bf16 numbers, a product each, which takes longer:
//   prefill, 4096 tokens, 128 heads, bf16: tiles of 64 keys 10.8 ms, shared 10.9 ms; tiles of 32 13.5 ms
//   decode, packed, 128 heads, 1 / 32 / 128 tokens: tiles of 64 21.6 / 125 / 412 us, tiles of 32
//   22.7 / 153 / 524 us; in fixed parts of 256 keys 37.6 / 167 / 646 us and 45.5 / 195 / 756 us
#include "kernels_cuda/sparse_mla/tile.cuh"

namespace tamis::cuda {
namespace {

using namespace mla;

constexpr int kHeads = 64;

template <int kKeys, bool kPacked>
struct Layout {
  static constexpr int kTile = kKeys * kRowBytes;
  static constexpr int kQ = 0;
  static constexpr int kK = kQ + kHeads * kRowBytes;           // one tile, or two of bf16
  static constexpr int kRaw = kK + (kPacked ? 1 : 2) * kTile;  // packed rows as gathered
  static constexpr int kExchange = kRaw + (kPacked ? kKeys * kPackedBytes : 0);
  // The weights P [64 heads, keys] bf16 take the place of the tile's rope columns where they fit.
  static constexpr bool kAliased = kKeys == 64;
  static constexpr int kP = kExchange + kWarps * 8 * 32 * 4;
  static constexpr int kPStride = kAliased ? kRowBytes : kKeys * 2;
  static constexpr int kMaxima = kP + (kAliased ? 0 : kHeads * kPStride);  // [4][64]
  static constexpr int kAlpha = kMaxima + 4 * kHeads * 4;                  // [64]
  static constexpr int kValid = kAlpha + kHeads * 4;                       // [2][keys]
  static constexpr int kBytes = kValid + 2 * kKeys * 4;
};

// One warp's place. For the scores: 32 heads, half of the keys, and every other pair of k steps. For the
// output: all heads, 64 columns.
struct Place {
  int warp, lane, head_half, key_half, step_half;
  __device__ Place()
      : warp(threadIdx.x / 32),
        lane(threadIdx.x % 32),
        head_half(warp & 1),
        key_half((warp >> 1) & 1),
        step_half(warp >> 2) {}
};

// Half-depth products of 32 heads and kKeys / 2 keys.
template <int kKeys>
__device__ __forceinline__ void scores(const Place& at, unsigned q, unsigned k,
                                       float (&acc)[2][kKeys / 16][4]) {
  constexpr int kNt = kKeys / 16;
#pragma unroll
  for (int m = 0; m < 2; ++m)
#pragma unroll
    for (int n = 0; n < kNt; ++n)
#pragma unroll
      for (int e = 0; e < 4; ++e) acc[m][n][e] = 0.0f;
  const int x = at.lane & 7;
  unsigned a_base[2], b_base[2];
#pragma unroll
  for (int p = 0; p < 2; ++p) {
    const int step = at.step_half * 2 + p;
    a_base[p] =
        q + (at.head_half * 32 + (at.lane & 15)) * kRowBytes + (((step * 2 + (at.lane >> 4)) ^ x) * 16);
    b_base[p] = k + (at.key_half * (kKeys / 2) + x + ((at.lane >> 4) & 1) * 8) * kRowBytes +
                (((step * 2 + ((at.lane >> 3) & 1)) ^ x) * 16);
  }
#pragma unroll
  for (int g = 0; g < kD / 64; ++g) {
#pragma unroll
    for (int p = 0; p < 2; ++p) {
      unsigned a[2][4], b[kNt / 2][4];
#pragma unroll
      for (int m = 0; m < 2; ++m) ldmatrix(a[m], a_base[p] + m * 16 * kRowBytes + g * 128);
#pragma unroll
      for (int n = 0; n < kNt / 2; ++n) ldmatrix(b[n], b_base[p] + n * 16 * kRowBytes + g * 128);
#pragma unroll
      for (int m = 0; m < 2; ++m)
#pragma unroll
        for (int n = 0; n < kNt; ++n) mma(acc[m][n], a[m], b[n / 2][n % 2 * 2], b[n / 2][n % 2 * 2 + 1]);
    }
  }
}

// Adds the two halves of the depth: each of a pair of warps gives away half of its columns and finishes the
// other half.
template <int kKeys>
__device__ __forceinline__ void add_halves(const Place& at, float* exchange,
                                           const float (&acc)[2][kKeys / 16][4],
                                           float (&s)[2][kKeys / 32][4]) {
  constexpr int kHalf = kKeys / 32;
  float* mine = exchange + at.warp * 256 + at.lane;
  const float* theirs = exchange + (at.warp ^ 4) * 256 + at.lane;
#pragma unroll
  for (int n = 0; n < kHalf; ++n) {
    if (n > 0) barrier(1 + (at.warp & 3), 64);
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      mine[i * 32] = at.step_half ? acc[i / 4][n][i % 4] : acc[i / 4][kHalf + n][i % 4];
    }
    barrier(1 + (at.warp & 3), 64);
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      s[i / 4][n][i % 4] =
          (at.step_half ? acc[i / 4][kHalf + n][i % 4] : acc[i / 4][n][i % 4]) + theirs[i * 32];
    }
  }
}

// The running maximum and denominator of the four heads that a lane has scores of.
struct Softmax {
  float maximum[2][2], sum[2][2];
};

// Where the weights of a tile are made.
struct Room {
  const int* valid;  // [keys]
  float* maxima;     // [4 warps][64 heads]
  float* alpha;      // [64 heads]: the factor of the sums so far
  char* p;           // P [64 heads, keys] as bf16
  float scale_log2;
};

// Scores to weights in shared memory.
template <int kKeys>
__device__ __forceinline__ void weights(const Place& at, const Room& room, float (&s)[2][kKeys / 32][4],
                                        Softmax& state) {
  using L = Layout<kKeys, false>;
  constexpr int kHalf = kKeys / 32;
  const int row0 = at.head_half * 32 + at.lane / 4;
  const int key0 = at.key_half * (kKeys / 2) + at.step_half * (kKeys / 4) + at.lane % 4 * 2;
  float top[2][2] = {{-INFINITY, -INFINITY}, {-INFINITY, -INFINITY}};
#pragma unroll
  for (int n = 0; n < kHalf; ++n) {
    const int2 ok = *reinterpret_cast<const int2*>(room.valid + key0 + n * 8);
#pragma unroll
    for (int m = 0; m < 2; ++m)
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        s[m][n][e] = (e % 2 ? ok.y : ok.x) ? s[m][n][e] * room.scale_log2 : -INFINITY;
        top[m][e / 2] = fmaxf(top[m][e / 2], s[m][n][e]);
      }
  }
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    float& t = top[i / 2][i % 2];
    t = fmaxf(t, __shfl_xor_sync(kAll, t, 1));
    t = fmaxf(t, __shfl_xor_sync(kAll, t, 2));
    if (at.lane % 4 == 0) room.maxima[(at.warp >> 1) * kHeads + row0 + i * 8] = t;
  }
  __syncthreads();  // also: every warp has read the rope columns
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int row = row0 + i * 8;
    float t = state.maximum[i / 2][i % 2];
    const float before = t;
#pragma unroll
    for (int w = 0; w < 4; ++w) t = fmaxf(t, room.maxima[w * kHeads + row]);
    state.maximum[i / 2][i % 2] = t;
    const float base = t == -INFINITY ? 0.0f : t, factor = exp2_fast(before - base);
    if (at.warp < 2 && at.lane % 4 == 0) room.alpha[row] = factor;
    float sum = state.sum[i / 2][i % 2] * factor;
#pragma unroll
    for (int n = 0; n < kHalf; ++n) {
      const float p0 = exp2_fast(s[i / 2][n][i % 2 * 2] - base),
                  p1 = exp2_fast(s[i / 2][n][i % 2 * 2 + 1] - base);
      sum += p0 + p1;
      const int key = key0 + n * 8;
      const int chunk = (key / 8) ^ (L::kAliased ? row & 7 : (row >> 1) & 3);
      *reinterpret_cast<unsigned*>(room.p + row * L::kPStride + chunk * 16 + key % 8 * 2) = pack_bf16(p0, p1);
    }
    state.sum[i / 2][i % 2] = sum;
  }
}

using Output = float[4][8][4];  // 64 heads x 64 columns of a warp

template <int kKeys>
__device__ __forceinline__ void add_values(const Place& at, const Room& room, unsigned k, Output& o) {
  using L = Layout<kKeys, false>;
  const unsigned p = shared_address(room.p);
  float factor[8];
  bool same = true;
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    factor[i] = room.alpha[at.lane / 4 + i * 8];
    same = same && factor[i] == 1.0f;
  }
  if (!__all_sync(kAll, same)) {
#pragma unroll
    for (int m = 0; m < 4; ++m)
#pragma unroll
      for (int n = 0; n < 8; ++n)
#pragma unroll
        for (int e = 0; e < 4; ++e) o[m][n][e] *= factor[m * 2 + e / 2];
  }
  const int x = at.lane & 7, row = at.lane & 15;
#pragma unroll
  for (int step = 0; step < kKeys / 16; ++step) {
    unsigned a[4][4];
#pragma unroll
    for (int m = 0; m < 4; ++m) {
      const int r = m * 16 + row, chunk = (step * 2 + (at.lane >> 4)) ^ (L::kAliased ? r & 7 : (r >> 1) & 3);
      ldmatrix(a[m], p + r * L::kPStride + chunk * 16);
    }
#pragma unroll
    for (int n = 0; n < 4; ++n) {
      unsigned b[4];
      ldmatrix_trans(b,
                     k + (step * 16 + row) * kRowBytes + at.warp * 128 + ((n * 2 + (at.lane >> 4)) ^ x) * 16);
#pragma unroll
      for (int m = 0; m < 4; ++m) {
        mma(o[m][n * 2], a[m], b[0], b[1]);
        mma(o[m][n * 2 + 1], a[m], b[2], b[3]);
      }
    }
  }
}

// Denominators of the 64 heads, over quads and the four warps that share a head; by thread, for head
// threadIdx.x < 64.
__device__ __forceinline__ void reduce_sums(const Place& at, Softmax& state, float* scratch, float* maxima) {
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    float t = state.sum[i / 2][i % 2];
    t += __shfl_xor_sync(kAll, t, 1);
    t += __shfl_xor_sync(kAll, t, 2);
    const int row = at.head_half * 32 + at.lane / 4 + i * 8;
    if (at.lane % 4 == 0) scratch[(at.warp >> 1) * kHeads + row] = t;
    if (at.warp < 2 && at.lane % 4 == 0) maxima[row] = state.maximum[i / 2][i % 2];
  }
  __syncthreads();
}

// The output of a warp goes through its own 8 KB of shared memory, to be written 16 bytes a lane.
__device__ __forceinline__ void store_output(const Work& work, const Place& at, const float* scale,
                                             char* staging, const Output& o) {
  const SparseMlaArgs& args = work.args;
  const int head0 = work.head0;
  char* mine = staging + at.warp * kHeads * 128;
#pragma unroll
  for (int m = 0; m < 4; ++m)
#pragma unroll
    for (int hi = 0; hi < 2; ++hi) {
      const int row = m * 16 + hi * 8 + at.lane / 4;
      const float f = scale[row];
#pragma unroll
      for (int n = 0; n < 8; ++n) {
        // A head without entries has sums of zero; what a factor of zero would make of NaN does not matter.
        *reinterpret_cast<unsigned*>(mine + row * 128 + ((n ^ row) & 7) * 16 + at.lane % 4 * 4) =
            pack_bf16(o[m][n][hi * 2] * f, o[m][n][hi * 2 + 1] * f);
      }
    }
  __syncwarp();
  auto* out = static_cast<__nv_bfloat16*>(args.out) + work.token * args.out_token + at.warp * 64;
#pragma unroll 4
  for (int i = 0; i < 16; ++i) {
    const int row = i * 4 + at.lane / 8, c = at.lane % 8;
    if (head0 + row >= args.heads) break;
    *reinterpret_cast<uint4*>(out + (head0 + row) * args.out_head + c * 8) =
        *reinterpret_cast<const uint4*>(mine + row * 128 + ((c ^ row) & 7) * 16);
  }
}

__device__ __forceinline__ void store_partial(const Work& work, const Place& at, const Partial& to,
                                              const Output& o) {
#pragma unroll
  for (int m = 0; m < 4; ++m)
#pragma unroll
    for (int hi = 0; hi < 2; ++hi) {
      const int head = work.head0 + m * 16 + hi * 8 + at.lane / 4;
      if (head >= work.args.heads) continue;
      float* row = to.out + static_cast<std::int64_t>(head) * kSparseMlaC + at.warp * 64 + at.lane % 4 * 2;
#pragma unroll
      for (int n = 0; n < 8; ++n) {
        *reinterpret_cast<float2*>(row + n * 8) = make_float2(o[m][n][hi * 2], o[m][n][hi * 2 + 1]);
      }
    }
}

template <int kKeys, bool kPacked>
__global__ void __launch_bounds__(kThreads, 1) heads64_kernel(SparseMlaArgs args) {
  using L = Layout<kKeys, kPacked>;
  extern __shared__ __align__(1024) char shared[];
  const Place at;
  const Work work = work_of<kHeads>(args);
  const Entries<kKeys> entries(work);
  const int tiles = entries.tiles();
  auto* exchange = reinterpret_cast<float*>(shared + L::kExchange);
  auto* maxima = reinterpret_cast<float*>(shared + L::kMaxima);
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
      gather_bf16<Entries<kKeys>::kRows>(args, base + L::kK + (tile & 1) * L::kTile, at.warp, slot);
    }
    commit_copies();
  };
  load_queries64(
      work, [&](int r, int c) { return shared + L::kQ + r * kRowBytes + ((c & ~7) | ((c ^ r) & 7)) * 16; });
  int slot = -1;
  if (tiles > 0) {
    gather(0, entries.slot(0, at.warp));
    slot = entries.slot(1, at.warp);
  }

  Softmax state;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    state.maximum[i / 2][i % 2] = -INFINITY;
    state.sum[i / 2][i % 2] = 0.0f;
  }
  Output o;
#pragma unroll
  for (int i = 0; i < 128; ++i) o[i / 32][i / 4 % 8][i % 4] = 0.0f;

  for (int tile = 0; tile < tiles; ++tile) {
    wait_copies();
    __syncthreads();  // the tile is there, and nobody reads the one before it any more
    char* k = shared + L::kK + (kPacked ? 0 : (tile & 1) * L::kTile);
    if constexpr (kPacked) {
      unpack_tile<kKeys>(k, shared + L::kRaw);
      __syncthreads();
    }
    if (tile + 1 < tiles) {
      gather(tile + 1, slot);
      slot = entries.slot(tile + 2, at.warp);
    }
    float s[2][kKeys / 32][4];
    {
      float acc[2][kKeys / 16][4];
      scores<kKeys>(at, base + L::kQ, shared_address(k), acc);
      add_halves<kKeys>(at, exchange, acc, s);
    }
    const Room room{valid + (tile & 1) * kKeys, maxima, alpha,
                    L::kAliased ? k + kSparseMlaC * 2 : shared + L::kP, args.scale * 1.4426950408889634f};
    weights<kKeys>(at, room, s, state);
    __syncthreads();
    add_values<kKeys>(at, room, shared_address(k), o);
  }

  wait_copies();  // of the queries, where there was no tile
  __syncthreads();
  reduce_sums(at, state, exchange, maxima);
  const int head = work.head0 + static_cast<int>(threadIdx.x);
  const bool owner = threadIdx.x < kHeads && head < args.heads;
  float sum = 0.0f;
  if (threadIdx.x < kHeads) {
#pragma unroll
    for (int w = 0; w < 4; ++w) sum += exchange[w * kHeads + threadIdx.x];
  }
  if (args.splits > 1) {
    const Partial to = partial_of(args, work.token, work.split);
    if (owner) {
      to.maximum[head] = maxima[threadIdx.x];
      to.sum[head] = sum;
    }
    store_partial(work, at, to, o);
    return;
  }
  if (owner) {
    const HeadResult result = finish_head(args, head, maxima[threadIdx.x], sum);
    store_head(args, work.token, head, result);
    alpha[threadIdx.x] = result.out_scale;
  }
  __syncthreads();
  store_output(work, at, alpha, shared + L::kQ, o);
}

template <int kKeys, bool kPacked>
cudaError_t launch(const SparseMlaArgs& args, cudaStream_t stream) {
  constexpr int kBytes = Layout<kKeys, kPacked>::kBytes;
  if (args.tokens == 0 || args.heads == 0) return cudaSuccess;
  const auto kernel = heads64_kernel<kKeys, kPacked>;
  const cudaError_t error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kBytes);
  if (error != cudaSuccess) return error;
  const std::int64_t blocks = args.tokens * ((args.heads + kHeads - 1) / kHeads);
  kernel<<<dim3(static_cast<unsigned>(blocks), static_cast<unsigned>(args.splits)), kThreads, kBytes,
           stream>>>(args);
  return cudaGetLastError();
}

template <int kKeys, bool kPacked>
constexpr SparseMlaKernel kernel_of() {
  return {{kHeads, kKeys, 1, Layout<kKeys, kPacked>::kBytes}, &launch<kKeys, kPacked>};
}

}  // namespace

const SparseMlaKernel kSparseMlaHeads64Keys64[2] = {kernel_of<64, false>(), kernel_of<64, true>()};
const SparseMlaKernel kSparseMlaHeads64Keys32[2] = {kernel_of<32, false>(), kernel_of<32, true>()};

}  // namespace tamis::cuda
