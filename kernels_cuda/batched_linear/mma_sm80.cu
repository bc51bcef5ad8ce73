// batched_linear of many tokens on mma.sync (sm_80 on): 128 tokens by 128 outputs of one head a block of
// eight warps, 64 x 32 each. x, weights and scales come by cp.async in stages of 64 of K; a block goes on
// from tile to tile, with the next one's stages on their way while it stores. Tiles of the same tokens are
// neighbours: output tile first, then head.
//
// e4m3 weights are widened exactly in registers and stay without their scale until their sums are promoted:
// w [h, N, K] every 128 of K, w [h, K, N], whose scales belong to rows of K, where one differs from the row
// before (scale blocks may begin anywhere: GLM has 448 rows of kv_b a head). A NaN weight code reads as 480.
//
// FLOPs 2 T h N K, bytes x, y and the weights: for 4096 tokens, 128 heads, 128 x 512 either way 69 GFLOP, 0.1
// ms of the units, and 671 MB, 0.22 ms. Measured on an NVIDIA H100 80GB HBM3, driver 580, 2026-11-22, `tamis
// bench op --device cuda --grid all --op batched_linear --row mma`, cold, medians: e4m3 [K, N] 20.4 us at 128
// tokens, 117 us at 1024, 436 us at 4096 (157 TFLOPS, 1.56 TB/s), e4m3 [N, K] 22.3, 110 and 407 us; bf16
// weights 398 and 364 us at 4096. Blocks of 64 tokens and 32 x 32 a warp: 730 and 683 us. One token takes 19
// us, where the row for few takes 10.
#include "kernels_cuda/batched_linear/stages.cuh"
#include "kernels_cuda/common/elements.cuh"
#include "kernels_cuda/common/mma16.cuh"

namespace tamis::cuda {
namespace {

using namespace batched;
using mma_bf16::ldmatrix;
using mma_bf16::ldmatrix_trans;
using mma_bf16::shared_address;

constexpr unsigned kAll = 0xffffffffu;
constexpr int kStep = 16;
constexpr int kSteps = kColumns / kStep, kParts = 4;  // of 16 tokens a warp

using Sums = float[kParts][4][4];  // 16 tokens, 8 outputs, a thread's four

struct Thread {
  int lane, row, pair;  // row and pair of columns of a fragment
  int token, output;    // the warp's corner in the tile
  __device__ Thread()
      : lane(threadIdx.x % 32),
        row(lane / 4),
        pair(lane % 4),
        token(static_cast<int>(threadIdx.x) / 128 * 64),
        output(static_cast<int>(threadIdx.x) / 32 % 4 * 32) {}
};

// Of 16 tokens and 16 of K. e4m3 [N, K] is read four codes of K a thread: then x is permuted alike.
template <class C>
__device__ __forceinline__ void x_fragment(const Thread& t, unsigned stage, int step, int part,
                                           std::uint32_t (&a)[4]) {
  if constexpr (C::kFp8 && !C::kKn) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = t.token + part * 16 + half * 8 + t.row;
      const unsigned at = stage + row * 128 + x_chunk(row, step * 2 + t.pair / 2) * 16 + t.pair % 2 * 8;
      asm volatile("ld.shared.v2.u32 {%0, %1}, [%2];" : "=r"(a[half]), "=r"(a[half + 2]) : "r"(at));
    }
  } else {
    const int row = t.token + part * 16 + t.lane % 16;
    ldmatrix(a, stage + row * 128 + x_chunk(row, step * 2 + t.lane / 16) * 16);
  }
}

