// indexer_prepare: a block takes 512 values, four vectors of 128, of a token's query heads and its key
// through all steps in local memory: pairs turned, butterflies, then a wave per vector finds its scale and
// encodes it. One launch for seven ops, one pass over memory; bound by the barriers of the butterflies. Up to
// 32 KB of local memory. Not measured on a card.
#include "kernels_gpu/common/butterflies.h"
#include "kernels_gpu/common/caches.h"
#include "kernels_gpu/common/dependent.h"
#include "kernels_gpu/common/rotary.h"
#include "kernels_gpu/common/wave.h"
#include "kernels_gpu/indexer_prepare/launch.h"

namespace tamis::gpu {
namespace {

constexpr int kThreads = 128;
constexpr std::int64_t kValues = 512;  // of a block, unless one vector is wider

// Vectors [first, first + count) of a token: its heads, and after them its key.
struct Batch {
  const IndexerPrepare& args;
  std::int64_t token, first, count;

  __device__ bool is_key(std::int64_t v) const { return first + v == args.heads; }
  __device__ Element element(std::int64_t v) const { return is_key(v) ? args.k.element : args.q.element; }
  __device__ float load(std::int64_t v, std::int64_t i) const {
    if (is_key(v)) return load_element(args.k, token, i);
    return load_element(args.q.element, args.q.data,
                        token * args.q.stride + (first + v) * args.q.head_stride + i);
  }
};

__device__ void load_batch(const Batch& batch, float* values) {
  const std::int64_t dim = batch.args.cache.dim;
#pragma unroll 1
  for (std::int64_t i = threadIdx.x; i < batch.count * dim; i += kThreads) {
    values[i] = batch.load(i / dim, i % dim);
  }
  __syncthreads();
}

__device__ void rotate_batch(const Batch& batch, float* values) {
  const IndexerPrepare& args = batch.args;
  const PairLayout layout{args.interleaved, args.half};
#pragma unroll 1
  for (std::int64_t i = threadIdx.x; i < batch.count * args.half; i += kThreads) {
    const std::int64_t v = i / args.half, pair = i % args.half;
    const Turn turn =
        turn_of(args.positions.data[batch.token * args.positions.stride], args.inv_freq[pair], 1.0f);
    float* a = values + v * args.cache.dim + layout.first(pair);
    float* b = a + layout.distance();
    const Pair turned = rotated({*a, *b}, turn);
    *a = rounded(batch.element(v), turned.a);
    *b = rounded(batch.element(v), turned.b);
  }
  __syncthreads();
}

// By one wave: from a transformed vector to codes and a scale.
__device__ void store_codes(const Batch& batch, std::int64_t v, const float* vector, std::int64_t slot) {
  const IndexerPrepare& args = batch.args;
  const Element element = batch.element(v);
  float amax = 0;
  for (std::int64_t i = lane_id(); i < args.cache.dim; i += wave_size()) {
    const float magnitude = fabsf(rounded(element, vector[i] * args.factor));
    amax = magnitude > amax ? magnitude : amax;  // NaN is passed over
  }
  const bool key = batch.is_key(v);
  const float scale = numeric::activation_scale(wave_reduce<Max>(amax), key || args.pow2);
  if (key && slot < 0) return;
  auto* codes = static_cast<std::uint8_t*>(key ? args.cache.data : args.q_out.data) +
                (key ? index_key_at(args.cache, slot)
                     : batch.token * args.q_out.stride + (batch.first + v) * args.q_out.head_stride);
  for (std::int64_t i = lane_id(); i < args.cache.dim; i += wave_size()) {
    codes[i] = scaled_code(rounded(element, vector[i] * args.factor), scale);
  }
  if (lane_id() != 0) return;
  if (key) {
    memcpy(index_scale_at(args.cache, slot), &scale, 4);
  } else {
    args.q_scale[batch.token * args.heads + batch.first + v] = scale;
  }
}

// By the block: rotated vectors as they are.
__device__ void store_exact(const Batch& batch, const float* values, std::int64_t slot) {
  const IndexerPrepare& args = batch.args;
#pragma unroll 1
  for (std::int64_t i = threadIdx.x; i < batch.count * args.cache.dim; i += kThreads) {
    const std::int64_t v = i / args.cache.dim, column = i % args.cache.dim;
    if (!batch.is_key(v)) {
      store_element(args.q_out.element, args.q_out.data,
                    batch.token * args.q_out.stride + (batch.first + v) * args.q_out.head_stride + column,
                    values[i]);
    } else if (slot >= 0) {
      store_element(args.cache.element, args.cache.data, index_key_at(args.cache, slot) + column, values[i]);
    }
  }
}

template <bool paged>
__global__ void __launch_bounds__(kThreads) indexer_prepare_kernel(IndexerPrepare args) {
  after_predecessor();
  TAMIS_DYNAMIC_LOCAL(float, values);
  const std::int64_t dim = args.cache.dim, each = dim < kValues ? kValues / dim : 1, vectors = args.heads + 1;
  for (std::int64_t t = blockIdx.x; t < args.tokens; t += gridDim.x) {
    std::int64_t slot = args.slot.data[t * args.slot.stride];
    if (slot >= args.cache.slots) slot = -1;
    for (std::int64_t first = blockIdx.y * each; first < vectors; first += gridDim.y * each) {
      const Batch batch{args, t, first, first + each < vectors ? each : vectors - first};
      load_batch(batch, values);
      rotate_batch(batch, values);
      if constexpr (paged) {
        hadamard_butterflies(values, dim, batch.count * dim);
        for (std::int64_t v = wave_id(); v < batch.count; v += waves_per_block()) {
          store_codes(batch, v, values + v * dim, slot);
        }
      } else {
        store_exact(batch, values, slot);
      }
      __syncthreads();
    }
  }
}

}  // namespace

Error launch_indexer_prepare(const IndexerPrepare& args, Stream stream) {
  if (args.tokens == 0) return kNoError;
  const std::int64_t dim = args.cache.dim, each = dim < kValues ? kValues / dim : 1;
  const dim3 grid(grid_of(args.tokens), grid_of((args.heads + each) / each, kMaxGridY));
  const auto bytes = static_cast<unsigned>(4 * each * dim);
  return args.cache.element == Element::kE4M3
             ? launch_dependent<indexer_prepare_kernel<true>>(grid, kThreads, bytes, stream, args)
             : launch_dependent<indexer_prepare_kernel<false>>(grid, kThreads, bytes, stream, args);
}

}  // namespace tamis::gpu
