// Scores on AMD's matrix instructions. A block of four waves holds four waves' worth of keys in registers, as
// bf16, and goes through neighbouring tokens of one sequence. A token's queries pass through local memory, 32
// heads at a time, the next ones on their way from memory while these are multiplied. Heads are the rows of
// the products and keys their columns, so ReLU, weights and the sum over heads stay in a lane's registers but
// for the last step between the lanes that share a column. bf16 holds e4m3 exactly, and the sums are fp32.
//
// A lane's values of a query and of a key are neighbours in memory: 64 (or, on gfx11, 128) of the 128
// dimensions, read 16 bytes at a time. Both sides deal the dimensions to lanes and steps alike, so the
// products are those of the contract.
//
// 2 Hi Di FLOP a score: 16384 at 64 heads. Bound by the matrix units where tokens share keys, by reading keys
// where each token has its own. 16.3 KB of local memory; a stage is written once and read by four waves.
#pragma once

#include "kernels_gpu/common/caches.h"
#include "kernels_gpu/common/wave.h"
#include "kernels_hip/common/matrix_core.h"
#include "kernels_hip/common/widen.h"
#include "kernels_hip/indexer_scores/launch.h"

namespace tamis::hip {

using gpu::IndexerScores;

inline constexpr int kScoreWaves = 4;
inline constexpr int kScoreHeads = 32;  // of a stage
inline constexpr int kScoreDims = static_cast<int>(kMatrixMaxDim);
inline constexpr int kScoreRuns = kScoreDims / kRun;

template <class I>
struct ScoreShape {
  static constexpr int kThreads = kScoreWaves * I::kLanes;
  static constexpr int kKeyBlocks = I::kLanes / I::kLines;  // of a wave: a lane stores the score of one key
  static constexpr int kHeadBlocks = kScoreHeads / I::kLines;
  static constexpr int kDims = kScoreDims / I::kGroups;  // of a lane
  static constexpr int kVectors = kDims / 8;             // of eight values, 16 bytes
  static constexpr int kStepWords = I::kEach / 2;        // registers of an operand
  static constexpr int kChunkWords = kStepWords < 4 ? 4 : kStepWords;
  static constexpr int kFetches = kScoreHeads * kScoreRuns / kThreads;
};

// A lane's vector v lies at `query_slot` of its row, so that neither writing nor reading meets a bank twice
// among eight lanes.
template <class I>
struct ScoreStage {
  using S = ScoreShape<I>;
  Quad q[S::kHeadBlocks][S::kVectors][I::kLines * I::kGroups];
  float w[kScoreHeads];  // by block, then in the order of the registers of sums
};
template <class I>
__device__ inline int query_slot(int line, int group, int vector) {
  const int run = group * (ScoreShape<I>::kDims / kRun) + vector / 2;
  return (group * I::kLines + line) ^ run;
}

struct ScoreRange {
  std::int64_t begin, end;  // of visible keys; empty for tokens that are passed over
};
__device__ inline ScoreRange visible_keys(const IndexerScores& a, std::int64_t t) {
  std::int64_t begin = a.ks.data != nullptr ? a.ks.data[t * a.ks.stride] : 0;
  std::int64_t end = a.ke.data[t * a.ke.stride];
  if (begin < 0) begin = 0;
  if (end > a.max_keys) end = a.max_keys;
  return {begin, end > begin ? end : begin};
}

// Where the key of a position begins, in bytes from the first; -1: it is not there.
struct KeyPlace {
  std::int64_t at = -1;
  float scale = 1;
};
template <Element element>
__device__ inline KeyPlace find_key(const IndexerScores& a, std::int64_t position, std::int64_t sequence) {
  constexpr int kBytes = Run<element>::kBytes;
  if (position >= a.max_keys) return {};
  const std::int64_t slot = a.paged ? gpu::paged_slot(a.table, sequence, position) : position;
  if (slot < 0 || slot >= a.keys.slots) return {};
  if (!a.paged) {
    return {slot * a.keys.stride * kBytes, a.key_scale != nullptr ? a.key_scale[slot] : 1.0f};
  }
  KeyPlace place{gpu::index_key_at(a.keys, slot) * kBytes, 1.0f};
  if (element == Element::kE4M3) memcpy(&place.scale, gpu::index_scale_at(a.keys, slot), 4);
  return place;
}

// The keys that a wave holds.
template <class I>
struct HeldKeys {
  using S = ScoreShape<I>;
  unsigned words[S::kKeyBlocks][S::kVectors * 4];
  float scale = 1;  // of the lane's own key, which is key `lane` of the wave
  bool present = false;
};

template <class I, Element element>
__device__ inline void load_keys(const MatrixScores& args, const KeyPlace& own, HeldKeys<I>& keys) {
  using S = ScoreShape<I>;
  constexpr int kRunsTogether = 4;  // 4 or 8 loads of 16 bytes under way
  const int lane = gpu::lane_id(), dim = static_cast<int>(args.scores.keys.dim);
  const auto* data = static_cast<const unsigned char*>(args.scores.keys.data);
  keys.scale = own.scale;
  keys.present = own.at >= 0;
#pragma unroll
  for (int block = 0; block < S::kKeyBlocks; ++block) {
    const long long row = gpu::shuffle(static_cast<long long>(own.at), block * I::kLines + I::line(lane));
#pragma unroll
    for (int first = 0; first < S::kDims / kRun; first += kRunsTogether) {
      Run<element> runs[kRunsTogether];
#pragma unroll
      for (int i = 0; i < kRunsTogether; ++i) {
        const int at = I::group(lane) * S::kDims + (first + i) * kRun;
        const bool inside = row >= 0 && at < dim;
        runs[i] = inside ? load_run<element>(data + row + at * Run<element>::kBytes) : Run<element>{};
      }
#pragma unroll
      for (int i = 0; i < kRunsTogether; ++i) {
        widen(runs[i], keys.words[block] + (first + i) * 8);
        schedule_barrier();
      }
    }
  }
}

// A stage on its way from memory.
template <class I, Element element>
struct FetchedStage {
  Run<element> runs[ScoreShape<I>::kFetches];
  float w;
};

template <class I, Element element>
__device__ inline void fetch(const MatrixScores& args, std::int64_t token, std::int64_t first_head,
                             FetchedStage<I, element>& f) {
  using S = ScoreShape<I>;
  const IndexerScores& a = args.scores;
  const int thread = here(static_cast<int>(threadIdx.x));
#pragma unroll
  for (int i = 0; i < S::kFetches; ++i) {
    const int at = thread + i * S::kThreads;
    const std::int64_t head = first_head + at / kScoreRuns;
    const int dim = at % kScoreRuns * kRun;
    const auto* run = static_cast<const unsigned char*>(a.q.data) +
                      (token * a.q.stride + head * a.q.head_stride + dim) * Run<element>::kBytes;
    f.runs[i] = head < a.heads && dim < a.keys.dim ? load_run<element>(run) : Run<element>{};
  }
  f.w = 0;
  const std::int64_t head = first_head + thread;
  if (thread >= kScoreHeads || head >= a.heads) return;
  f.w = static_cast<const float*>(a.w.data)[token * a.w.stride + head];
  if (a.q_scale.data != nullptr) {
    f.w *= static_cast<const float*>(a.q_scale.data)[token * a.q_scale.stride + head];
  }
  f.w *= a.scale;
}

template <class I, Element element>
__device__ inline void put(const FetchedStage<I, element>& f, ScoreStage<I>& stage) {
  using S = ScoreShape<I>;
  const int thread = here(static_cast<int>(threadIdx.x));
#pragma unroll
  for (int i = 0; i < S::kFetches; ++i) {
    const int at = thread + i * S::kThreads, head = at / kScoreRuns, dim = at % kScoreRuns * kRun;
    unsigned words[8];
    widen(f.runs[i], words);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int vector = dim % S::kDims / 8 + half;
      const int slot = query_slot<I>(head % I::kLines, dim / S::kDims, vector);
      stage.q[head / I::kLines][vector][slot] = {words[half * 4], words[half * 4 + 1], words[half * 4 + 2],
                                                 words[half * 4 + 3]};
    }
    schedule_barrier();
  }
  if (thread < kScoreHeads) {
    const int row = thread % I::kLines;
    stage.w[thread - row + I::sum_group(row) * I::kSums + I::sum_register(row)] = f.w;
  }
}

