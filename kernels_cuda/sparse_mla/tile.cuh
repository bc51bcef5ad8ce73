// Pieces of the tensor-core rows of sparse_mla: gathered tiles in shared memory, fragments, the epilogue.
//
// A tile row is 576 bf16, 72 chunks of 16 bytes; chunk c of row r lies at chunk c ^ (r & 7), so that eight
// rows of one column fall into different banks (a row is a multiple of 128 bytes).
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>

#include "kernels_cuda/common/mma_bf16.cuh"
#include "kernels_cuda/sparse_mla/launch.h"

namespace tamis::cuda::mla {

using namespace mma_bf16;

inline constexpr int kD = kSparseMlaC + kSparseMlaR;
inline constexpr int kRowBytes = kD * 2;  // of a tile, and of a bf16 cache row
inline constexpr int kPackedBytes = 656;  // of an FP8 cache row: 512 codes, 4 scales, 64 bf16
inline constexpr int kPackedChunks = 41;
inline constexpr int kThreads = 256;
inline constexpr int kWarps = 8;

__device__ __forceinline__ void barrier(int id, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

// What one block computes: heads from head0 on, of one part of a token.
struct Work {
  const SparseMlaArgs& args;
  std::int64_t token;
  int head0, split;
};
template <int kHeads>
__device__ __forceinline__ Work work_of(const SparseMlaArgs& args) {
  const unsigned blocks = (args.heads + kHeads - 1) / kHeads;
  return {args, blockIdx.x / blocks, static_cast<int>(blockIdx.x % blocks) * kHeads,
          static_cast<int>(blockIdx.y)};
}

// The entries of one part of a token: which rows of the cache a tile gathers. Warp w of kGatherers gathers
// kRows rows of every tile; lane l knows the slot of row l % kRows of them.
template <int kKeys, int kGatherers = kWarps>
struct Entries {
  static constexpr int kRows = kKeys / kGatherers;
  const std::int32_t* slots;
  int begin, end;  // entries
  int rows;        // of the cache

  __device__ explicit Entries(const Work& work)
      : slots(work.args.slots + work.token * work.args.slots_token),
        begin(work.split * work.args.keys_per_split),
        end(min(work.args.k, begin + work.args.keys_per_split)),
        rows(static_cast<int>(min(work.args.cache_rows, std::int64_t{0x7fffffff}))) {
    if (work.args.length != nullptr) end = min(end, work.args.length[work.token * work.args.length_token]);
  }
  __device__ int tiles() const { return end <= begin ? 0 : (end - begin + kKeys - 1) / kKeys; }
  // -1 for what must not be read.
  __device__ int slot(int tile, int warp) const {
    const int i = begin + tile * kKeys + warp * kRows + static_cast<int>(threadIdx.x) % kRows;
    if (i >= end) return -1;
    const int s = slots[i];
    return s < rows ? s : -1;
  }
};

// Row `slot` of the cache, or some row for a hole.
__device__ __forceinline__ const char* cache_row(const SparseMlaArgs& args, int slot) {
  return static_cast<const char*>(args.cache) + max(slot, 0) * args.cache_row_bytes;
}

// Starts the copy of a warp's kRows bf16 rows of a tile, four rows of 128 bytes at a time. Columns lie in
// groups of 64, kGroup bytes apart.
template <int kRows, int kRow = kRowBytes, int kGroup = 128>
__device__ __forceinline__ void gather_bf16(const SparseMlaArgs& args, unsigned tile, int warp, int slot) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int j = 0; j < kRows / 4; ++j) {
    const int r = warp * kRows + j * 4 + lane / 8;
    const int s = __shfl_sync(kAll, slot, j * 4 + lane / 8);
    const char* src = cache_row(args, s) + lane % 8 * 16;
    const unsigned dst = tile + r * kRow + ((lane ^ r) & 7) * 16;
#pragma unroll
    for (int g = 0; g < kD / 64; ++g) copy_async(dst + g * kGroup, src + g * 128, s >= 0);
  }
}

// Starts the copy of packed rows as they are. The codes first, a warp a row; then scales and rope columns.
template <int kRows>
__device__ __forceinline__ void gather_packed(const SparseMlaArgs& args, unsigned raw, int warp, int slot) {
  constexpr int kRest = kPackedChunks - 32;
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int j = 0; j < kRows; ++j) {
    const int s = __shfl_sync(kAll, slot, j);
    copy_async(raw + (warp * kRows + j) * kPackedBytes + lane * 16, cache_row(args, s) + lane * 16, s >= 0);
  }
