// mha_prefill on mma.sync, of bf16 or f16: one block a (64 tokens, head), four warps of 16 tokens; tiles of
// keys and values come by asynchronous copies, two deep. Scores, maxima, sums and the output stay in
// registers. For a bf16 output of bf16 operands the weights P are rounded to bf16 (core/graph/op_def.h,
// kAttentionTolerance); for others they are multiplied as two numbers of the operands' type, high and low.
//
// FLOPs 2 (dn + R + 2 dv) a visible (token, head, key) on the units; bound by them and by what passes through
// shared memory, a tile once per warp. Blocks of one head run next to each other, for its keys to stay in L2.
//
// Tiles begin at multiples of kKeys of the sequence, and a key that a token does not see adds exactly 0: a
// token's bits do not depend on its neighbours. Tokens of several sequences in one block take a pass each.
//
// Measured on one H100 80GB HBM3, 2026-11-23, `tamis bench op --device cuda --op mha_prefill --grid all`,
// cold, median of 15; TFLOPS are of the contract's FLOPs, which count the output once:
//   192 / 128, causal, 128 heads: 4096 tokens bf16 2.44 ms, 282 TFLOPS, f16 2.92 ms, 236; 1024 tokens bf16
//   0.218 ms, 199, of 16 heads 49 us, 111. 256 / 256, causal, 64 heads: 4096 tokens 2.37 ms, 232 TFLOPS
// Of a form that multiplied weights as two numbers, 2026-11-22, by a program of its own; in parentheses the
// portable row, median of 3.
//   4096 tokens of 128 heads 2.89 ms, of 16 heads 0.44 ms; 1024 tokens of
//   16 heads 57 us (1.26 ms); 8 sequences of 512 tokens, 128 heads 0.60 ms
//   64 sequences of 256 keys, 128 heads: the last 8 tokens of each 0.45 ms (2.67), the last one 0.67 (2.66)
//   256 / 256, causal: 4096 tokens of 64 heads 2.70 ms; 1024 tokens of 8 heads 66 us (0.91 ms)
// Slower: blocks of 128 tokens, 3.00 and 3.06 ms for the two of 4096 tokens and most heads; tiles of 32 keys
// for 192 / 128, 3.31 ms.
#include <cmath>

#include "kernels_cuda/common/mma16.cuh"
#include "kernels_cuda/common/mma_bf16.cuh"
#include "kernels_cuda/mha_prefill/launch.h"
#include "kernels_gpu/common/elements.h"
#include "kernels_gpu/common/sequences.h"

