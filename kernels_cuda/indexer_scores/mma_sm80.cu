// Scores with mma.sync bf16, fp32 sums, from Ampere on: e4m3 and bf16 are exact in bf16, so one kernel takes
// both, on either side, any head count and page size. A block holds 128 keys in shared memory, 32 a warp;
// queries come through it too, a token and 32 heads at a time, the next ones on their way while these are
// multiplied. Up to 16 neighbouring tokens share the keys of a block. 16384 FLOP a score at 64 heads: bound
// by the tensor cores when tokens share keys, by reading keys when each token has its own.
//
// NVIDIA H100 80GB HBM3, 2026-11-22, tamis bench op --device cuda --op indexer_scores --tokens 1,64,4096: at
// 64K keys 30.1 us, 530 us and 28.4 ms (156 TFLOPS, far below the unit: every block stages its queries
// again). Not measured on the devices that it is for.
#include "kernels_cuda/common/elements.cuh"
#include "kernels_cuda/indexer_scores/launch.h"

namespace tamis::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kWarps = kThreads / 32;
constexpr int kTile = kWarps * 32;  // keys of a block
constexpr int kSteps = kMmaMaxDim / 16;
constexpr int kHeads = 32;                                   // of a stage
constexpr int kGroups = kHeads * kMmaMaxDim / 8 / kThreads;  // of 8 elements, that a thread stages
constexpr unsigned kAll = 0xffffffffu;

// Two e4m3 codes, in the high bytes of the halves, as bf16: exponent and mantissa move to bf16's places, and
// a product by 2^120 makes up for the bias. Exact, subnormals too; NaN codes are not seen to.
__device__ __forceinline__ std::uint32_t widen2(std::uint32_t codes) {
  const std::uint32_t moved = (codes >> 4 & 0x07f007f0u) | (codes & 0x80008000u);
  constexpr std::uint32_t kScale = 0x7b807b80u, kMinusZero = 0x80008000u;
  std::uint32_t wide;
  asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(wide) : "r"(moved), "r"(kScale), "r"(kMinusZero));
  return wide;
}

// Four e4m3 codes as bf16.
__device__ __forceinline__ uint2 widen(std::uint32_t codes) {
  uint2 out{widen2(__byte_perm(codes, 0, 0x1404)), widen2(__byte_perm(codes, 0, 0x3424))};
  const std::uint32_t nan = ((codes & 0x7f7f7f7fu) + 0x01010101u) & 0x80808080u;
  if (nan != 0) {
    if ((nan & 0x80u) != 0) out.x |= 0x7fffu;
    if ((nan & 0x8000u) != 0) out.x |= 0x7fff0000u;
    if ((nan & 0x800000u) != 0) out.y |= 0x7fffu;
    if ((nan & 0x80000000u) != 0) out.y |= 0x7fff0000u;
  }
  return out;
}

// Elements [first, first + 4) of a row, zeros from `dim` on: e4m3 codes in x, or bf16. Widening is left to
// the user, so that it does not wait for memory before it must.
__device__ __forceinline__ uint2 load4(const void* row, Element type, int first, int dim) {
  const auto address = reinterpret_cast<std::uintptr_t>(row);
  if (type == Element::kE4M3) {
    if (first + 4 <= dim && (address + first) % 4 == 0)
      return {__ldg(reinterpret_cast<const std::uint32_t*>(address + first)), 0};
    const auto* codes = static_cast<const std::uint8_t*>(row) + first;
    std::uint32_t four = 0;
#pragma unroll
    for (int i = 0; i < 4; ++i) four |= first + i < dim ? static_cast<std::uint32_t>(codes[i]) << i * 8 : 0u;
    return {four, 0};
  }
  if (first + 4 <= dim && (address + 2 * first) % 8 == 0)
    return __ldg(reinterpret_cast<const uint2*>(address + 2 * first));
  const auto* values = static_cast<const std::uint16_t*>(row) + first;
  std::uint32_t v[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) v[i] = first + i < dim ? values[i] : 0u;
  return {v[0] | v[1] << 16, v[2] | v[3] << 16};
}

