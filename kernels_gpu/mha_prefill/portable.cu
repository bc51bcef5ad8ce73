// mha_prefill: a block per head and 8 neighbouring tokens, which share the keys they load as far as they are
// of one sequence. FLOPs 2 (dn + R + dv) a (token, head, key); keys and values are read once per 8 tokens,
// mostly from the cache behind memory. Bound by local memory, as its scores take a load per product. 11 KB of
// local memory. Not measured on a card.
//
// Blocks of keys begin at multiples of 32 of the sequence, whatever the tokens, so that a token's result does
// not depend on its neighbours.
#include "kernels_gpu/common/attention.h"
#include "kernels_gpu/common/sequences.h"
#include "kernels_gpu/mha_prefill/launch.h"

namespace tamis::gpu {
namespace {

struct MhaTile {
  AttentionTile attention;
  std::int64_t seen[kAttentionRows];  // keys that each token of the run sees
};

// How keys and values are stored: all alike, or (kMixed) each as it says.
enum class Stored { kF32, kBF16, kF16, kMixed };

template <Stored stored>
__device__ float load_key(Element element, const void* data, std::int64_t i) {
  if constexpr (stored == Stored::kF32) return load_element<Element::kF32>(data, i);
  if constexpr (stored == Stored::kBF16) return load_element<Element::kBF16>(data, i);
  if constexpr (stored == Stored::kF16) return load_element<Element::kF16>(data, i);
  return load_element(element, data, i);
}

// Tokens [token, token + count) of one sequence, and the keys from `block` on.
template <Stored stored>
struct MhaSource {
  const MhaPrefill& args;
  const MhaTile& tile;
  std::int64_t token, count, head;
  std::int64_t start, block, end;  // the sequence's first row; the block of keys; keys that any token sees
  int dims, columns, first_column;
  float scale;