namespace tamis::cuda {
namespace {

using namespace mma_bf16;

template <int dims, int columns, int keys, int warps, bool query_in_registers>
struct Tile {
  static constexpr int kDims = dims, kColumns = columns, kKeys = keys;
  static constexpr bool kQueryInRegisters = query_in_registers;
  static constexpr int kThreads = warps * 32;
  static constexpr int kTokens = warps * 16;
  static constexpr int kSteps = dims / 16;
  static constexpr int kKeyBytes = keys * dims * 2;
  static constexpr int kStage = kKeyBytes + keys * columns * 2;
  static constexpr int kQueryBytes = kTokens * dims * 2;
  // Queries on their way to registers lie where later tiles go.
  static constexpr int kQuery = query_in_registers ? 0 : 2 * kStage;
  static constexpr int kBytes = query_in_registers ? 2 * kStage : 2 * kStage + kQueryBytes;
  static_assert(dims % 64 == 0 && columns % 64 == 0 && keys % 16 == 0);
  static_assert(!query_in_registers || kQueryBytes <= 2 * kStage);
};

// A tile of f16, else bf16; `split`: weights as two numbers.
template <class T, bool f16, bool split>
struct Shape : T {
  static constexpr bool kF16 = f16, kSplit = split;
  // Weights are times 2^kWeightLog2, the largest about 32768: in f16 those below 2^-40 of it vanish.
  static constexpr int kWeightLog2 = f16 ? 15 : 0;
};

using Element16 = std::uint16_t;  // of either type

// Rows in memory: `columns` elements at `data`, then those at `more`.
struct Source {
  const Element16* data;
  std::int64_t stride;
  int columns;
  const Element16* more;
  std::int64_t more_stride;
  int more_columns;
  bool aligned;
};

__device__ __forceinline__ const Element16* head_of(const gpu::Vectors& x, std::int64_t head) {
  return static_cast<const Element16*>(x.data) + head * x.head_stride;
}

// Where column `column` of a row lies; null past the last.
__device__ __forceinline__ const Element16* column_of(const Source& from, std::int64_t row, int column) {
  if (column < from.columns) return from.data + row * from.stride + column;
  if (column >= from.columns + from.more_columns) return nullptr;
  return from.more + row * from.more_stride + (column - from.columns);
}

// Starts the copy of rows [row, row + count) to kRows rows of kWidth columns at `to`, with zeros around.
// Chunk c of row r lies at c ^ (r & 7).
template <int kRows, int kWidth, int kThreads>
__device__ __forceinline__ void load_rows(char* to, const Source& from, std::int64_t row, int count) {
  if (!from.aligned) {
#pragma unroll 1
    for (int i = static_cast<int>(threadIdx.x); i < kRows * kWidth; i += kThreads) {
      const int r = i / kWidth, c = i % kWidth;
      const Element16* src = r < count ? column_of(from, row + r, c) : nullptr;
      char* dst = to + r * (kWidth * 2) + ((c / 8) ^ (r & 7)) * 16 + c % 8 * 2;
      *reinterpret_cast<Element16*>(dst) = src == nullptr ? Element16{0} : *src;
    }
    return;
  }
  constexpr int kAtOnce = kThreads / 8;
  static_assert(kRows % kAtOnce == 0 && kAtOnce % 8 == 0);
  const int lane = static_cast<int>(threadIdx.x) % 8, first = static_cast<int>(threadIdx.x) / 8;
  const unsigned dst = shared_address(to) + first * (kWidth * 2) + (lane ^ (first & 7)) * 16;
#pragma unroll
  for (int g = 0; g < kWidth / 64; ++g) {
    const int column = g * 64 + lane * 8;
    const std::int64_t step = (column < from.columns ? from.stride : from.more_stride) * kAtOnce;
    const Element16* src = column_of(from, row + first, column);
    const int rows = src == nullptr ? 0 : count;
    if (src == nullptr) src = from.data;
#pragma unroll
    for (int j = 0; j < kRows / kAtOnce; ++j) {
      const bool valid = first + j * kAtOnce < rows;
      copy_async(dst + j * kAtOnce * (kWidth * 2) + g * 128, valid ? src : from.data, valid);
      src += step;
    }
  }
}

// Neighbouring tokens of one sequence.
struct Run {
  int begin, end;      // of the block's tokens
  std::int64_t start;  // the sequence's first row
  int most;            // rows that a token of it may see
  int keys;            // that any of them sees
};

__device__ __forceinline__ int seen_by(const MhaPrefill& args, const Run& run, std::int64_t first, int r) {
  if (r < run.begin || r >= run.end) return 0;
  return max(0, min(args.ke.data[(first + r) * args.ke.stride], run.most));
}

// The run that begins at token first + begin, of at most `count` tokens. Called by all lanes.
template <int kTokens>
__device__ __forceinline__ Run run_of(const MhaPrefill& args, std::int64_t first, int begin, int count) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const std::int32_t sequence = args.sequence.data[(first + begin) * args.sequence.stride];
  Run run{begin, count, 0, 0, 0};
#pragma unroll
  for (int i = kTokens / 32 - 1; i >= 0; --i) {
    const int r = i * 32 + lane;
    const bool other =
        r > begin && r < count && args.sequence.data[(first + r) * args.sequence.stride] != sequence;
    const unsigned others = __ballot_sync(kAll, other);
    if (others != 0) run.end = i * 32 + __ffs(static_cast<int>(others)) - 1;
  }
  if (sequence < 0 || sequence >= args.sequences) return run;
  run.start = gpu::first_row_of(args.lengths, sequence);
  const std::int64_t left = args.rows - run.start, length = gpu::length_of(args.lengths, sequence);
  run.most = static_cast<int>(max(std::int64_t{0}, min(left, length)));
#pragma unroll
  for (int i = 0; i < kTokens / 32; ++i) run.keys = max(run.keys, seen_by(args, run, first, i * 32 + lane));
  run.keys = __reduce_max_sync(kAll, run.keys);
  return run;
}

// A thread's two tokens, lane / 4 and lane / 4 + 8 of its warp.
struct Softmax {
  float maximum[2], sum[2];  // in units of log2; a thread's own keys
  int seen[2];
};

template <class S>
using Scores = float[S::kKeys / 8][4];
template <class S>
using Output = float[S::kColumns / 8][4];
template <class S>
using Query = unsigned[S::kQueryInRegisters ? S::kSteps : 1][4];

template <class S>
__device__ __forceinline__ void query_step(unsigned (&a)[4], unsigned query, int step) {
  const int lane = threadIdx.x % 32, row = threadIdx.x / 32 * 16 + (lane & 15);
  ldmatrix(a, query + row * (S::kDims * 2) + ((step * 2 + (lane >> 4)) ^ (row & 7)) * 16);
}

template <class S>
__device__ __forceinline__ void make_scores(const Query<S>& q, unsigned query, unsigned k, Scores<S>& s) {
  const int lane = threadIdx.x % 32, x = lane & 7;
#pragma unroll
  for (int i = 0; i < S::kKeys / 2; ++i) s[i / 4][i % 4] = 0.0f;
  const unsigned base = k + (x + ((lane >> 4) & 1) * 8) * (S::kDims * 2);
#pragma unroll
  for (int step = 0; step < S::kSteps; ++step) {
    unsigned a[4];
    if constexpr (S::kQueryInRegisters) {
#pragma unroll
      for (int i = 0; i < 4; ++i) a[i] = q[step][i];
    } else {
      query_step<S>(a, query, step);
    }
    const unsigned chunk = ((step * 2 + ((lane >> 3) & 1)) ^ x) * 16;
#pragma unroll
    for (int n = 0; n < S::kKeys / 16; ++n) {
      unsigned b[4];
      ldmatrix(b, base + n * 16 * (S::kDims * 2) + chunk);
      mma16<S::kF16>(s[n * 2], a, b[0], b[1]);
      mma16<S::kF16>(s[n * 2 + 1], a, b[2], b[3]);
    }
  }
}

// Scores to weights; `first` is the tile's first key. Rescales the output.
template <class S>
__device__ __forceinline__ void make_weights(int first, float scale_log2, Softmax& state, Scores<S>& s,
                                             Output<S>& o) {
  const int key = first + static_cast<int>(threadIdx.x) % 4 * 2;
#pragma unroll
  for (int i = 0; i < S::kKeys / 2; ++i) s[i / 4][i % 4] *= scale_log2;
  const bool all = first + S::kKeys <= min(state.seen[0], state.seen[1]);
  if (!__all_sync(kAll, all)) {
#pragma unroll
    for (int i = 0; i < S::kKeys / 2; ++i) {
      if (key + i / 4 * 8 + i % 2 >= state.seen[i % 4 / 2]) s[i / 4][i % 4] = -INFINITY;
    }
  }
  float base[2], factor[2];
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    float top = state.maximum[r];
#pragma unroll
    for (int n = 0; n < S::kKeys / 8; ++n) top = fmaxf(top, fmaxf(s[n][2 * r], s[n][2 * r + 1]));
    top = fmaxf(top, __shfl_xor_sync(kAll, top, 1));
    top = fmaxf(top, __shfl_xor_sync(kAll, top, 2));
    base[r] = top == -INFINITY ? 0.0f : top;
    factor[r] = exp2_fast(state.maximum[r] - base[r]);
    base[r] -= S::kWeightLog2;
    state.maximum[r] = top;
    state.sum[r] *= factor[r];
  }
#pragma unroll
  for (int i = 0; i < S::kKeys / 2; ++i) {
    const float p = exp2_fast(s[i / 4][i % 4] - base[i % 4 / 2]);
    s[i / 4][i % 4] = p;
    state.sum[i % 4 / 2] += p;
  }
  if (__all_sync(kAll, factor[0] == 1.0f && factor[1] == 1.0f)) return;
#pragma unroll
  for (int i = 0; i < S::kColumns / 2; ++i) o[i / 4][i % 4] *= factor[i % 4 / 2];
}