// Adds up to `heads` heads of a stage to the lane's share of its columns' scores.
template <class I>
__device__ inline void add_heads(const ScoreStage<I>& stage, std::int64_t heads, const HeldKeys<I>& keys,
                                 float (&totals)[ScoreShape<I>::kKeyBlocks]) {
  using S = ScoreShape<I>;
  const int lane = gpu::lane_id(), line = I::line(lane), group = I::group(lane);
#pragma unroll
  for (int block = 0; block < S::kHeadBlocks; ++block) {
    if (block * I::kLines >= heads) break;
    typename I::Sums sums[S::kKeyBlocks] = {};
#pragma unroll
    for (int first = 0; first < S::kVectors * 4; first += S::kChunkWords) {
      unsigned q[S::kChunkWords];
#pragma unroll
      for (int i = 0; i < S::kChunkWords; i += 4) {
        const int vector = (first + i) / 4;
        const Quad part = stage.q[block][vector][query_slot<I>(line, group, vector)];
        q[i] = part.x, q[i + 1] = part.y, q[i + 2] = part.z, q[i + 3] = part.w;
      }
#pragma unroll
      for (int i = 0; i < S::kChunkWords; i += S::kStepWords) {
#pragma unroll
        for (int k = 0; k < S::kKeyBlocks; ++k) I::multiply(q + i, keys.words[k] + first + i, sums[k]);
      }
    }
    const float* w = &stage.w[block * I::kLines + lane / I::kLines * I::kSums];
#pragma unroll
    for (int r = 0; r < I::kSums; ++r) {
#pragma unroll
      for (int k = 0; k < S::kKeyBlocks; ++k) {
        totals[k] = gpu::multiply_add(w[r], fmaxf(sums[k][r], 0.0f), totals[k]);  // of NaN: 0
      }
    }
  }
}

