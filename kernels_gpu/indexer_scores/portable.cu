// indexer_scores: a block per token and tile of 64 keys. The dots of 64 heads with the 64 keys are a matrix
// product in local memory, 32 dimensions at a time, four heads by four keys a thread; each thread weighs its
// heads after the ReLU, and one thread a key adds up the heads in a fixed order. So a score depends on its
// query and its key alone.
//
// 2 Hi Di FLOP a key; a block reads Hi Di elements of the query and 64 Di of the keys, most of it from the
// cache behind memory: bound by local memory, at 2 vector loads per 16 products. 22 KB of local memory. Not
// measured on a card.
#include "kernels_gpu/common/caches.h"
#include "kernels_gpu/indexer_scores/launch.h"

namespace tamis::gpu {
namespace {

constexpr int kThreads = 256;
constexpr int kKeys = 64;   // of a tile
constexpr int kHeads = 64;  // at a time
constexpr int kDims = 32;   // at a time
constexpr int kEach = 4;    // heads, and keys, of a thread
constexpr int kGroups = kHeads / kEach;
constexpr int kPitch = 64 + 4;  // a row of a transposed tile: float4 reads stay aligned
static_assert(kGroups * (kKeys / kEach) == kThreads);

constexpr float kNegInf = -__builtin_huge_valf();

struct Tile {
  alignas(16) float q[kDims][kPitch];
  alignas(16) float k[kDims][kPitch];
  float partial[kGroups][kKeys];
  float weights[kHeads];
  float key_scales[kKeys];
  std::int64_t keys[kKeys];  // where a key begins, in elements; -1: not there
};

struct Visible {
  std::int64_t first, last;
};

__device__ Visible visible_keys(const IndexerScores& args, std::int64_t t) {
  std::int64_t first = args.ks.data != nullptr ? args.ks.data[t * args.ks.stride] : 0;
  std::int64_t last = args.ke.data[t * args.ke.stride];
  if (first < 0) first = 0;
  if (last > args.max_keys) last = args.max_keys;
  return {first, last > first ? last : first};
}

// By one thread a key.
__device__ void find_key(const IndexerScores& args, std::int64_t t, const Visible& seen,
                         std::int64_t position, int j, Tile& tile) {
  std::int64_t slot = -1;
  if (position >= seen.first && position < seen.last) {
    slot = position;
    if (args.paged) {
      const std::int64_t sequence =
          args.sequence.data != nullptr ? args.sequence.data[t * args.sequence.stride] : 0;
      slot = paged_slot(args.table, sequence, position);
    }
    if (slot >= args.keys.slots) slot = -1;
  }
  tile.keys[j] = -1;
  tile.key_scales[j] = 1;
  if (slot < 0) return;
  if (!args.paged) {
    tile.keys[j] = slot * args.keys.stride;
    if (args.key_scale != nullptr) tile.key_scales[j] = args.key_scale[slot];
    return;
  }
  tile.keys[j] = index_key_at(args.keys, slot);
  if (args.keys.element == Element::kE4M3) memcpy(&tile.key_scales[j], index_scale_at(args.keys, slot), 4);
}

template <Element element>
__device__ void load_queries(const IndexerScores& args, std::int64_t t, std::int64_t head, std::int64_t dim,
                             Tile& tile) {
  const int d = static_cast<int>(threadIdx.x) % kDims;
#pragma unroll 4
  for (int h = static_cast<int>(threadIdx.x) / kDims; h < kHeads; h += kThreads / kDims) {
    const bool inside = head + h < args.heads && dim + d < args.keys.dim;
    const std::int64_t at = t * args.q.stride + (head + h) * args.q.head_stride + dim + d;
    tile.q[d][h] = inside ? load_element<element>(args.q.data, at) : 0.0f;
  }
}

// A switch outside the loop, whose loads then overlap.
__device__ void load_queries(const IndexerScores& args, std::int64_t t, std::int64_t head, std::int64_t dim,
                             Tile& tile) {
  switch (args.q.element) {
    case Element::kF32: return load_queries<Element::kF32>(args, t, head, dim, tile);
    case Element::kBF16: return load_queries<Element::kBF16>(args, t, head, dim, tile);
    case Element::kF16: return load_queries<Element::kF16>(args, t, head, dim, tile);
    case Element::kE4M3: return load_queries<Element::kE4M3>(args, t, head, dim, tile);
  }
}

template <Element element>
__device__ void load_keys(const IndexerScores& args, std::int64_t dim, Tile& tile) {
  const int d = static_cast<int>(threadIdx.x) % kDims;
#pragma unroll 4
  for (int j = static_cast<int>(threadIdx.x) / kDims; j < kKeys; j += kThreads / kDims) {
    const bool inside = tile.keys[j] >= 0 && dim + d < args.keys.dim;
    tile.k[d][j] = inside ? load_element<element>(args.keys.data, tile.keys[j] + dim + d) : 0.0f;
  }
}

__device__ void load_weights(const IndexerScores& args, std::int64_t t, std::int64_t head, Tile& tile) {
  const int h = static_cast<int>(threadIdx.x);
  if (h >= kHeads) return;
  float weight = 0;
  if (head + h < args.heads) {
    weight = static_cast<const float*>(args.w.data)[t * args.w.stride + head + h];
    if (args.q_scale.data != nullptr) {
      weight *= static_cast<const float*>(args.q_scale.data)[t * args.q_scale.stride + head + h];
    }
    weight *= args.scale;
  }
  tile.weights[h] = weight;
}

__device__ void multiply(const Tile& tile, int head, int key, float (&dots)[kEach][kEach]) {
#pragma unroll 4
  for (int d = 0; d < kDims; ++d) {
    const float4 q = *reinterpret_cast<const float4*>(&tile.q[d][head]);
    const float4 k = *reinterpret_cast<const float4*>(&tile.k[d][key]);
    const float qs[kEach] = {q.x, q.y, q.z, q.w}, ks[kEach] = {k.x, k.y, k.z, k.w};
    for (int i = 0; i < kEach; ++i) {
      for (int j = 0; j < kEach; ++j) dots[i][j] = multiply_add(qs[i], ks[j], dots[i][j]);
    }
  }
}

// Sum over the heads of key threadIdx.x, in the first kKeys threads.
template <Element element>
__device__ float score_tile(const IndexerScores& args, std::int64_t t, Tile& tile) {
  const int group = static_cast<int>(threadIdx.x) / (kKeys / kEach), head = group * kEach;
  const int key = static_cast<int>(threadIdx.x) % (kKeys / kEach) * kEach;
  float total = 0;
  for (std::int64_t first_head = 0; first_head < args.heads; first_head += kHeads) {
    float dots[kEach][kEach] = {};
    for (std::int64_t dim = 0; dim < args.keys.dim; dim += kDims) {
      __syncthreads();
      load_queries(args, t, first_head, dim, tile);
      load_keys<element>(args, dim, tile);
      if (dim == 0) load_weights(args, t, first_head, tile);
      __syncthreads();
      if (first_head + head < args.heads) multiply(tile, head, key, dots);
    }
    for (int j = 0; j < kEach; ++j) {
      float sum = 0;
      for (int i = 0; i < kEach; ++i) {
        const float positive = dots[i][j] > 0 ? dots[i][j] : 0.0f;  // of NaN: 0
        sum = multiply_add(tile.weights[head + i], positive, sum);
      }
      tile.partial[group][key + j] = sum;
    }
    __syncthreads();
    if (threadIdx.x < kKeys) {
      for (int g = 0; g < kGroups; ++g) total += tile.partial[g][threadIdx.x];
    }
  }
  return total;
}

template <Element element>
__global__ void __launch_bounds__(kThreads) indexer_scores_kernel(IndexerScores args) {
  __shared__ Tile tile;
  const int j = static_cast<int>(threadIdx.x);
  for (std::int64_t row = blockIdx.y; row < args.tokens; row += gridDim.y) {
    const std::int64_t t = args.first_token + row;
    const Visible seen = visible_keys(args, t);
    if (seen.last - seen.first < args.min_keys) continue;
    for (std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * kKeys; column < args.keys_count;
         column += static_cast<std::int64_t>(gridDim.x) * kKeys) {
      const std::int64_t position = args.first_key + column;
      const bool any = position < seen.last && position + kKeys > seen.first;
      float score = kNegInf;
      if (any) {
        __syncthreads();
        if (j < kKeys) find_key(args, t, seen, position + j, j, tile);
        const float sum = score_tile<element>(args, t, tile);
        if (j < kKeys && tile.keys[j] >= 0) score = tile.key_scales[j] * sum;
      }
      if (j < kKeys && column + j < args.keys_count) {
        args.scores[row * args.scores_stride + column + j] = score;
      }
    }
  }
}

template <Element element>
void launch_tiles(const IndexerScores& args, Stream stream) {
  const dim3 grid(grid_of((args.keys_count + kKeys - 1) / kKeys), grid_of(args.tokens, kMaxGridY));
  TAMIS_LAUNCH(indexer_scores_kernel<element>, grid, dim3(kThreads), 0, stream, args);
}

}  // namespace

Error launch_indexer_scores(const IndexerScores& args, Stream stream) {
  if (args.tokens == 0 || args.keys_count == 0) return kNoError;
  switch (args.keys.element) {
    case Element::kF32: launch_tiles<Element::kF32>(args, stream); break;
    case Element::kBF16: launch_tiles<Element::kBF16>(args, stream); break;
    case Element::kF16: launch_tiles<Element::kF16>(args, stream); break;
    case Element::kE4M3: launch_tiles<Element::kE4M3>(args, stream); break;
  }
  return launch_error();
}

}  // namespace tamis::gpu