template <class S>
__device__ __forceinline__ void add_values(const Scores<S>& p, unsigned v, Output<S>& o) {
  const int lane = threadIdx.x % 32, x = lane & 7;
  const unsigned base = v + (lane & 15) * (S::kColumns * 2);
#pragma unroll
  for (int step = 0; step < S::kKeys / 16; ++step) {
    unsigned high[4];
    [[maybe_unused]] unsigned low[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float(&pair)[4] = p[step * 2 + i / 2];
      const float a = pair[i % 2 * 2], b = pair[i % 2 * 2 + 1];
      high[i] = pack16<S::kF16>(a, b);
      if constexpr (S::kSplit) {
        const float2 rounded = unpack16<S::kF16>(high[i]);
        low[i] = pack16<S::kF16>(a - rounded.x, b - rounded.y);
      }
    }
#pragma unroll
    for (int n = 0; n < S::kColumns / 32; ++n) {
      unsigned b[2][4];
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const unsigned chunk = ((n * 4 + half * 2 + (lane >> 4)) ^ x) * 16;
        ldmatrix_trans(b[half], base + step * 16 * (S::kColumns * 2) + chunk);
      }
      // The low products last: two in a row to one accumulator would wait for each other.
#pragma unroll
      for (int m = 0; m < 4; ++m)
        mma16<S::kF16>(o[n * 4 + m], high, b[m / 2][m % 2 * 2], b[m / 2][m % 2 * 2 + 1]);
      if constexpr (S::kSplit) {
#pragma unroll
        for (int m = 0; m < 4; ++m)
          mma16<S::kF16>(o[n * 4 + m], low, b[m / 2][m % 2 * 2], b[m / 2][m % 2 * 2 + 1]);
      }
    }
  }
}