__device__ __forceinline__ uint2 as_bf16(const uint2& loaded, Element type) {
  return type == Element::kE4M3 ? widen(loaded.x) : loaded;
}

__device__ __forceinline__ void mma(float (&d)[4], const uint4& a, const uint2& b) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b.x), "r"(b.y));
}

// The keys of a block, in shared memory as the products take them: a thread reads what it wrote itself. In
// step s lane quad t holds elements t * 32 + s * 4 + {0, 1, 2, 3} of its rows, where the instruction wants
// 2t, 2t + 1, 2t + 8, 2t + 9 of 16: queries are staged in the same order, so a lane's elements are neighbours
// in memory and the products are the same.
using Fragments = uint4[2][kSteps][kThreads];
struct Keys {
  float scale;   // of the key whose score the lane stores
  bool present;  // that key exists
};

// Address of key `column`; null: not there.
struct KeyPlace {
  const void* row;
  float scale;
};
__device__ KeyPlace find_key(const IndexerScoresArgs& a, std::int64_t column, std::int64_t sequence) {
  if (a.page_table == nullptr) {
    if (column >= a.key_count) return {nullptr, 0.0f};
    return {a.keys + column * a.key_stride, a.key_scale != nullptr ? __ldg(a.key_scale + column) : 1.0f};
  }
  const std::int64_t page_index = column / a.page_size, offset = column % a.page_size;
  if (sequence < 0 || sequence >= a.sequences || page_index >= a.pages_per_sequence) return {nullptr, 0.0f};
  const std::int64_t page = __ldg(a.page_table + sequence * a.page_table_stride + page_index);
  if (page < 0) return {nullptr, 0.0f};
  if (!a.packed_pages) {
    const std::int64_t slot = page * a.page_size + offset;
    if (slot >= a.key_count) return {nullptr, 0.0f};
    return {a.keys + slot * a.key_stride, 1.0f};
  }
  if (page >= a.key_count) return {nullptr, 0.0f};
  const std::uint8_t* base = a.keys + page * a.key_stride;
  const std::uint8_t* scale = base + a.page_size * a.dim + offset * 4;  // not aligned when Di is odd
  std::uint32_t bits = 0;
#pragma unroll
  for (int i = 0; i < 4; ++i) bits |= static_cast<std::uint32_t>(scale[i]) << i * 8;
  return {base + offset * a.dim, numeric::bits_float(bits)};
}

__device__ void load_keys(const IndexerScoresArgs& a, std::int64_t first, std::int64_t sequence,
                          Fragments& fragments, Keys& keys) {
  const int lane = threadIdx.x % 32, quad_lane = lane % 4;
#pragma unroll
  for (int r = 0; r < 4; ++r) {
    const KeyPlace key = find_key(a, first + r * 8 + lane / 4, sequence);
    if (r == quad_lane) keys.scale = key.scale, keys.present = key.row != nullptr;
    uint2 loaded[kSteps];
#pragma unroll
    for (int s = 0; s < kSteps; ++s) {
      loaded[s] = {0, 0};
      if (key.row != nullptr) loaded[s] = load4(key.row, a.key_type, quad_lane * kSteps * 4 + s * 4, a.dim);
    }
#pragma unroll
    for (int s = 0; s < kSteps; ++s) {
      const uint2 four = as_bf16(loaded[s], a.key_type);
      auto* fragment = reinterpret_cast<std::uint32_t*>(&fragments[r / 2][s][threadIdx.x]);
      fragment[r % 2] = four.x, fragment[r % 2 + 2] = four.y;
    }
  }
}

struct Stage {
  uint2 q[kHeads / 8][kSteps][32];  // by lane ^ step * 4, so that stores meet no bank twice
  float w[kHeads];
};

// A stage on its way from memory.
struct Fetched {
  uint2 q[kGroups * 2];
  float w, q_scale;
};