// Of the warp's 32 outputs: n8 tile, lower and upper 8 of K.
template <class C>
__device__ __forceinline__ void weight_fragments(const Thread& t, unsigned weights, int step,
                                                 std::uint32_t (&b)[4][2]) {
  const int r = t.lane % 8, matrix = t.lane / 8;
  if constexpr (C::kFp8 && C::kKn) {
    const int k = step * kStep + matrix % 2 * 8 + r, chunk = t.output / 16 + matrix / 2;
    std::uint32_t codes[4];  // a pair of outputs by a pair of K
    ldmatrix_trans(codes, weights + k * kOutputs + (chunk ^ (k & 7)) * 16);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      b[i / 2 * 2][i % 2] = widen_pair<C::kF16>(codes[i] << 8);
      b[i / 2 * 2 + 1][i % 2] = widen_pair<C::kF16>(codes[i]);
    }
  } else if constexpr (C::kFp8) {
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const int row = t.output + j / 2 * 16 + t.row * 2 + j % 2, line = row % 64;
      const int chunk = (row / 64 * 4 + step) ^ (line >> 1 & 7);
      std::uint32_t codes;
      asm volatile("ld.shared.u32 %0, [%1];"
                   : "=r"(codes)
                   : "r"(weights + line * 128 + chunk * 16 + t.pair * 4));
      b[j][0] = widen_pair<C::kF16>(__byte_perm(codes, 0, 0x1404));
      b[j][1] = widen_pair<C::kF16>(__byte_perm(codes, 0, 0x3424));
    }
  } else {
#pragma unroll
    for (int j = 0; j < 2; ++j) {
      std::uint32_t words[4];
      if constexpr (C::kKn) {
        const int k = step * kStep + matrix % 2 * 8 + r, chunk = t.output / 8 + j * 2 + matrix / 2;
        ldmatrix_trans(words, weights + k * kOutputs * 2 + (chunk ^ (k & 7)) * 16);
      } else {
        const int row = t.output + j * 16 + r * 2 + matrix / 2, chunk = step * 2 + matrix % 2;
        ldmatrix(words, weights + row * 128 + (chunk ^ (row >> 1 & 7)) * 16);
      }
#pragma unroll
      for (int i = 0; i < 4; ++i) b[j * 2 + i / 2][i % 2] = words[i];
    }
  }
}

// sums += part * scale of the output; part becomes 0.
template <class ScaleOf>
__device__ __forceinline__ void promote(Sums& sums, Sums& part, ScaleOf scale_of) {
#pragma unroll
  for (int j = 0; j < 4; ++j) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float scale = scale_of(j, i % 2);
#pragma unroll
      for (int m = 0; m < kParts; ++m) {
        sums[m][j][i] = fmaf(part[m][j][i], scale, sums[m][j][i]);
        part[m][j][i] = 0.0f;
      }
    }
  }
}
__device__ __forceinline__ void promote(Sums& sums, Sums& part, std::uint32_t scale) {
  promote(sums, part, [=](int, int) { return __uint_as_float(scale); });
}

using XFragments = std::uint32_t[kParts][4];
using WeightFragments = std::uint32_t[4][2];

template <class C>
__device__ __forceinline__ void multiply(const XFragments& a, const WeightFragments& b, Sums& d) {
#pragma unroll
  for (int m = 0; m < kParts; ++m) {
#pragma unroll
    for (int j = 0; j < 4; ++j) mma16<C::kF16>(d[m][j], a[m], b[j][0], b[j][1]);
  }
}

template <class C>
__device__ __forceinline__ void fragments(const Thread& t, unsigned stage, int step, XFragments& a,
                                          WeightFragments& b) {
#pragma unroll
  for (int m = 0; m < kParts; ++m) x_fragment<C>(t, stage, step, m, a[m]);
  weight_fragments<C>(t, stage + kXBytes, step, b);
}

template <class C>
__device__ __forceinline__ void multiply_stage(const Thread& t, unsigned stage, Sums& d) {
  constexpr int kUnroll = !C::kFp8 && C::kKn ? 2 : kSteps;  // more spills registers
#pragma unroll kUnroll
  for (int step = 0; step < kSteps; ++step) {
    XFragments a;
    WeightFragments b;
    fragments<C>(t, stage, step, a, b);
    multiply<C>(a, b, d);
  }
}

__device__ __forceinline__ std::uint32_t load_word(unsigned address) {
  std::uint32_t word;
  asm volatile("ld.shared.u32 %0, [%1];" : "=r"(word) : "r"(address));
  return word;
}