template <class S>
__device__ __forceinline__ void store_run(const MhaPrefill& args, const Run& run, std::int64_t first,
                                          std::int64_t head, const Softmax& state, const Output<S>& o) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float sum = state.sum[half];
    sum += __shfl_xor_sync(kAll, sum, 1);
    sum += __shfl_xor_sync(kAll, sum, 2);
    const int r = threadIdx.x / 32 * 16 + lane / 4 + half * 8;
    if (r < run.begin || r >= run.end) continue;
    const std::int64_t token = first + r;
    const float factor = sum == 0.0f ? 0.0f : 1.0f / sum;
    if (lane % 4 == 0) {
      constexpr float kLn2 = 0.6931471805599453f;
      args.lse[token * args.heads + head] =
          sum == 0.0f ? -INFINITY : (state.maximum[half] - S::kWeightLog2) * kLn2 + logf(sum);
    }
    const std::int64_t at = token * args.out.stride + head * args.out.head_stride + lane % 4 * 2;
#pragma unroll
    for (int n = 0; n < S::kColumns / 8; ++n) {
      if (n * 8 >= args.value) break;
      const float low = o[n][half * 2] * factor, high = o[n][half * 2 + 1] * factor;
      if (args.out.element == (S::kF16 ? gpu::Element::kF16 : gpu::Element::kBF16)) {
        auto* to = static_cast<Element16*>(args.out.data) + at + n * 8;
        if (reinterpret_cast<std::uintptr_t>(to) % 4 == 0) {
          *reinterpret_cast<unsigned*>(to) = pack16<S::kF16>(low, high);
        } else {
          to[0] = round16<S::kF16>(low);
          to[1] = round16<S::kF16>(high);
        }
      } else {
        gpu::store_element(args.out.element, args.out.data, at + n * 8, low);
        gpu::store_element(args.out.element, args.out.data, at + n * 8 + 1, high);
      }
    }
  }
}

template <class S>
struct Tiles {
  Source keys, values;
  char* shared;
  __device__ void load(const Run& run, int tile) const {
    const std::int64_t row = run.start + static_cast<std::int64_t>(tile) * S::kKeys;
    const int count = run.keys - tile * S::kKeys;
    char* to = shared + (tile & 1) * S::kStage;
    load_rows<S::kKeys, S::kDims, S::kThreads>(to, keys, row, count);
    load_rows<S::kKeys, S::kColumns, S::kThreads>(to + S::kKeyBytes, values, row, count);
    commit_copies();
  }
};