__device__ void fetch(const IndexerScoresArgs& a, std::int64_t token, int first_head, Fetched& f) {
  const std::int64_t size = a.q_type == Element::kE4M3 ? 1 : 2;
#pragma unroll
  for (int i = 0; i < kGroups * 2; ++i) {
    const int at = threadIdx.x + i * kThreads;
    const int head = first_head + at / (kMmaMaxDim / 4), element = at % (kMmaMaxDim / 4) * 4;
    f.q[i] = {0, 0};
    if (head < a.heads && element < a.dim)
      f.q[i] =
          load4(a.q + (token * a.q_token_stride + head * a.q_head_stride) * size, a.q_type, element, a.dim);
  }
  f.w = 0.0f, f.q_scale = 1.0f;
  const int head = first_head + static_cast<int>(threadIdx.x);
  if (threadIdx.x < kHeads && head < a.heads) {
    f.w = __ldg(a.w + token * a.w_stride + head);
    if (a.q_scale != nullptr) f.q_scale = __ldg(a.q_scale + token * a.q_scale_stride + head);
  }
}

__device__ void put(const IndexerScoresArgs& a, const Fetched& f, Stage& stage) {
#pragma unroll
  for (int i = 0; i < kGroups * 2; ++i) {
    const int at = threadIdx.x + i * kThreads;
    const int head = at / (kMmaMaxDim / 4), element = at % (kMmaMaxDim / 4) * 4;
    const int step = element / 4 % kSteps;
    stage.q[head / 8][step][(head % 8 * 4 + element / (kSteps * 4)) ^ step * 4] = as_bf16(f.q[i], a.q_type);
  }
  if (threadIdx.x < kHeads) stage.w[threadIdx.x] = f.w * f.q_scale * a.scale;
}

// Adds a stage's heads to the sums of the lane's four keys (rows lane / 4 + {0, 8, 16, 24} of the warp's).
__device__ __forceinline__ void add_heads(const Stage& stage, const Fragments& keys, float (&sums)[4]) {
  constexpr int kBlocks = kHeads / 8;
  const int lane = threadIdx.x % 32;
  float d[kBlocks][2][4] = {};
#pragma unroll
  for (int s = 0; s < kSteps; ++s) {
    const uint4 low = keys[0][s][threadIdx.x], high = keys[1][s][threadIdx.x];
#pragma unroll
    for (int b = 0; b < kBlocks; ++b) {
      const uint2 q = stage.q[b][s][lane ^ s * 4];
      mma(d[b][0], low, q);
      mma(d[b][1], high, q);
    }
  }
#pragma unroll
  for (int b = 0; b < kBlocks; ++b) {
    const float2 w = *reinterpret_cast<const float2*>(&stage.w[b * 8 + lane % 4 * 2]);
#pragma unroll
    for (int r = 0; r < 4; ++r) {
      sums[r] = fmaf(w.x, fmaxf(d[b][r / 2][r % 2 * 2], 0.0f), sums[r]);
      sums[r] = fmaf(w.y, fmaxf(d[b][r / 2][r % 2 * 2 + 1], 0.0f), sums[r]);
    }
  }
}

struct Visible {
  std::int64_t begin, end;
};
__device__ Visible visible(const IndexerScoresArgs& a, std::int64_t token) {
  std::int64_t begin = a.ks != nullptr ? __ldg(a.ks + token) : 0, end = __ldg(a.ke + token);
  begin = begin < 0 ? 0 : begin;
  end = end < a.max_keys ? end : a.max_keys;
  if (end <= begin || end - begin < a.min_keys) return {0, 0};
  return {begin, end};
}

struct Shared {
  Fragments keys;
  Stage stages[2];
};