#pragma unroll
  for (int i = 0; i < (kRows * kRest + 31) / 32; ++i) {
    const int c = i * 32 + lane, j = c / kRest, chunk = 32 + c % kRest;
    const int s = __shfl_sync(kAll, slot, j % kRows);
    if (j < kRows) {
      copy_async(raw + (warp * kRows + j) * kPackedBytes + chunk * 16, cache_row(args, s) + chunk * 16,
                 s >= 0);
    }
  }
}

// Four e4m3 codes times `scale`, rounded once to bf16: exact for the powers of two that kv_store writes.
__device__ __forceinline__ uint2 dequantize(unsigned codes, float scale) {
  float2 low, high;
#if __CUDA_ARCH__ >= 890
  const __half2_raw l =
      __nv_cvt_fp8x2_to_halfraw2(static_cast<__nv_fp8x2_storage_t>(codes & 0xffffu), __NV_E4M3);
  const __half2_raw h = __nv_cvt_fp8x2_to_halfraw2(static_cast<__nv_fp8x2_storage_t>(codes >> 16), __NV_E4M3);
  low = __half22float2(__half2(l));
  high = __half22float2(__half2(h));
#else
  // The bits of a code are those of an f16 with a bias of 7 for 15; only NaN (0x7f) needs a test.
  const unsigned odd = codes & 0xff00ff00u, even = (codes & 0x00ff00ffu) << 8;
  const unsigned e = (even & 0x80008000u) | ((even & 0x7f007f00u) >> 1);
  const unsigned o = (odd & 0x80008000u) | ((odd & 0x7f007f00u) >> 1);
  const float2 fe = __half22float2(reinterpret_cast<const __half2&>(e));
  const float2 fo = __half22float2(reinterpret_cast<const __half2&>(o));
  low = make_float2(fe.x * 256.0f, fo.x * 256.0f);
  high = make_float2(fe.y * 256.0f, fo.y * 256.0f);
  if ((((codes & 0x7f7f7f7fu) + 0x01010101u) & 0x80808080u) != 0) {
    const float nan = __int_as_float(0x7fffffff);
    if ((codes & 0x7fu) == 0x7fu) low.x = nan;
    if ((codes & 0x7f00u) == 0x7f00u) low.y = nan;
    if ((codes & 0x7f0000u) == 0x7f0000u) high.x = nan;
    if ((codes & 0x7f000000u) == 0x7f000000u) high.y = nan;
  }
#endif
  return make_uint2(pack_bf16(low.x * scale, low.y * scale), pack_bf16(high.x * scale, high.y * scale));
}

// Packed rows to a tile. A lane takes 16 codes of a row and writes two chunks, in an order that keeps eight
// neighbouring lanes in different banks.
template <int kKeys>
__device__ __forceinline__ void unpack_tile(char* tile, const char* raw) {
  constexpr int kRows = kKeys / kWarps;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const bool swap = (lane & 4) != 0;
#pragma unroll 2
  for (int j = 0; j < kRows; ++j) {
    const int r = warp * kRows + j;
    const char* row = raw + r * kPackedBytes;
    const uint4 codes = *reinterpret_cast<const uint4*>(row + lane * 16);
    const float scale = *reinterpret_cast<const float*>(row + kSparseMlaC + lane / 8 * 4);
    const uint2 a = dequantize(codes.x, scale), b = dequantize(codes.y, scale);
    const uint2 c = dequantize(codes.z, scale), d = dequantize(codes.w, scale);
    const uint4 first = make_uint4(a.x, a.y, b.x, b.y), second = make_uint4(c.x, c.y, d.x, d.y);
    char* dst = tile + r * kRowBytes;
    const int c0 = (lane * 2) ^ (r & 7), c1 = (lane * 2 + 1) ^ (r & 7);
    *reinterpret_cast<uint4*>(dst + (swap ? c1 : c0) * 16) = swap ? second : first;
    *reinterpret_cast<uint4*>(dst + (swap ? c0 : c1) * 16) = swap ? first : second;
  }
#pragma unroll
  for (int j = 0; j < kRows / 4; ++j) {
    const int r = warp * kRows + j * 4 + lane / 8, c = lane % 8;
    *reinterpret_cast<uint4*>(tile + r * kRowBytes + kSparseMlaC * 2 + ((c ^ r) & 7) * 16) =
        *reinterpret_cast<const uint4*>(raw + r * kPackedBytes + kSparseMlaC + 16 + c * 16);
  }
}