// 16 rows of K of w [h, K, N], run by run of those with one scale.
template <class C>
__device__ __forceinline__ void multiply_runs(const Thread& t, unsigned stage, int step,
                                              std::uint32_t& current, Sums& sums, Sums& part) {
  const std::uint32_t scale = load_word(stage + C::kScales + (step * kStep + t.lane % 16) * 4);
  XFragments a;
  WeightFragments b;
  fragments<C>(t, stage, step, a, b);
  unsigned left = 0xffffu;  // rows
#pragma unroll 1
  while (left != 0) {
    const std::uint32_t first = __shfl_sync(kAll, scale, __ffs(static_cast<int>(left)) - 1);
    const unsigned same = __ballot_sync(kAll, scale == first) & left;
    left ^= same;
    if (first != current) promote(sums, part, current);
    current = first;
    XFragments masked;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const unsigned bits = same >> (i / 2 * 8 + t.pair * 2);
      const std::uint32_t mask = (bits & 1 ? 0xffffu : 0u) | (bits & 2 ? 0xffff0000u : 0u);
#pragma unroll
      for (int m = 0; m < kParts; ++m) masked[m][i] = a[m][i] & mask;
    }
    multiply<C>(masked, b, part);
  }
}

// A stage of e4m3 [K, N]: as a rule its rows of K have one scale.
template <class C>
__device__ __forceinline__ void multiply_scaled(const Thread& t, unsigned stage, std::uint32_t& current,
                                                Sums& sums, Sums& part) {
  const unsigned scales = stage + C::kScales;
  const std::uint32_t first = load_word(scales);
  if (__all_sync(kAll,
                 load_word(scales + t.lane * 4) == first && load_word(scales + (t.lane + 32) * 4) == first)) {
    if (first != current) promote(sums, part, current);
    current = first;
    multiply_stage<C>(t, stage, part);
    return;
  }
#pragma unroll 1
  for (int step = 0; step < kSteps; ++step) multiply_runs<C>(t, stage, step, current, sums, part);
}

template <class C>
__device__ __forceinline__ int column_of(const Thread& t, int j, int i) {
  if constexpr (C::kInterleaved) return t.output + j / 2 * 16 + t.pair * 4 + i * 2 + j % 2;
  return t.output + j * 8 + t.pair * 2 + i;
}

// Two neighbouring n8 tiles of a row, as a thread has them, to four neighbouring outputs in 16 bits.
template <class C>
__device__ __forceinline__ uint2 pack_four(const Thread& t, const float* even, const float* odd, bool f16) {
  const auto pack = [&](float a, float b) { return f16 ? pack16<true>(a, b) : pack16<false>(a, b); };
  if constexpr (C::kInterleaved) return {pack(even[0], odd[0]), pack(even[1], odd[1])};
  const std::uint32_t low = pack(even[0], even[1]), high = pack(odd[0], odd[1]);
  uint2 words;
  const int from = t.pair * 2 % 4;
  const std::uint32_t a = __shfl_sync(kAll, low, from, 4), b = __shfl_sync(kAll, high, from, 4);
  const std::uint32_t c = __shfl_sync(kAll, low, from + 1, 4), d = __shfl_sync(kAll, high, from + 1, 4);
  words.x = t.pair < 2 ? a : b;
  words.y = t.pair < 2 ? c : d;
  return words;
}

template <class C>
__device__ __forceinline__ void store(const BatchedMmaArgs& args, const Tile& tile, const Thread& t,
                                      const Sums& sums) {
  const int first = tile.output * kOutputs;
  const bool vectors = args.y_vectors && first + t.output + 32 <= args.n;
  const std::int64_t head = tile.head * args.y_head_stride + first;
#pragma unroll
  for (int i = 0; i < 2 * kParts; ++i) {
    const int m = i / 2, half = i % 2;
    const int token = tile.token * kTokens + t.token + m * 16 + half * 8 + t.row;
    const std::int64_t at = token * args.y.row_stride + head;
    if (vectors) {
#pragma unroll
      for (int j = 0; j < 4; j += 2) {
        const uint2 words =
            pack_four<C>(t, sums[m][j] + 2 * half, sums[m][j + 1] + 2 * half, args.y.type == Element::kF16);
        auto* to = static_cast<std::uint16_t*>(args.y.data) + at + t.output + j * 8 + t.pair * 4;
        if (token < args.tokens) *reinterpret_cast<uint2*>(to) = words;
      }
    } else if (token < args.tokens) {
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        const int column = column_of<C>(t, j / 2, j % 2);
        if (first + column < args.n)
          store_element(args.y.data, at + column, args.y.type, sums[m][j / 2][2 * half + j % 2]);
      }
    }
  }
}