// The score of the lane's own key: the sum over the lanes that share its column.
template <class I>
__device__ inline float own_score(const float (&totals)[ScoreShape<I>::kKeyBlocks]) {
  const int own = gpu::lane_id() / I::kLines;
  float score = 0;
#pragma unroll
  for (int k = 0; k < ScoreShape<I>::kKeyBlocks; ++k) {
    float total = totals[k];
#pragma unroll
    for (int mask = I::kLines; mask < I::kLanes; mask *= 2) total += gpu::shuffle_xor(total, mask);
    if (k == own) score = total;
  }
  return score;
}

// A block's part of a call: its keys begin at `column` of the scores, its tokens are rows [first, end).
template <class I, Element element>
struct ScoreBlock {
  using S = ScoreShape<I>;
  const MatrixScores& args;
  const IndexerScores& a;
  std::int64_t column, first, end;

  __device__ ScoreBlock(const MatrixScores& arguments, std::int64_t column, std::int64_t first)
      : args(arguments), a(arguments.scores), column(column), first(first), end(first + arguments.together) {
    if (end > a.tokens) end = a.tokens;
  }
  __device__ std::int64_t token(std::int64_t row) const { return a.first_token + row; }
  __device__ bool is_scored(const ScoreRange& range) const {
    const std::int64_t position = a.first_key + column;
    return range.end - range.begin >= a.min_keys && range.begin < position + S::kThreads &&
           range.end > position && range.end > range.begin;
  }
  // The next row from `row` on that sees any of the keys.
  __device__ std::int64_t next(std::int64_t row) const {
    while (row < end && !is_scored(visible_keys(a, token(row)))) ++row;
    return row;
  }
  __device__ std::int64_t sequence(std::int64_t row) const {
    if (!a.paged || a.sequence.data == nullptr) return 0;
    return a.sequence.data[token(row) * a.sequence.stride];
  }
  // The lane's own column, of all rows that do not see it.
  __device__ void fill(std::int64_t own) const {
    if (own >= a.keys_count) return;
    const std::int64_t position = a.first_key + own;
    for (std::int64_t row = first; row < end; ++row) {
      const ScoreRange range = visible_keys(a, token(row));
      if (range.end - range.begin < a.min_keys) continue;
      if (position < range.begin || position >= range.end) {
        a.scores[row * a.scores_stride + own] = numeric::bits_float(0xff800000u);
      }
    }
  }
  __device__ void store(std::int64_t row, std::int64_t own, float score) const {
    const ScoreRange range = visible_keys(a, token(row));
    const std::int64_t position = a.first_key + own;
    if (own >= a.keys_count || position < range.begin || position >= range.end) return;
    a.scores[row * a.scores_stride + own] = score;
  }