template <class S>
__global__ void __launch_bounds__(S::kThreads) mma_kernel(MhaPrefill args, bool aligned) {
  extern __shared__ __align__(128) char shared[];
  const int blocks = static_cast<int>((args.tokens + S::kTokens - 1) / S::kTokens);
  const std::int64_t head = blockIdx.x / blocks;
  // A sequence's last tokens see most keys: they go first.
  const std::int64_t first = static_cast<std::int64_t>(blocks - 1 - blockIdx.x % blocks) * S::kTokens;
  const int count = static_cast<int>(min(args.tokens - first, std::int64_t{S::kTokens}));
  const int nope = static_cast<int>(args.nope), rope = static_cast<int>(args.rope);
  const unsigned base = shared_address(shared);

  const Source queries{head_of(args.q_nope, head),
                       args.q_nope.stride,
                       nope,
                       head_of(args.q_rope, head),
                       args.q_rope.stride,
                       rope,
                       aligned};
  load_rows<S::kTokens, S::kDims, S::kThreads>(shared + S::kQuery, queries, first, count);
  commit_copies();
  Query<S> q;
  if constexpr (S::kQueryInRegisters) {
    wait_copies();
    __syncthreads();
#pragma unroll
    for (int step = 0; step < S::kSteps; ++step) query_step<S>(q[step], base + S::kQuery, step);
  }
  const auto* v = head_of(args.v, head);
  const Tiles<S> tiles{{head_of(args.k_nope, head), args.k_nope.stride, nope,
                        static_cast<const Element16*>(args.k_rope.data), args.k_rope.stride, rope, aligned},
                       {v, args.v.stride, static_cast<int>(args.value), v, 0, 0, aligned},
                       shared};
  const float scale_log2 = args.scale * 1.4426950408889634f;
  const int row = threadIdx.x / 32 * 16 + threadIdx.x % 32 / 4;

#pragma unroll 1
  for (int begin = 0; begin < count;) {
    const Run run = run_of<S::kTokens>(args, first, begin, count);
    begin = run.end;
    Softmax state{{-INFINITY, -INFINITY}, {0.0f, 0.0f}, {}};
    state.seen[0] = seen_by(args, run, first, row);
    state.seen[1] = seen_by(args, run, first, row + 8);
    const int last = __reduce_max_sync(kAll, max(state.seen[0], state.seen[1]));
    Output<S> o;
#pragma unroll
    for (int i = 0; i < S::kColumns / 2; ++i) o[i / 4][i % 4] = 0.0f;
    __syncthreads();  // nobody reads the queries or the run's predecessor any more
    if (run.keys > 0) tiles.load(run, 0);
#pragma unroll 1
    for (int tile = 0; tile * S::kKeys < run.keys; ++tile) {
      wait_copies();
      __syncthreads();  // the tile is there, and nobody reads the one before it any more
      if ((tile + 1) * S::kKeys < run.keys) tiles.load(run, tile + 1);
      if (tile * S::kKeys >= last) continue;
      const unsigned k = base + (tile & 1) * S::kStage;
      Scores<S> s;
      make_scores<S>(q, base + S::kQuery, k, s);
      make_weights<S>(tile * S::kKeys, scale_log2, state, s, o);
      add_values<S>(s, k + S::kKeyBytes, o);
    }
    store_run<S>(args, run, first, head, state, o);
  }
}

bool aligned(const void* data, std::int64_t stride, std::int64_t head_stride) {
  return reinterpret_cast<std::uintptr_t>(data) % 16 == 0 && stride % 8 == 0 && head_stride % 8 == 0;
}
bool aligned(const gpu::Vectors& x) { return aligned(x.data, x.stride, x.head_stride); }

template <class S>
cudaError_t launch_shape(const MhaPrefill& args, cudaStream_t stream) {
  if (args.tokens == 0 || args.heads == 0) return cudaSuccess;
  const cudaError_t error =
      cudaFuncSetAttribute(mma_kernel<S>, cudaFuncAttributeMaxDynamicSharedMemorySize, S::kBytes);
  if (error != cudaSuccess) return error;
  const std::int64_t blocks = (args.tokens + S::kTokens - 1) / S::kTokens * args.heads;
  const bool all = aligned(args.q_nope) && aligned(args.q_rope) && aligned(args.k_nope) &&
                   aligned(args.k_rope.data, args.k_rope.stride, 0) && aligned(args.v);
  mma_kernel<S><<<dim3(static_cast<unsigned>(blocks)), S::kThreads, S::kBytes, stream>>>(args, all);
  return cudaGetLastError();
}

template <class Bf16, class F16>
cudaError_t launch(const MhaPrefill& args, cudaStream_t stream) {
  if (args.q_nope.element == gpu::Element::kF16) return launch_shape<Shape<F16, true, true>>(args, stream);
  return args.out.element == gpu::Element::kBF16 ? launch_shape<Shape<Bf16, false, false>>(args, stream)
                                                 : launch_shape<Shape<Bf16, false, true>>(args, stream);
}

template <class Bf16, class F16>
constexpr MhaPrefillKernel kernel_of() {
  static_assert(F16::kBytes <= Bf16::kBytes);
  return {Bf16::kDims, Bf16::kColumns, Bf16::kBytes, &launch<Bf16, F16>};
}

using Narrow = Tile<192, 128, 64, 4, true>;
using Wide = Tile<256, 256, 32, 4, false>;
using WideF16 = Tile<256, 256, 16, 4, false>;  // f16 of 32 keys spills registers

}  // namespace

const MhaPrefillKernel kMhaPrefillMma192 = kernel_of<Narrow, Narrow>();
const MhaPrefillKernel kMhaPrefillMma256 = kernel_of<Wide, WideF16>();

}  // namespace tamis::cuda
