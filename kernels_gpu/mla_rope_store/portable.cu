// mla_rope_store: for each token, blocks that rotate 16 query heads each, and one that normalises the latent,
// rotates the key part and encodes both to the cache row. One launch for four ops; each input is read once,
// the latent three times, from the cache. Bound by memory, at few tokens by the launch. Not measured on a
// card.
#include "kernels_gpu/common/caches.h"
#include "kernels_gpu/common/dependent.h"
#include "kernels_gpu/common/rotary.h"
#include "kernels_gpu/common/wave.h"
#include "kernels_gpu/mla_rope_store/launch.h"

namespace tamis::gpu {
namespace {

constexpr int kThreads = 128;

// The latent and the key part of one token, each value rounded to the dtype of kv_a, as the plain ops leave
// it.
struct Key {
  const MlaRopeStore& args;
  std::int64_t token;
  float factor;  // 1 / rms of the latent

  __device__ float latent(std::int64_t i) const {
    return rounded(args.kv.element, load_element(args.kv, token, i) * factor * args.norm_weight[i]);
  }
  __device__ Pair rope(std::int64_t pair) const {
    const Turn turn = turn_of(args.q.positions.data[token * args.q.positions.stride], args.q.inv_freq[pair],
                              args.q.magnitude);
    const std::int64_t at = args.cache.c + 2 * pair;
    const Pair turned =
        rotated({load_element(args.kv, token, at), load_element(args.kv, token, at + 1)}, turn);
    return {rounded(args.kv.element, turned.a), rounded(args.kv.element, turned.b)};
  }
};

__device__ void store_plain(const Key& key, std::int64_t slot) {
  const KvCache& cache = key.args.cache;
  const std::int64_t row = slot * cache.stride;
#pragma unroll 1
  for (std::int64_t i = threadIdx.x; i < cache.c; i += kThreads) {
    store_element(cache.element, cache.data, row + i, key.latent(i));
  }
#pragma unroll 1
  for (std::int64_t pair = threadIdx.x; pair < cache.r / 2; pair += kThreads) {
    const Pair rope = key.rope(pair);
    store_element(cache.element, cache.data, row + cache.c + 2 * pair, rope.a);
    store_element(cache.element, cache.data, row + cache.c + 2 * pair + 1, rope.b);
  }
}

__device__ void store_bf16(std::uint8_t* bytes, float value) {
  const std::uint16_t code = numeric::float_to_bf16(value);
  memcpy(bytes, &code, 2);
}

// A wave per group of 128 latents. Nothing in a row need be aligned: C may be odd.
__device__ void store_packed(const Key& key, std::int64_t slot) {
  const KvCache& cache = key.args.cache;
  auto* row = static_cast<std::uint8_t*>(cache.data) + slot * cache.stride;
  const std::int64_t groups = (cache.c + kLatentGroup - 1) / kLatentGroup;
  for (std::int64_t group = wave_id(); group < groups; group += waves_per_block()) {
    const std::int64_t begin = group * kLatentGroup;
    const std::int64_t end = begin + kLatentGroup < cache.c ? begin + kLatentGroup : cache.c;
    float amax = 0;
#pragma unroll 1
    for (std::int64_t i = begin + lane_id(); i < end; i += wave_size()) {
      const float magnitude = fabsf(key.latent(i));
      amax = magnitude > amax ? magnitude : amax;  // NaN is passed over
    }
    const float scale = numeric::latent_scale(wave_reduce<Max>(amax));
#pragma unroll 1
    for (std::int64_t i = begin + lane_id(); i < end; i += wave_size()) {
      row[i] = scaled_code(key.latent(i), scale);
    }
    if (lane_id() == 0) memcpy(row + cache.c + group * 4, &scale, 4);
  }
  std::uint8_t* rope_bytes = row + cache.c + groups * 4;
#pragma unroll 1
  for (std::int64_t pair = threadIdx.x; pair < cache.r / 2; pair += kThreads) {
    const Pair rope = key.rope(pair);
    store_bf16(rope_bytes + 4 * pair, rope.a);
    store_bf16(rope_bytes + 4 * pair + 2, rope.b);
  }
}

template <bool packed>
__device__ void store_key(const MlaRopeStore& args, std::int64_t t) {
  const std::int64_t slot = args.slot.data[t * args.slot.stride];
  if (slot < 0 || slot >= args.cache.slots) return;  // padding: the same in all threads
  float squares = 0;
#pragma unroll 1
  for (std::int64_t i = threadIdx.x; i < args.cache.c; i += kThreads) {
    const float x = load_element(args.kv, t, i);
    squares = multiply_add(x, x, squares);
  }
  const float mean = block_reduce<Sum>(squares) / static_cast<float>(args.cache.c);
  const Key key{args, t, 1.0f / sqrtf(mean + args.eps)};
  if constexpr (packed) {
    store_packed(key, slot);
  } else {
    store_plain(key, slot);
  }
}

// Grid: tokens along x; along y the key, then the heads.
template <bool packed>
__global__ void __launch_bounds__(kThreads) mla_rope_store_kernel(MlaRopeStore args) {
  after_predecessor();
  for (std::int64_t t = blockIdx.x; t < args.q.tokens; t += gridDim.x) {
    if (blockIdx.y == 0) {
      store_key<packed>(args, t);
      continue;
    }
    const std::int64_t step = (gridDim.y - 1) * kRopeHeads;
    for (std::int64_t first = (blockIdx.y - 1) * kRopeHeads; first < args.q.heads; first += step) {
      rotate_heads(args.q, {t, first, first + kRopeHeads < args.q.heads ? first + kRopeHeads : args.q.heads});
    }
  }
}

}  // namespace

Error launch_mla_rope_store(const MlaRopeStore& args, Stream stream) {
  if (args.q.tokens == 0) return kNoError;
  const std::int64_t head_blocks = (args.q.heads + kRopeHeads - 1) / kRopeHeads;
  const dim3 grid(grid_of(args.q.tokens), 1 + grid_of(head_blocks, kMaxGridY - 1));
  return args.cache.element == Element::kE4M3
             ? launch_dependent<mla_rope_store_kernel<true>>(grid, kThreads, 0, stream, args)
             : launch_dependent<mla_rope_store_kernel<false>>(grid, kThreads, 0, stream, args);
}

}  // namespace tamis::gpu
