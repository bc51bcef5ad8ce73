// Attention over the latent cache on AMD's matrix instructions: C 512, R 64, bf16 queries and output. A block
// of four waves has one token, 16 or 64 of its heads and some of its keys, 16 of them in local memory at a
// time as bf16 (decoded exactly), the next 16 on their way from memory meanwhile.
//
// Each wave has a quarter of the dimensions of all the block's heads: 128 latent and 16 rope ones of the
// queries, in registers, and 128 columns of the output. So a row of the tile is read once for the scores and
// once for the output, however many heads there are; the price is that the waves' partial scores are added
// through local memory. Scores are made as S^T = K Q^T: a lane then has the weights of its head's keys where
// the product O^T = V^T P^T wants them (gfx11: but for an exchange between the halves of the wave). The order
// of columns and keys within those products is free: V^T is read from the same rows, 8 or 16 bytes at a time,
// its halves paired by byte permutations.
//
// Scores, softmax and sums are fp32; weights are rounded to bf16 once their sum is taken.
//
// 2 (2 C + R) FLOP a (head, key). A row of 656 or 1152 bytes is read once per block. Local memory of a tile
// of 64 heads: 95 KB moved for 2.2 MFLOP, 1088 clocks of gfx942's matrix units, which the 128 bytes a clock
// of its local memory carry in 740. 31 KB of local memory with 64 heads on gfx9, 23 KB with 16: two blocks a
// CU, as with the 256 registers of the launch bound.
#pragma once

#include "kernels_gpu/common/latent_attention_kernel.h"
#include "kernels_hip/common/matrix_core.h"
#include "kernels_hip/sparse_mla/gather.h"