  __device__ void run(ScoreStage<I> (&stages)[2]) const {
    const std::int64_t own = column + static_cast<std::int64_t>(threadIdx.x);
    fill(own);
    std::int64_t row = next(first);
    if (row >= end) return;
    FetchedStage<I, element> fetched;
    fetch<I>(args, token(row), 0, fetched);
    put<I>(fetched, stages[0]);
    __syncthreads();
    HeldKeys<I> keys;
    bool held = false;
    std::int64_t held_sequence = 0;
    int turn = 0;
    while (row < end) {
      if (const std::int64_t wanted = sequence(row); !held || wanted != held_sequence) {
        load_keys<I, element>(args, find_key<element>(a, a.first_key + own, wanted), keys);
        held = true;
        held_sequence = wanted;
      }
      const std::int64_t following = next(row + 1);
      float totals[S::kKeyBlocks] = {};
      for (std::int64_t head = 0; head < a.heads; head += kScoreHeads, turn ^= 1) {
        const bool last = head + kScoreHeads >= a.heads, more = !last || following < end;
        if (more) fetch<I>(args, token(last ? following : row), last ? 0 : head + kScoreHeads, fetched);
        add_heads<I>(stages[turn], a.heads - head, keys, totals);
        if (more) put<I>(fetched, stages[turn ^ 1]);
        __syncthreads();
      }
      const float score = own_score<I>(totals);
      store(row, own, keys.present ? keys.scale * score : numeric::bits_float(0xff800000u));
      row = following;
    }
  }
};

// Grid: tiles of keys along x, units of tokens along y. The bound of two blocks a unit leaves 256 registers.
template <class I, Element element>
__global__ void __launch_bounds__(ScoreShape<I>::kThreads, 2) matrix_scores_kernel(MatrixScores args) {
  if constexpr (I::kHere) {
    __shared__ ScoreStage<I> stages[2];
    const std::int64_t units = (args.scores.tokens + args.together - 1) / args.together;
    for (std::int64_t unit = blockIdx.y; unit < units; unit += gridDim.y) {
      const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * ScoreShape<I>::kThreads;
      for (std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * ScoreShape<I>::kThreads;
           column < args.scores.keys_count; column += step) {
        ScoreBlock<I, element>(args, column, unit * args.together).run(stages);
      }
    }
  }
}

template <class I, Element element>
void launch_matrix_tiles(const MatrixScores& args, gpu::Stream stream) {
  constexpr int kKeys = ScoreShape<I>::kThreads;
  const std::int64_t units = (args.scores.tokens + args.together - 1) / args.together;
  const dim3 grid(gpu::grid_of((args.scores.keys_count + kKeys - 1) / kKeys),
                  gpu::grid_of(units, gpu::kMaxGridY));
  TAMIS_LAUNCH((matrix_scores_kernel<I, element>), grid, dim3(kKeys), 0, stream, args);
}

template <class I>
gpu::Error launch_matrix_scores(const MatrixScores& args, gpu::Stream stream) {
  if (args.scores.tokens == 0 || args.scores.keys_count == 0) return gpu::kNoError;
  constexpr Element kBF16 = Element::kBF16, kE4M3 = Element::kE4M3;
  if (args.scores.keys.element == kE4M3) {
    launch_matrix_tiles<I, kE4M3>(args, stream);
  } else {
    launch_matrix_tiles<I, kBF16>(args, stream);
  }
  return gpu::launch_error();
}

}  // namespace tamis::hip