// Sums of e4m3 [N, K] that a scale ends with.
template <class C>
__device__ __forceinline__ void promote_outputs(const Thread& t, unsigned stage, Sums& sums, Sums& part) {
  promote(sums, part, [&](int j, int i) {
    return __uint_as_float(load_word(stage + C::kScales + column_of<C>(t, j, i) * 4));
  });
}

template <class C>
__global__ void __launch_bounds__(kThreads, C::kBlocks)
    batched_mma_kernel(const __grid_constant__ BatchedMmaArgs args) {
  extern __shared__ __align__(128) std::uint8_t shared[];
  const unsigned base = shared_address(shared);
  const Thread t;
  const Tile stride(args, static_cast<int>(gridDim.x));
  Loader<C> loader(args, static_cast<int>(blockIdx.x));
  Tile tile = loader.tile;
  for (int s = 0; s < C::kStages - 1; ++s) loader.load(args, stride, base + s * C::kStageBytes);
  unsigned stage = base, next = base + (C::kStages - 1) * C::kStageBytes;
  const auto advance = [&](unsigned at) {
    return at + C::kStageBytes == base + C::kShared ? base : at + C::kStageBytes;
  };
  Sums sums = {}, part = {};
  std::uint32_t current = 0;  // scale that part lacks
#pragma unroll 1
  for (int k = 0; tile.exists(args);) {
    asm volatile("cp.async.wait_group %0;" ::"n"(C::kStages - 2) : "memory");
    __syncthreads();
    loader.load(args, stride, next);
    k += kColumns;
    if constexpr (!C::kFp8) {
      multiply_stage<C>(t, stage, sums);
    } else if constexpr (C::kKn) {
      multiply_scaled<C>(t, stage, current, sums, part);
    } else {
      multiply_stage<C>(t, stage, part);
      if (k >= args.k || k % kScaleGroup == 0) promote_outputs<C>(t, stage, sums, part);
    }
    if (k >= args.k) {
      if constexpr (C::kFp8 && C::kKn) promote(sums, part, current);
      store<C>(args, tile, t, sums);
#pragma unroll
      for (int i = 0; i < 16 * kParts; ++i) sums[i / 16][i / 4 % 4][i % 4] = 0.0f;
      current = 0;
      k = 0;
      tile.advance(args, stride);
    }
    stage = advance(stage);
    next = advance(next);
  }
}

template <class C>
cudaError_t run(const BatchedMmaArgs& args, cudaStream_t stream) {
  static const cudaError_t allowed =
      cudaFuncSetAttribute(batched_mma_kernel<C>, cudaFuncAttributeMaxDynamicSharedMemorySize, C::kShared);
  if (allowed != cudaSuccess) return allowed;
  const auto tiles = static_cast<int>(batched_mma_tiles(args.tokens, args.heads, args.n));
  const int blocks = min(tiles, C::kBlocks * args.units);
  batched_mma_kernel<C><<<static_cast<unsigned>(blocks), kThreads, C::kShared, stream>>>(args);
  return cudaGetLastError();
}

template <bool kF16, bool kFp8>
cudaError_t run_order(const BatchedMmaArgs& args, cudaStream_t stream) {
  return args.w_is_kn ? run<Config<kF16, kFp8, true>>(args, stream)
                      : run<Config<kF16, kFp8, false>>(args, stream);
}

}  // namespace

cudaError_t batched_mma(const BatchedMmaArgs& args, cudaStream_t stream) {
  if (args.tokens == 0 || args.n == 0 || args.heads == 0) return cudaSuccess;
  if (args.scales != nullptr)
    return args.x.type == Element::kF16 ? run_order<true, true>(args, stream)
                                        : run_order<false, true>(args, stream);
  return args.x.type == Element::kF16 ? run_order<true, false>(args, stream)
                                      : run_order<false, false>(args, stream);
}

}  // namespace tamis::cuda