namespace tamis::hip {

inline constexpr int kLatentWaves = 4;
inline constexpr int kLatentDims = static_cast<int>(kMatrixLatent) / kLatentWaves;  // of a wave
inline constexpr int kRopeDims = static_cast<int>(kMatrixRope) / kLatentWaves;

// `blocks`: of 16 heads.
template <class I, int blocks>
struct LatentShape {
  static_assert(I::kLines == kTileKeys && I::kDepth == kTileKeys && I::kElement == Element::kBF16);
  static_assert(blocks == 1 || blocks == kLatentWaves);
  static constexpr int kThreads = kLatentWaves * I::kLanes;
  static constexpr int kHeads = blocks * I::kLines;
  static constexpr int kStepWords = I::kEach / 2;
  static constexpr int kChunks = kLatentDims / (8 * I::kGroups);  // of 16 bytes a lane
  static constexpr int kRopeWords = kRopeDims / I::kGroups / 2;
  static constexpr int kWords = kChunks * 4 + kRopeWords;
  // Columns of a key that are read at once for the output: what the registers leave room for.
  static constexpr int kColumns = I::kEach == 16 ? 2 : blocks > 1 ? 4 : 8;
  static constexpr int kRounds = kLatentDims / (I::kLines * kColumns);
  static constexpr int kColumnBlocks = kRounds * kColumns;
};

// Sums of the scores from wave to wave. With several blocks of heads a wave adds up those of one, whose sums
// of its own it keeps; then the block's weights stand where the others' sums were.
template <class I, int blocks>
struct LatentLocal {
  static constexpr int kShares = blocks == 1 ? kLatentWaves : kLatentWaves - 1;
  LatentRows tile;
  typename I::Sums partial[blocks][kShares][I::kLanes];
  float factors[blocks][I::kLines];
};

// Behind this the lane is computed again: else a dozen addresses that follow from it wait in registers, which
// queries and sums need.
template <class I>
__device__ __forceinline__ int lane_here() {
  return here(static_cast<int>(threadIdx.x)) & (I::kLanes - 1);
}

// Registers [first, first + count) of what a lane has of a row, as an operand: its 16-byte pieces of the
// wave's latent dimensions, behind them its rope dimensions.
template <class I, int count, int total>
__device__ __forceinline__ void read_dims(const unsigned char* latent, const unsigned char* rope, int group,
                                          int first, unsigned* words) {
  constexpr int kRopeWords = kRopeDims / I::kGroups / 2, kLatentWords = total - kRopeWords;
  if (first < kLatentWords) {
#pragma unroll
    for (int i = 0; i < count; i += 4) {
      __builtin_memcpy(words + i, latent + ((first + i) / 4 * I::kGroups + group) * 16, 16);
    }
  } else {
    constexpr int kRest = kRopeWords < count ? kRopeWords : count;
    __builtin_memcpy(words, rope + (group * kRopeWords + first - kLatentWords) * 4, kRest * 4);
  }
}

// The weights of one head's keys, as the lane's operand of the second product and as factor of what was
// summed before.
template <class I>
struct KeyWeights {
  unsigned words[I::kEach / 2];
  float factor;
};

struct Larger {  // of a number and NaN the number
  __device__ static float combine(float a, float b) { return fmaxf(a, b); }
};

// Over the lanes that have keys of the same head.
template <class I, class Op>
__device__ __forceinline__ float head_reduce(float value) {
#pragma unroll
  for (int mask = I::kLines; mask < I::kLanes; mask *= 2) value = Op::combine(value, exchange(value, mask));
  return value;
}

// Weights of keys sum_row(lane, 2 i) and sum_row(lane, 2 i + 1), to where the operand has them.
template <class I>
__device__ __forceinline__ void deal(unsigned pair, int i, unsigned (&words)[I::kEach / 2]) {
  if constexpr (I::kEach == I::kSums) {
    words[i] = pair;
  } else {  // gfx11: even keys in the lower lanes, odd ones in the upper
    const int lane = gpu::lane_id();
    const unsigned other = exchange(pair, I::kLines);
    const unsigned even = lane < I::kLines ? pair : other, odd = lane < I::kLines ? other : pair;
    words[i * 2] = low_halves(even, odd);
    words[i * 2 + 1] = high_halves(even, odd);
  }
}

// e^(value - top). 2^-24 of the exponent is lost to the factor: of weights above 2^-30 less than 2^-18.
__device__ __forceinline__ float weight_of(float value, float top) {
  return power_of_2((value - top) * 1.44269504f);
}

// Takes a lane's scores into the state of its head. Weights of NaN scores are rounded to anything: the sum,
// by which the outputs are divided, is NaN then.
template <class I>
__device__ __forceinline__ KeyWeights<I> weigh(const typename I::Sums& scores, float scale,
                                               const LatentRows& tile, numeric::SoftmaxState& state) {
  const int lane = lane_here<I>();
  float values[I::kSums], top = gpu::kNoScore;
#pragma unroll
  for (int r = 0; r < I::kSums; ++r) {
    values[r] = tile.present[I::sum_row(lane, r)] != 0 ? scores[r] * scale : gpu::kNoScore;
    top = Larger::combine(values[r], top);
  }
  top = Larger::combine(head_reduce<I, Larger>(top), state.max);
  const float reference = top == gpu::kNoScore ? 0.0f : top;
  KeyWeights<I> result;
  float sum = 0;
#pragma unroll
  for (int r = 0; r < I::kSums; ++r) {
    values[r] = weight_of(values[r], reference);
    sum += values[r];
  }
  result.factor = weight_of(state.max, reference);
  state.sum = state.sum * result.factor + head_reduce<I, gpu::Sum>(sum);
  state.max = top;
#pragma unroll
  for (int i = 0; i < I::kSums; i += 2) {
    unsigned rounded[2];
#pragma unroll
    for (int j = 0; j < 2; ++j) {
      const unsigned bits = numeric::float_bits(values[i + j]);
      rounded[j] = bits + 0x7fffu + (bits >> 16 & 1u);
    }
    deal<I>(high_halves(rounded[0], rounded[1]), i / 2, result.words);
  }
  return result;
}

// The key of value i of a lane's operand of the second product.
template <class I>
__device__ __forceinline__ int key_of(int lane, int i) {
  return I::kEach == I::kSums ? I::sum_row(lane, i) : i;
}

// A token's group of heads over the entries [begin, end).
template <class I, int blocks, class Keys, Element element>
struct LatentBlock {
  using S = LatentShape<I, blocks>;
  using Sums = typename I::Sums;
  const LatentAttention& args;
  LatentLocal<I, blocks>& local;
  std::int64_t token, head;  // the block's first
  int wave;
  unsigned q[blocks][S::kWords];
  Sums out[blocks][S::kColumnBlocks];
  numeric::SoftmaxState state;  // of the lane's head of the first of the wave's blocks

