// Attention over the latent cache: a block per token, 8 heads and part of the keys. FLOPs 2 (2 C + R) a
// (head, key); a cache row is read twice by each group of 8 heads, the second time and by the other groups
// from the cache behind memory. Bound by local memory (the scores) and by decoding the rows: about 5
// instructions a product at C 512, R 64 in FP8. 11 KB of local memory. Not measured on a card.
//
// A Keys type says which slots a token attends to: count(args, t) entries, of which at(args, t, i) is the
// slot of one, -1 for none.
#pragma once

#include "kernels_gpu/common/attention.h"
#include "kernels_gpu/common/caches.h"
#include "kernels_gpu/common/latent_attention.h"

namespace tamis::gpu {

static_assert(kLatentHeads == kAttentionRows);

struct LatentTile {
  AttentionTile attention;
  std::int32_t slots[kAttentionKeys];
};

template <Element element>
struct LatentSource {
  const LatentAttention& args;
  const LatentTile& tile;
  std::int64_t token, head;
  int dims, columns, first_column;
  float scale;

  __device__ LatentSource(const LatentAttention& arguments, const LatentTile& memory)
      : args(arguments),
        tile(memory),
        token(0),
        head(0),
        dims(static_cast<int>(arguments.cache.c + arguments.cache.r)),
        columns(static_cast<int>(arguments.cache.c)),
        first_column(0),
        scale(arguments.scale) {}
  __device__ float query(int row, int d) const {
    if (head + row >= args.heads) return 0;
    const Vectors& q = d < columns ? args.q_latent : args.q_rope;
    return load_element(q.element, q.data,
                        token * q.stride + (head + row) * q.head_stride + (d < columns ? d : d - columns));
  }
  __device__ float key(int j, int d) const { return load_latent<element>(args.cache, tile.slots[j], d); }
  __device__ float value(int j, int c) const { return load_latent<element>(args.cache, tile.slots[j], c); }
  __device__ bool has(int j) const { return tile.slots[j] >= 0; }
  __device__ bool sees(int, int j) const { return tile.slots[j] >= 0; }
};

// Entries [begin, end) of the token's keys, 32 at a time from multiples of 32 on.
template <class Keys, int columns, Element element>
__device__ void attend_entries(const LatentSource<element>& source, std::int64_t begin, std::int64_t end,
                               LatentTile& tile, Attention<columns>& attention) {
  const LatentAttention& args = source.args;
  for (std::int64_t block = begin; block < end; block += kAttentionKeys) {
    __syncthreads();
    if (threadIdx.x < kAttentionKeys) {
      const std::int64_t i = block + threadIdx.x;
      const std::int64_t slot = i < end ? Keys::at(args, source.token, i) : -1;
      tile.slots[threadIdx.x] = slot < args.cache.slots ? static_cast<std::int32_t>(slot) : -1;
    }
    __syncthreads();
    // All threads read the same 32 slots, so all of them go on or none does.
    if (wave_reduce<Max>(tile.slots[threadIdx.x % kAttentionKeys]) < 0) continue;
    attend(source, tile.attention, attention);
  }
}

// The i-th column of every row, final or of a part.
template <Element element>
__device__ void store_column(const LatentSource<element>& source, std::int64_t part, int i,
                             const AttentionTile& tile) {
  const LatentAttention& args = source.args;
  const int column = source.first_column + static_cast<int>(threadIdx.x) + i * kAttentionThreads;
  if (column >= source.columns) return;
#pragma unroll 1
  for (int r = 0; r < kAttentionRows && source.head + r < args.heads; ++r) {
    const std::int64_t row = source.token * args.heads + source.head + r;
    if (args.parts > 1) {
      args.part.values[(row * args.parts + part) * source.columns + column] = column_of(tile, r);
      continue;
    }
    const float* sink = args.sink == nullptr ? nullptr : args.sink + source.head + r;
    const RowResult result = row_result({tile.tops[r], tile.sums[r]}, sink);
    const std::int64_t at =
        source.token * args.out.stride + (source.head + r) * args.out.head_stride + column;
    store_element(args.out.element, args.out.data, at, column_of(tile, r) * result.factor);
  }
}

// What there is one of per row, by a thread a row.
template <Element element>
__device__ void store_states(const LatentSource<element>& source, std::int64_t part,
                             const AttentionTile& tile) {
  const LatentAttention& args = source.args;
  const auto r = static_cast<int>(threadIdx.x);
  if (source.first_column != 0 || r >= kAttentionRows || source.head + r >= args.heads) return;
  const std::int64_t row = source.token * args.heads + source.head + r;
  if (args.parts > 1) {
    float* states = args.part.states + (row * args.parts + part) * 2;
    states[0] = tile.tops[r];
    states[1] = tile.sums[r];
    return;
  }
  const float* sink = args.sink == nullptr ? nullptr : args.sink + source.head + r;
  args.lse[row] = row_result({tile.tops[r], tile.sums[r]}, sink).lse;
  if (args.max_logits != nullptr) args.max_logits[row] = tile.tops[r];
}

// Grid: (token, group of heads) along x, parts along y, blocks of columns along z.
// Bounded to three blocks a multiprocessor (HIP: three waves a unit): with more, 64 registers would not do.
template <class Keys, int columns, Element element>
__global__ void __launch_bounds__(kAttentionThreads, 3) latent_attention_kernel(LatentAttention args) {
  __shared__ LatentTile tile;
  const std::int64_t groups = (args.heads + kAttentionRows - 1) / kAttentionRows;
  LatentSource<element> source(args, tile);
  source.first_column = static_cast<int>(blockIdx.z) * columns * kAttentionThreads;
  for (std::int64_t item = blockIdx.x; item < args.tokens * groups; item += gridDim.x) {
    source.token = item / groups;
    source.head = item % groups * kAttentionRows;
    const std::int64_t count = Keys::count(args, source.token),
                       blocks = (count + kAttentionKeys - 1) / kAttentionKeys;
    const std::int64_t begin = blocks * blockIdx.y / args.parts * kAttentionKeys,
                       end = blocks * (blockIdx.y + 1) / args.parts * kAttentionKeys;
    Attention<columns> attention;
    attend_entries<Keys>(source, begin, end < count ? end : count, tile, attention);
    share_states(attention, tile.attention);
#pragma unroll
    for (int i = 0; i < columns; ++i) {
      put_column(attention, i, tile.attention);
      store_column(source, blockIdx.y, i, tile.attention);
    }
    store_states(source, blockIdx.y, tile.attention);
    __syncthreads();  // before the states are written again
  }
}

// A block per (token, head).
template <class Keys>
__global__ void __launch_bounds__(kAttentionThreads) merge_parts_kernel(LatentAttention args) {
  for (std::int64_t row = blockIdx.x; row < args.tokens * args.heads; row += gridDim.x) {
    const std::int64_t token = row / args.heads, head = row % args.heads;
    const float* states = args.part.states + row * args.parts * 2;
    const float* values = args.part.values + row * args.parts * args.cache.c;
    numeric::SoftmaxState state;
    for (std::int64_t p = 0; p < args.parts; ++p) state.max = Max::combine(states[p * 2], state.max);
    state.sum = 0;
    for (std::int64_t p = 0; p < args.parts; ++p) {
      state.sum += states[p * 2 + 1] * rescale_factor(states[p * 2], state.max);
    }
    const RowResult result = row_result(state, args.sink == nullptr ? nullptr : args.sink + head);
    for (std::int64_t c = threadIdx.x; c < args.cache.c; c += blockDim.x) {
      float sum = 0;
      for (std::int64_t p = 0; p < args.parts; ++p) {
        const float factor = rescale_factor(states[p * 2], state.max);
        sum = multiply_add(values[p * args.cache.c + c], factor, sum);
      }
      store_element(args.out.element, args.out.data,
                    token * args.out.stride + head * args.out.head_stride + c, sum * result.factor);
    }
    if (threadIdx.x != 0) continue;
    args.lse[row] = result.lse;
    if (args.max_logits != nullptr) args.max_logits[row] = state.max;
  }
}

template <class Keys, int columns, Element element>
void launch_latent_blocks(const LatentAttention& args, Stream stream) {
  const std::int64_t groups = (args.heads + kAttentionRows - 1) / kAttentionRows;
  constexpr std::int64_t kWidth = columns * kAttentionThreads;
  const dim3 grid(grid_of(args.tokens * groups), static_cast<unsigned>(args.parts),
                  static_cast<unsigned>((args.cache.c + kWidth - 1) / kWidth));
  TAMIS_LAUNCH((latent_attention_kernel<Keys, columns, element>), grid, dim3(kAttentionThreads), 0, stream,
               args);
}

template <class Keys, Element element>
void launch_latent_columns(const LatentAttention& args, Stream stream) {
  if (args.cache.c <= kAttentionThreads) return launch_latent_blocks<Keys, 1, element>(args, stream);
  launch_latent_blocks<Keys, 2, element>(args, stream);
}

template <class Keys>
Error launch_latent_attention(const LatentAttention& args, Stream stream) {
  if (args.tokens == 0 || args.heads == 0) return kNoError;
  switch (args.cache.element) {
    case Element::kBF16: launch_latent_columns<Keys, Element::kBF16>(args, stream); break;
    case Element::kE4M3: launch_latent_columns<Keys, Element::kE4M3>(args, stream); break;
    default: launch_latent_columns<Keys, Element::kF32>(args, stream);
  }
  if (const Error error = launch_error(); error != kNoError || args.parts == 1) return error;
  const dim3 grid(grid_of(args.tokens * args.heads));
  TAMIS_LAUNCH(merge_parts_kernel<Keys>, grid, dim3(kAttentionThreads), 0, stream, args);
  return launch_error();
}

}  // namespace tamis::gpu