// A token's query, [latent, rope] of each head; zeros past the last head.
struct Query {
  const __nv_bfloat16* latent;
  const __nv_bfloat16* rope;
  std::int64_t latent_head, rope_head;
  int heads;

  __device__ Query(const SparseMlaArgs& args, std::int64_t token)
      : latent(static_cast<const __nv_bfloat16*>(args.q_latent) + token * args.q_latent_token),
        rope(static_cast<const __nv_bfloat16*>(args.q_rope) + token * args.q_rope_token),
        latent_head(args.q_latent_head),
        rope_head(args.q_rope_head),
        heads(args.heads) {}
  __device__ const __nv_bfloat16* at(int head, int column) const {
    return column < kSparseMlaC ? latent + head * latent_head + column
                                : rope + head * rope_head + (column - kSparseMlaC);
  }
  // Two neighbouring elements.
  template <bool kAligned>
  __device__ unsigned pair(int head, int column) const {
    if (head >= heads) return 0;
    const __nv_bfloat16* p = at(head, column);
    if constexpr (kAligned) return *reinterpret_cast<const unsigned*>(p);
    const unsigned low = __bfloat16_as_ushort(p[0]), high = __bfloat16_as_ushort(p[1]);
    return low | high << 16;
  }
  // Eight elements, chunk c of a head, to shared memory at `to`; the aligned ones by an asynchronous copy.
  template <bool kAligned>
  __device__ void chunk(int head, int c, char* to) const {
    if constexpr (kAligned) {
      copy_async(shared_address(to), at(min(head, heads - 1), c * 8), head < heads);
    } else {
      auto* words = reinterpret_cast<unsigned*>(to);
      for (int i = 0; i < 4; ++i) words[i] = pair<false>(head, c * 8 + i * 2);
    }
  }
};

// The queries of 64 heads by 256 threads; place(r, c) is where chunk c of row r goes.
template <class Place>
__device__ __forceinline__ void load_queries64(const Work& work, Place place) {
  constexpr int kChunks = kD / 8;
  const Query query(work.args, work.token);
  if (work.args.q_aligned) {
#pragma unroll
    for (int i = 0; i < 64 * kChunks / kThreads; ++i) {
      const int n = i * kThreads + static_cast<int>(threadIdx.x);
      query.chunk<true>(work.head0 + n / kChunks, n % kChunks, place(n / kChunks, n % kChunks));
    }
  } else {
    for (int n = threadIdx.x; n < 64 * kChunks; n += kThreads) {
      query.chunk<false>(work.head0 + n / kChunks, n % kChunks, place(n / kChunks, n % kChunks));
    }
  }
}

// What becomes of a head's sums: `maximum` and `sum` are in units of log2.
struct HeadResult {
  float out_scale;  // times the unnormalised output
  float lse;
  float max_logit;
};
__device__ __forceinline__ HeadResult finish_head(const SparseMlaArgs& args, int head, float maximum,
                                                  float sum) {
  constexpr float kLn2 = 0.6931471805599453f;
  if (sum == 0.0f) return {0.0f, -INFINITY, -INFINITY};
  const float max_logit = maximum * kLn2;
  float lse = max_logit + logf(sum), scale = 1.0f / sum;
  if (args.sink != nullptr) {
    const float sink = args.sink[head], top = fmaxf(lse, sink);
    const float joint = isinf(sink) ? top : top + logf(expf(lse - top) + expf(sink - top));
    scale *= expf(lse - joint);
    lse = joint;
  }
  return {scale, lse, max_logit};
}
__device__ __forceinline__ void store_head(const SparseMlaArgs& args, std::int64_t token, int head,
                                           const HeadResult& result) {
  args.lse[token * args.lse_token + head] = result.lse;
  if (args.max_logits != nullptr) args.max_logits[token * args.max_token + head] = result.max_logit;
}

// Where part `split` of a token leaves its sums.
struct Partial {
  float* out;  // [h, 512]
  float* maximum;
  float* sum;
};
__device__ __forceinline__ Partial partial_of(const SparseMlaArgs& args, std::int64_t token, int split) {
  const std::int64_t parts = args.tokens * args.splits, part = token * args.splits + split;
  float* scalars = args.partial + parts * args.heads * kSparseMlaC;
  return {args.partial + part * args.heads * kSparseMlaC, scalars + part * args.heads,
          scalars + (parts + part) * args.heads};
}

}  // namespace tamis::cuda::mla