  __device__ __forceinline__ LatentBlock(const LatentAttention& arguments, LatentLocal<I, blocks>& memory,
                                         std::int64_t t, std::int64_t first_head)
      : args(arguments), local(memory), token(t), head(first_head), wave(uniform(gpu::wave_id())) {
#pragma unroll
    for (int b = 0; b < blocks; ++b) {
      const int lane = lane_here<I>();
#pragma unroll
      for (int i = 0; i < S::kWords; ++i) q[b][i] = 0;
      const std::int64_t own = head + block_of(b) * I::kLines + I::line(lane);
      if (own < args.heads) {
        const gpu::Vectors &latent = args.q_latent, &rope = args.q_rope;
        const auto* latent_row = static_cast<const unsigned char*>(latent.data) +
                                 (t * latent.stride + own * latent.head_stride + wave * kLatentDims) * 2;
        const auto* rope_row = static_cast<const unsigned char*>(rope.data) +
                               (t * rope.stride + own * rope.head_stride + wave * kRopeDims) * 2;
#pragma unroll
        for (int i = 0; i < S::kWords; i += 4) {
          read_dims<I, 4, S::kWords>(latent_row, rope_row, I::group(lane), i, q[b] + i);
        }
      }
      schedule_barrier();
    }
#pragma unroll
    for (int b = 0; b < blocks; ++b) {
#pragma unroll
      for (int i = 0; i < S::kColumnBlocks; ++i) out[b][i] = Sums{};
    }
  }

  // Which block of heads the wave's b-th is: its first is the one whose scores it adds up.
  __device__ __forceinline__ int block_of(int b) const { return (b + wave) & (blocks - 1); }

  // The wave's share of the scores. What a product takes is read during the one before.
  __device__ __forceinline__ void score(Sums (&sums)[blocks]) const {
    const int lane = lane_here<I>(), group = I::group(lane);
    const unsigned char* row = local.tile.rows[I::line(lane)];
    const unsigned char *latent = row + wave * kLatentDims * 2,
                        *rope = row + kLatentBytes + wave * kRopeDims * 2;
    constexpr int kAtOnce = S::kStepWords > 4 ? S::kStepWords : 4;
    unsigned k[2][kAtOnce];
#pragma unroll
    for (int b = 0; b < blocks; ++b) sums[b] = Sums{};
    read_dims<I, kAtOnce, S::kWords>(latent, rope, group, 0, k[0]);
#pragma unroll
    for (int first = 0; first < S::kWords; first += kAtOnce) {
      const int next = first + kAtOnce;
      if (next < S::kWords) {
        read_dims<I, kAtOnce, S::kWords>(latent, rope, group, next, k[next / kAtOnce % 2]);
      }
      schedule_barrier();
#pragma unroll
      for (int i = first; i < next && i < S::kWords; i += S::kStepWords) {
#pragma unroll
        for (int b = 0; b < blocks; ++b) {
          I::multiply(k[first / kAtOnce % 2] + i - first, q[b] + i, sums[b]);
        }
      }
      schedule_barrier();
    }
  }

  using Weights = KeyWeights<I>;
  // Where a lane's weights of a block of heads lie.
  __device__ __forceinline__ unsigned* weights_at(int b, int lane) const {
    return reinterpret_cast<unsigned*>(local.partial[b][0]) + lane * (I::kEach / 2);
  }

  // The weights of the block's heads: of the one block in `own`, of several in local memory.
  __device__ __forceinline__ void weigh_keys(Sums (&sums)[blocks], Weights& own) {
    const int lane = lane_here<I>();
    if constexpr (blocks == 1) {
      settle(sums[0]);
      local.partial[0][wave][lane] = sums[0];
      __syncthreads();
      Sums total = local.partial[0][0][lane];
#pragma unroll
      for (int w = 1; w < kLatentWaves; ++w) total += local.partial[0][w][lane];
      own = weigh<I>(total, args.scale, local.tile, state);
    } else {
#pragma unroll
      for (int b = 0; b < blocks; ++b) settle(sums[b]);
#pragma unroll
      for (int b = 1; b < blocks; ++b) local.partial[block_of(b)][b - 1][lane] = sums[b];
      __syncthreads();
#pragma unroll
      for (int i = 0; i < blocks - 1; ++i) sums[0] += local.partial[wave][i][lane];
      own = weigh<I>(sums[0], args.scale, local.tile, state);
      __builtin_memcpy(weights_at(wave, lane), own.words, sizeof(own.words));
      if (lane < I::kLines) local.factors[wave][lane] = own.factor;
      __syncthreads();
    }
  }