// Block: kTile columns of `unit` neighbouring tokens.
__global__ void __launch_bounds__(kThreads, 3)
    scores_kernel(const __grid_constant__ IndexerScoresArgs a, int unit, int tiles) {
  extern __shared__ uint4 raw[];
  auto& shared = *reinterpret_cast<Shared*>(raw);
  const std::int64_t first_column = static_cast<std::int64_t>(blockIdx.x % tiles) * kTile;
  const int first_token = static_cast<int>(a.first_token) + static_cast<int>(blockIdx.x / tiles) * unit;
  const int end_token = min(first_token + unit, static_cast<int>(a.end_token));
  const int lane = threadIdx.x % 32, quad_lane = lane % 4, chunks = (a.heads + kHeads - 1) / kHeads;
  const std::int64_t warp_column = first_column + threadIdx.x / 32 * 32;
  const std::int64_t column = warp_column + quad_lane * 8 + lane / 4;  // whose score the lane stores
  const auto sees = [&](int token) {
    const Visible v = visible(a, token);
    return v.begin < first_column + kTile && v.end > first_column;
  };
  const auto next = [&](int token) {  // the next token that sees any of the columns
    while (token < end_token && !sees(token)) ++token;
    return token;
  };
  if (a.fill) {
    for (int token = first_token; token < end_token; ++token) {
      const Visible v = visible(a, token);
      if (column < a.max_keys && (column < v.begin || column >= v.end))
        a.scores[(token - a.first_token) * a.score_stride + column] = -INFINITY;
    }
  }
  const auto sequence_of = [&](int token) {
    return a.seq_of_token != nullptr && a.page_table != nullptr ? __ldg(a.seq_of_token + token) : 0;
  };
  int token = next(first_token), turn = 0;
  if (token >= end_token) return;
  Fetched fetched;
  fetch(a, token, 0, fetched);
  put(a, fetched, shared.stages[0]);
  __syncthreads();
  while (token < end_token) {  // tokens of one sequence, for as long as they are neighbours
    const int sequence = sequence_of(token);
    Keys keys;
    load_keys(a, warp_column, sequence, shared.keys, keys);
    do {
      const int following = next(token + 1);
      float sums[4] = {};
      for (int c = 0; c < chunks; ++c, turn ^= 1) {
        const bool last = c + 1 == chunks, more = !last || following < end_token;
        if (more) fetch(a, last ? following : token, last ? 0 : (c + 1) * kHeads, fetched);
        add_heads(shared.stages[turn], shared.keys, sums);
        if (more) put(a, fetched, shared.stages[turn ^ 1]);
        __syncthreads();
      }
#pragma unroll
      for (int r = 0; r < 4; ++r) {
        sums[r] += __shfl_xor_sync(kAll, sums[r], 2);
        sums[r] += __shfl_xor_sync(kAll, sums[r], 1);
      }
      const float sum = quad_lane == 0   ? sums[0]
                        : quad_lane == 1 ? sums[1]
                        : quad_lane == 2 ? sums[2]
                                         : sums[3];
      const Visible v = visible(a, token);
      if (column >= v.begin && column < v.end)
        a.scores[(token - a.first_token) * a.score_stride + column] =
            keys.present ? keys.scale * sum : -INFINITY;
      token = following;
    } while (token < end_token && sequence_of(token) == sequence);
  }
}

}  // namespace

cudaError_t indexer_scores_mma(const IndexerScoresArgs& args, cudaStream_t stream) {
  const std::int64_t tokens = args.end_token - args.first_token;
  if (tokens <= 0) return cudaSuccess;
  const std::int64_t tiles = (args.max_keys + kTile - 1) / kTile;
  // Enough blocks to fill the device twice before tokens share a key tile.
  std::int64_t unit = 16;
  while (unit > 1 && (tokens + unit - 1) / unit * tiles < 2 * args.units) unit /= 2;
  if (args.page_table != nullptr && tokens <= args.sequences) unit = 1;
  const std::int64_t blocks = (tokens + unit - 1) / unit * tiles;
  constexpr int kBytes = sizeof(Shared);
  const cudaError_t error =
      cudaFuncSetAttribute(scores_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kBytes);
  if (error != cudaSuccess) return error;
  scores_kernel<<<static_cast<unsigned>(blocks), kThreads, kBytes, stream>>>(args, static_cast<int>(unit),
                                                                             static_cast<int>(tiles));
  return cudaGetLastError();
}

}  // namespace tamis::cuda