  __device__ MhaSource(const MhaPrefill& arguments, const MhaTile& memory)
      : args(arguments),
        tile(memory),
        token(0),
        count(0),
        head(0),
        start(0),
        block(0),
        end(0),
        dims(static_cast<int>(arguments.nope + arguments.rope)),
        columns(static_cast<int>(arguments.value)),
        first_column(0),
        scale(arguments.scale) {}
  __device__ static float element(const Vectors& x, std::int64_t row, std::int64_t head, std::int64_t i) {
    return load_element(x.element, x.data, row * x.stride + head * x.head_stride + i);
  }
  __device__ float query(int row, int d) const {
    if (row >= count) return 0;
    return d < args.nope ? element(args.q_nope, token + row, head, d)
                         : element(args.q_rope, token + row, head, d - args.nope);
  }
  __device__ float key(int j, int d) const {
    const std::int64_t row = start + block + j;
    const bool nope = d < args.nope;
    return load_key<stored>(nope ? args.k_nope.element : args.k_rope.element,
                            nope ? args.k_nope.data : args.k_rope.data,
                            nope ? row * args.k_nope.stride + head * args.k_nope.head_stride + d
                                 : row * args.k_rope.stride + d - args.nope);
  }
  __device__ float value(int j, int c) const {
    return load_key<stored>(args.v.element, args.v.data,
                            (start + block + j) * args.v.stride + head * args.v.head_stride + c);
  }
  __device__ bool has(int j) const { return block + j < end; }
  __device__ bool sees(int row, int j) const { return block + j < tile.seen[row]; }
};

__device__ std::int64_t sequence_of(const MhaPrefill& args, std::int64_t t) {
  return args.sequence.data[t * args.sequence.stride];
}

// Makes the run that begins at token `first` and ends with its sequence or at `last`. Called by all threads.
template <Stored stored>
__device__ void begin_run(MhaSource<stored>& source, MhaTile& tile, std::int64_t first, std::int64_t last) {
  const MhaPrefill& args = source.args;
  const std::int64_t sequence = sequence_of(args, first);
  source.token = first;
  source.count = 1;
  while (first + source.count < last && sequence_of(args, first + source.count) == sequence) ++source.count;
  const bool exists = sequence >= 0 && sequence < args.sequences;
  source.start = exists ? first_row_of(args.lengths, sequence) : 0;
  std::int64_t most = exists ? length_of(args.lengths, sequence) : 0;
  if (most > args.rows - source.start) most = args.rows - source.start;
  __syncthreads();
  if (threadIdx.x < kAttentionRows) {
    std::int64_t seen = 0;
    if (threadIdx.x < source.count) seen = args.ke.data[(first + threadIdx.x) * args.ke.stride];
    tile.seen[threadIdx.x] = seen < most ? seen : most;
  }
  __syncthreads();
  source.end = 0;
  for (int r = 0; r < kAttentionRows; ++r) source.end = tile.seen[r] > source.end ? tile.seen[r] : source.end;
}

// The i-th column of the run's tokens.
template <Stored stored>
__device__ void store_column(const MhaSource<stored>& source, int i, const AttentionTile& tile) {
  const MhaPrefill& args = source.args;
  const int column = source.first_column + static_cast<int>(threadIdx.x) + i * kAttentionThreads;
  if (column >= source.columns) return;
#pragma unroll 1
  for (int r = 0; r < source.count; ++r) {
    const RowResult result = row_result({tile.tops[r], tile.sums[r]}, nullptr);
    const std::int64_t at =
        (source.token + r) * args.out.stride + source.head * args.out.head_stride + column;
    store_element(args.out.element, args.out.data, at, column_of(tile, r) * result.factor);
  }
}

// Grid: (block of tokens, head) along x, blocks of columns along z.
template <int columns, Stored stored>
__global__ void __launch_bounds__(kAttentionThreads) mha_prefill_kernel(MhaPrefill args) {
  __shared__ MhaTile tile;
  const std::int64_t blocks = (args.tokens + kAttentionRows - 1) / kAttentionRows;
  MhaSource<stored> source(args, tile);
  source.first_column = static_cast<int>(blockIdx.z) * columns * kAttentionThreads;
  for (std::int64_t item = blockIdx.x; item < blocks * args.heads; item += gridDim.x) {
    const std::int64_t first = item / args.heads * kAttentionRows;
    const std::int64_t last = first + kAttentionRows < args.tokens ? first + kAttentionRows : args.tokens;
    source.head = item % args.heads;
    for (std::int64_t t = first; t < last; t += source.count) {
      begin_run(source, tile, t, last);
      Attention<columns> attention;
      for (source.block = 0; source.block < source.end; source.block += kAttentionKeys) {
        attend(source, tile.attention, attention);
      }
      share_states(attention, tile.attention);
#pragma unroll
      for (int i = 0; i < columns; ++i) {
        put_column(attention, i, tile.attention);
        store_column(source, i, tile.attention);
      }
      const auto r = static_cast<int>(threadIdx.x);
      if (source.first_column == 0 && r < source.count) {
        args.lse[(t + r) * args.heads + source.head] =
            row_result({tile.attention.tops[r], tile.attention.sums[r]}, nullptr).lse;
      }
    }
  }
}

template <int columns, Stored stored>
void launch_blocks(const MhaPrefill& args, Stream stream) {
  const std::int64_t blocks = (args.tokens + kAttentionRows - 1) / kAttentionRows;
  constexpr std::int64_t kWidth = columns * kAttentionThreads;
  const dim3 grid(grid_of(blocks * args.heads), 1, static_cast<unsigned>((args.value + kWidth - 1) / kWidth));
  TAMIS_LAUNCH((mha_prefill_kernel<columns, stored>), grid, dim3(kAttentionThreads), 0, stream, args);
}

template <Stored stored>
void launch_columns(const MhaPrefill& args, Stream stream) {
  if (args.value <= kAttentionThreads) return launch_blocks<1, stored>(args, stream);
  launch_blocks<2, stored>(args, stream);
}

Stored stored_as(const MhaPrefill& args) {
  const Element element = args.v.element;
  if (args.k_nope.element != element || args.k_rope.element != element) return Stored::kMixed;
  return element == Element::kF32 ? Stored::kF32 : element == Element::kBF16 ? Stored::kBF16 : Stored::kF16;
}

}  // namespace

Error launch_mha_prefill(const MhaPrefill& args, Stream stream) {
  if (args.tokens == 0 || args.heads == 0) return kNoError;
  switch (stored_as(args)) {
    case Stored::kF32: launch_columns<Stored::kF32>(args, stream); break;
    case Stored::kBF16: launch_columns<Stored::kBF16>(args, stream); break;
    case Stored::kF16: launch_columns<Stored::kF16>(args, stream); break;
    case Stored::kMixed: launch_columns<Stored::kMixed>(args, stream); break;
  }
  return launch_error();
}

}  // namespace tamis::gpu