  // Raises what was summed before to the new maxima, if any rose.
  __device__ __forceinline__ void rescale(const Weights& own) {
    const int column = I::sum_column(lane_here<I>());
    float factors[blocks];
    bool rises = false;
#pragma unroll
    for (int b = 0; b < blocks; ++b) {
      factors[b] = blocks == 1 ? own.factor : local.factors[block_of(b)][column];
      rises = rises || factors[b] != 1.0f;
    }
    if (__any(rises)) [[unlikely]] {
#pragma unroll
      for (int b = 0; b < blocks; ++b) {
#pragma unroll
        for (int i = 0; i < S::kColumnBlocks; ++i) out[b][i] *= factors[b];
      }
    }
  }

  // The wave's columns of the tile's rows, weighted.
  __device__ __forceinline__ void add_values(const Weights& own) {
    const int lane = lane_here<I>();
    unsigned weights[blocks][I::kEach / 2];
#pragma unroll
    for (int b = 0; b < blocks; ++b) {
      const unsigned* from = blocks == 1 ? own.words : weights_at(block_of(b), lane);
      __builtin_memcpy(weights[b], from, sizeof(weights[b]));
    }
#pragma unroll
    for (int round = 0; round < S::kRounds; ++round) {
      unsigned rows[I::kEach][S::kColumns / 2];
      const int column = wave * kLatentDims + (round * I::kLines + I::line(lane)) * S::kColumns;
#pragma unroll
      for (int i = 0; i < I::kEach; ++i) {
        const auto* at =
            reinterpret_cast<const Ints<S::kColumns / 2>*>(local.tile.rows[key_of<I>(lane, i)] + column * 2);
        const Ints<S::kColumns / 2> values = *at;
        __builtin_memcpy(rows[i], &values, sizeof(values));
      }
#pragma unroll
      for (int c = 0; c < S::kColumns; ++c) {
        unsigned v[I::kEach / 2];
#pragma unroll
        for (int i = 0; i < I::kEach / 2; ++i) {
          const unsigned low = rows[i * 2][c / 2], high = rows[i * 2 + 1][c / 2];
          v[i] = c % 2 == 0 ? low_halves(low, high) : high_halves(low, high);
        }
#pragma unroll
        for (int b = 0; b < blocks; ++b) {
          I::multiply(v, weights[b], out[b][round * S::kColumns + c]);
        }
      }
      schedule_barrier();
    }
#pragma unroll
    for (int b = 0; b < blocks; ++b) {
#pragma unroll
      for (int i = 0; i < S::kColumnBlocks; ++i) settle(out[b][i]);
    }
  }

  __device__ __forceinline__ void run(int begin, int end) {
    Gather<Keys, element, S::kThreads> gather(args, token, begin, end);
    gather.fetch(begin);
    gather.put(local.tile);
    for (int first = begin; first < end; first += kTileKeys) {
      __syncthreads();
      Sums sums[blocks];
      score(sums);
      schedule_barrier();
      Weights own;
      weigh_keys(sums, own);
      rescale(own);
      schedule_barrier();               // the next rows take the registers that scores and softmax had
      gather.fetch(first + kTileKeys);  // behind the last: nothing, as holes; a branch would cost registers
      add_values(own);
      __syncthreads();
      gather.put(local.tile);
    }
  }

  // A lane's columns of the output: those of one line of a round lie side by side.
  __device__ __forceinline__ void store(std::int64_t part) {
    const int lane = lane_here<I>();
    const float own_factor = finish(part);
#pragma unroll
    for (int b = 0; b < blocks; ++b) {
      const std::int64_t own = head + block_of(b) * I::kLines + I::sum_column(lane);
      const float factor = b == 0 ? own_factor : local.factors[block_of(b)][I::sum_column(lane)];
      if (own >= args.heads) continue;
      const std::int64_t row = token * args.heads + own;
#pragma unroll
      for (int round = 0; round < S::kRounds; ++round) {
#pragma unroll
        for (int r = 0; r < I::kSums; ++r) {
          const int column = wave * kLatentDims + (round * I::kLines + I::sum_row(lane, r)) * S::kColumns;
          float values[S::kColumns];
#pragma unroll
          for (int c = 0; c < S::kColumns; ++c) values[c] = out[b][round * S::kColumns + c][r] * factor;
          if (args.parts > 1) {
            __builtin_memcpy(args.part.values + (row * args.parts + part) * kMatrixLatent + column, values,
                             sizeof(values));
            continue;
          }
          std::uint16_t codes[S::kColumns];
#pragma unroll
          for (int c = 0; c < S::kColumns; ++c) codes[c] = numeric::float_to_bf16(values[c]);
          auto* to = static_cast<unsigned char*>(args.out.data) +
                     (token * args.out.stride + own * args.out.head_stride + column) * 2;
          __builtin_memcpy(to, codes, sizeof(codes));
        }
      }
    }
  }

