// One block a token. Bytes: both inputs read, one cache row written.
#include "kernels_cuda/common/elements.cuh"
#include "kernels_cuda/common/reduce.cuh"
#include "kernels_cuda/kv_store/launch.h"

namespace tamis::cuda {
namespace {

constexpr int kThreads = 128;  // one group of latents

// The cache row of a token, or null: padding and slots past the end write nothing.
__device__ __forceinline__ std::uint8_t* cache_row(const KvStoreArgs& args, std::int64_t token,
                                                   int element_bytes) {
  const std::int64_t slot = args.slot[token];
  if (slot < 0 || slot >= args.slots) return nullptr;
  return static_cast<std::uint8_t*>(args.cache) + slot * args.row_stride * element_bytes;
}

__global__ void kv_store_plain_kernel(KvStoreArgs args, Element type) {
  const std::int64_t t = blockIdx.x;
  std::uint8_t* row = cache_row(args, t, type == Element::kF32 ? 4 : 2);
  if (row == nullptr) return;
  for (int i = threadIdx.x; i < args.c; i += kThreads) {
    store_element(row, i, type,
                  load_element(args.latent.data, t * args.latent.row_stride + i, args.latent.type));
  }
  for (int i = threadIdx.x; i < args.r; i += kThreads) {
    store_element(row, args.c + i, type,
                  load_element(args.k_rope.data, t * args.k_rope.row_stride + i, args.k_rope.type));
  }
}

// Byte by byte: rows of odd sizes leave scales and rope unaligned.
template <class T>
__device__ __forceinline__ void store_bytes(std::uint8_t* dst, T value) {
#pragma unroll
  for (int i = 0; i < static_cast<int>(sizeof(T)); ++i) dst[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

__global__ void kv_store_packed_kernel(KvStoreArgs args) {
  __shared__ float scratch[kThreads / kWarp];
  const std::int64_t t = blockIdx.x;
  std::uint8_t* row = cache_row(args, t, 1);
  if (row == nullptr) return;  // the same for the whole block
  const int groups = (args.c + kThreads - 1) / kThreads;
  for (int g = 0; g < groups; ++g) {
    const int i = g * kThreads + static_cast<int>(threadIdx.x);
    const float value =
        i < args.c ? load_element(args.latent.data, t * args.latent.row_stride + i, args.latent.type) : 0.0f;
    // fmaxf(0, NaN) is 0: a NaN does not spoil its group's scale.
    const float amax = block_reduce<kThreads>(fmaxf(0.0f, fabsf(value)), scratch, MaxMagnitude{});
    const float scale = numeric::latent_scale(amax);
    if (i < args.c) row[i] = numeric::float_to_e4m3(value / scale);
    if (threadIdx.x == 0) store_bytes(row + args.c + 4 * g, numeric::float_bits(scale));
  }
  std::uint8_t* rope = row + args.c + 4 * groups;
  for (int i = threadIdx.x; i < args.r; i += kThreads) {
    const float value = load_element(args.k_rope.data, t * args.k_rope.row_stride + i, args.k_rope.type);
    store_bytes(rope + 2 * i, numeric::float_to_bf16(value));
  }
}

}  // namespace

cudaError_t kv_store_plain(const KvStoreArgs& args, Element type, cudaStream_t stream) {
  if (args.tokens == 0) return cudaSuccess;
  kv_store_plain_kernel<<<static_cast<unsigned>(args.tokens), kThreads, 0, stream>>>(args, type);
  return cudaGetLastError();
}

cudaError_t kv_store_packed(const KvStoreArgs& args, cudaStream_t stream) {
  if (args.tokens == 0) return cudaSuccess;
  kv_store_packed_kernel<<<static_cast<unsigned>(args.tokens), kThreads, 0, stream>>>(args);
  return cudaGetLastError();
}

}  // namespace tamis::cuda