  // What the weighted values of the wave's first block of heads are multiplied with; those of the others are
  // in local memory then. Stores what there is one of per head.
  __device__ __forceinline__ float finish(std::int64_t part) {
    const int lane = lane_here<I>();
    const std::int64_t own = head + block_of(0) * I::kLines + I::sum_column(lane);
    float factor = 1;
    if (own < args.heads) {
      const std::int64_t row = token * args.heads + own;
      const bool writes = lane < I::kLines && (blocks > 1 || wave == 0);
      if (args.parts > 1) {
        float* states = args.part.states + (row * args.parts + part) * 2;
        if (writes) states[0] = state.max, states[1] = state.sum;
      } else {
        const gpu::RowResult result =
            gpu::row_result(state, args.sink == nullptr ? nullptr : args.sink + own);
        factor = result.factor;
        if (writes) args.lse[row] = result.lse;
        if (writes && args.max_logits != nullptr) args.max_logits[row] = state.max;
      }
    }
    if constexpr (blocks > 1) {
      if (lane < I::kLines) local.factors[wave][lane] = factor;
      __syncthreads();
    }
    return factor;
  }
};

// Grid: (token, group of heads) along x, parts along y.
template <class I, int blocks, class Keys, Element element>
__global__ void __launch_bounds__(kLatentWaves* I::kLanes, 2) matrix_latent_kernel(LatentAttention args) {
  if constexpr (I::kHere) {
    __shared__ LatentLocal<I, blocks> local;
    constexpr std::int64_t kHeads = LatentShape<I, blocks>::kHeads;
    const std::int64_t groups = (args.heads + kHeads - 1) / kHeads;
    for (std::int64_t item = blockIdx.x; item < args.tokens * groups; item += gridDim.x) {
      const std::int64_t token = item / groups, part = blockIdx.y;
      const int count = uniform(static_cast<int>(Keys::count(args, token)));
      const std::int64_t tiles = (static_cast<std::int64_t>(count) + kTileKeys - 1) / kTileKeys;
      const auto begin = static_cast<int>(tiles * part / args.parts * kTileKeys),
                 end = static_cast<int>(tiles * (part + 1) / args.parts * kTileKeys);
      LatentBlock<I, blocks, Keys, element> block(args, local, token, item % groups * kHeads);
      block.run(begin, end < count ? end : count);
      block.store(part);
      __syncthreads();  // before local memory is written again
    }
  }
}

template <class I, int blocks, class Keys, Element element>
void launch_latent_groups(const LatentAttention& args, gpu::Stream stream) {
  using S = LatentShape<I, blocks>;
  const dim3 grid(gpu::grid_of(args.tokens * ((args.heads + S::kHeads - 1) / S::kHeads)),
                  static_cast<unsigned>(args.parts));
  TAMIS_LAUNCH((matrix_latent_kernel<I, blocks, Keys, element>), grid, dim3(S::kThreads), 0, stream, args);
}

template <class I, int blocks, class Keys>
void launch_latent_cache(const LatentAttention& args, gpu::Stream stream) {
  if (args.cache.element == Element::kE4M3) {
    launch_latent_groups<I, blocks, Keys, Element::kE4M3>(args, stream);
  } else {
    launch_latent_groups<I, blocks, Keys, Element::kBF16>(args, stream);
  }
}

template <class I, int blocks>
gpu::Error launch_matrix_latent(const LatentAttention& args, gpu::Stream stream) {
  if (args.tokens == 0 || args.heads == 0) return gpu::kNoError;
  if (args.table.pages != nullptr) {
    launch_latent_cache<I, blocks, gpu::PagedKeys>(args, stream);
  } else {
    launch_latent_cache<I, blocks, gpu::ListedKeys>(args, stream);
  }
  if (const gpu::Error error = gpu::launch_error(); error != gpu::kNoError || args.parts == 1) return error;
  const dim3 grid(gpu::grid_of(args.tokens * args.heads));
  TAMIS_LAUNCH(gpu::merge_parts_kernel<I>, grid, dim3(gpu::kAttentionThreads), 0, stream, args);
  return gpu::launch_error();
}

}  // namespace tamis::hip
