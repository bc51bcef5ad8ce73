// sample: a block per row, no logits leave the device. All sums are of 64-bit integers
// (core/numeric/sampling.h), so their order does not matter and the token is the CPU's, bit for bit.
//
//   1. best        the penalised logits' maximum over (logit, -id)
//   2. weights     2^40 exp(-d) of every token, kept in the workspace (8 bytes a logit)
//   3. top-k, top-p  each finds the last token that stays: by radix selection on (logit, -id) as one 54-bit
//   number, five
//      digits of 11 bits, high ones first, with counts or weights summed per digit in 16 KB of local memory
//   4. draw        each wave sums the kept weights of a run of consecutive ids; the wave in whose run the
//   target falls
//      walks that run again
//
// A row is read 4 times, and 6 more for each of top-k and top-p, from the cache behind memory: 0.5 MB of
// logits and 1 MB of weights at 129280. One row keeps one unit busy, as in argmax: splitting rows over blocks
// is what to do first when this shows. Bound by the latency of one unit's loads. Not measured on a card.
#include "core/numeric/philox.h"
#include "core/numeric/sampling.h"
#include "core/numeric/sortable_key.h"
#include "kernels_gpu/common/wave.h"
#include "kernels_gpu/sample/launch.h"

namespace tamis::gpu {
namespace {

using Mass = unsigned long long;  // the type of 64-bit atomics

constexpr int kIdBits = 22;  // kMaxSampleVocabulary
constexpr int kDigitBits = 11;
constexpr int kDigits = 5;  // of the 54 bits of a rank
constexpr int kBins = 1 << kDigitBits;

// A row, and what its tokens are weighed with.
struct SampleRow {
  const float* logits;
  const std::int32_t* counts;  // null: none
  numeric::Penalties penalties;
  std::uint64_t* weights;
  std::int64_t width;
};

__device__ float logit_at(const SampleRow& row, std::int64_t id) {
  return numeric::penalised_logit(row.logits[id], row.counts != nullptr ? row.counts[id] : 0, row.penalties);
}

// (logit descending, id ascending) as one number, larger = better.
__device__ std::uint64_t rank_at(const SampleRow& row, std::int64_t id) {
  constexpr std::uint64_t kLastId = (std::uint64_t{1} << kIdBits) - 1;
  const auto key = static_cast<std::uint64_t>(numeric::sortable_key(logit_at(row, id)));
  return key << kIdBits | (kLastId - static_cast<std::uint64_t>(id));
}

__device__ std::int64_t best_token(const SampleRow& row) {
  Mass best = 0;
#pragma unroll 1
  for (std::int64_t id = threadIdx.x; id < row.width; id += blockDim.x) {
    const Mass rank = rank_at(row, id) + 1;  // above the 0 of threads without tokens
    best = rank > best ? rank : best;
  }
  constexpr Mass kLastId = (Mass{1} << kIdBits) - 1;
  return static_cast<std::int64_t>(kLastId - ((block_reduce<Max>(best) - 1) & kLastId));
}

// Fills the row's weights.
__device__ void weigh(const SampleRow& row, float largest, float temperature) {
#pragma unroll 1
  for (std::int64_t id = threadIdx.x; id < row.width; id += blockDim.x) {
    row.weights[id] = numeric::sample_weight(largest, logit_at(row, id), temperature);
  }
  __syncthreads();
}

// What selection sums up: tokens, or their weights.
enum class Measure { kCount, kWeight };

template <Measure measure>
__device__ Mass measure_of(const SampleRow& row, std::int64_t id) {
  return measure == Measure::kCount ? 1 : row.weights[id];
}

// The digit in which the sums of the higher ones reach `wanted`, which becomes what is still wanted of it.
// Each thread owns a run of bins, counted from the highest down; all bins together reach it.
__device__ int find_digit(const Mass* sums, Mass& wanted) {
  __shared__ int found_bin;
  __shared__ Mass found_before;
  const int per_thread = (kBins + static_cast<int>(blockDim.x) - 1) / static_cast<int>(blockDim.x);
  const int first = kBins - 1 - static_cast<int>(threadIdx.x) * per_thread;
  Mass mine = 0;
  for (int i = 0; i < per_thread && first - i >= 0; ++i) mine += sums[first - i];
  Mass total;
  Mass before = block_prefix_sum(mine, total);
  if (before < wanted && wanted <= before + mine) {
    int bin = first;
    while (before + sums[bin] < wanted) before += sums[bin--];
    found_bin = bin;
    found_before = before;
  }
  __syncthreads();
  const int bin = found_bin;
  wanted -= found_before;
  __syncthreads();
  return bin;
}

// The rank of the token at which the sum, best first, reaches `wanted` > 0.
template <Measure measure>
__device__ std::uint64_t find_last(const SampleRow& row, Mass wanted, Mass* sums) {
  std::uint64_t prefix = 0;
#pragma unroll 1
  for (int digit = kDigits - 1; digit >= 0; --digit) {
    const int shift = digit * kDigitBits;
    for (int bin = static_cast<int>(threadIdx.x); bin < kBins; bin += static_cast<int>(blockDim.x))
      sums[bin] = 0;
    __syncthreads();
#pragma unroll 1
    for (std::int64_t id = threadIdx.x; id < row.width; id += blockDim.x) {
      const std::uint64_t rank = rank_at(row, id);
      if (rank >> (shift + kDigitBits) != prefix) continue;
      const Mass amount = measure_of<measure>(row, id);
      if (amount != 0) atomicAdd(&sums[(rank >> shift) & (kBins - 1)], amount);
    }
    __syncthreads();
    prefix = prefix << kDigitBits | static_cast<std::uint64_t>(find_digit(sums, wanted));
  }
  return prefix;
}

// The tokens that are left: of at least this rank and this weight.
struct Kept {
  std::uint64_t last = 0;
  std::uint64_t least = 0;
};

__device__ Mass kept_weight(const SampleRow& row, const Kept& kept, std::int64_t id) {
  const std::uint64_t weight = row.weights[id];
  return weight >= kept.least && rank_at(row, id) >= kept.last ? weight : 0;
}

__device__ Mass kept_sum(const SampleRow& row, const Kept& kept) {
  Mass sum = 0;
#pragma unroll 1
  for (std::int64_t id = threadIdx.x; id < row.width; id += blockDim.x) sum += kept_weight(row, kept, id);
  return block_reduce<Sum>(sum);
}

// Steps 3 to 5 of the contract.
__device__ Kept filter(const Sample& args, std::int64_t index, const SampleRow& row) {
  __shared__ Mass sums[kBins];
  Kept kept;
  const std::int32_t top_k = args.top_k[index];
  if (top_k > 0 && top_k < row.width)
    kept.last = find_last<Measure::kCount>(row, static_cast<Mass>(top_k), sums);
  const float top_p = args.top_p[index];
  if (top_p < 1.0f) {
    // The prefix ends within the tokens of top-k: all of them reach the sum.
    kept.last = find_last<Measure::kWeight>(row, numeric::top_p_sum(kept_sum(row, kept), top_p), sums);
  }
  kept.least = numeric::min_p_weight(args.min_p[index]);
  return kept;
}

// The random 24 bits of a row's draw.
__device__ std::uint32_t random24(const Sample& args, std::int64_t index) {
  const std::int32_t* halves = args.seed.data + index * args.seed.stride;
  const auto low = static_cast<std::uint32_t>(halves[0]), high = static_cast<std::uint32_t>(halves[1]);
  const std::uint64_t seed = static_cast<std::uint64_t>(high) << 32 | low;
  const auto position = static_cast<std::uint32_t>(args.position[index]);
  return numeric::philox4x32_10(seed, position, 0).v[0] >> 8;
}

struct Drawn {
  std::int64_t token;
  Mass weight, total;  // of the token and of all that were kept
};

// The first id of a run of ids, by one wave, at which the sum of the kept weights before the run and in it
// exceeds the target. There is one.
__device__ std::int64_t walk(const SampleRow& row, const Kept& kept, std::int64_t begin, std::int64_t end,
                             Mass before, Mass target) {
#pragma unroll 1
  for (std::int64_t tile = begin; tile < end; tile += wave_size()) {
    const std::int64_t id = tile + lane_id();
    Mass inclusive = id < end ? kept_weight(row, kept, id) : 0;
    for (int delta = 1; delta < wave_size(); delta *= 2) {
      const Mass lower = shuffle_up(inclusive, delta);
      if (lane_id() >= delta) inclusive += lower;
    }
    const int found = wave_reduce<Min>(before + inclusive > target ? lane_id() : wave_size());
    if (found < wave_size()) return tile + found;
    before += shuffle(inclusive, wave_size() - 1);
  }
  return end - 1;
}

__device__ Drawn draw(const SampleRow& row, const Kept& kept, std::uint32_t bits) {
  __shared__ Mass of_wave[kMaxWaves];
  __shared__ std::int64_t token;
  const std::int64_t length = (row.width + waves_per_block() - 1) / waves_per_block();
  const std::int64_t begin = wave_id() * length,
                     end = begin + length < row.width ? begin + length : row.width;
  Mass sum = 0;
#pragma unroll 1
  for (std::int64_t id = begin + lane_id(); id < end; id += wave_size()) sum += kept_weight(row, kept, id);
  sum = wave_reduce<Sum>(sum);
  if (lane_id() == 0) of_wave[wave_id()] = sum;
  __syncthreads();
  Mass total = 0, before = 0;
  for (int wave = 0; wave < waves_per_block(); ++wave) {
    if (wave == wave_id()) before = total;
    total += of_wave[wave];
  }
  const Mass target = numeric::scale24(total, bits);
  if (before <= target && target < before + sum) {  // one wave, all its lanes
    const std::int64_t found = walk(row, kept, begin, end, before, target);
    if (lane_id() == 0) token = found;
  }
  __syncthreads();
  const Drawn drawn{token, row.weights[token], total};
  __syncthreads();
  return drawn;
}

__device__ void sample_row(const Sample& args, std::int64_t index, const SampleRow& row) {
  const std::int64_t best = best_token(row);
  const float largest = logit_at(row, best), temperature = args.temperature[index];
  std::int64_t token = best;
  float logprob = 0;
  if (largest == -HUGE_VALF) {
    token = 0;
    logprob = largest;
  } else if (temperature > 0.0f) {
    weigh(row, largest, temperature);
    const Drawn drawn = draw(row, filter(args, index, row), random24(args, index));
    token = drawn.token;
    logprob = static_cast<float>(log(static_cast<double>(drawn.weight) / static_cast<double>(drawn.total)));
  }
  if (threadIdx.x != 0) return;
  args.token[index] = static_cast<std::int32_t>(token);
  args.logprob[index] = logprob;
}

__global__ void __launch_bounds__(1024) sample_kernel(Sample args) {
  for (std::int64_t index = blockIdx.x; index < args.rows; index += gridDim.x) {
    const SampleRow row{args.logits + index * args.logits_stride,
                        args.counts.data == nullptr ? nullptr : args.counts.data + index * args.counts.stride,
                        {args.repetition[index], args.presence[index], args.frequency[index]},
                        args.weights + blockIdx.x * args.width,
                        args.width};
    sample_row(args, index, row);
  }
}

}  // namespace

Error launch_sample(const Sample& args, Stream stream) {
  if (args.rows == 0) return kNoError;
  const unsigned threads = args.width <= 2048 ? 128 : 1024;
  TAMIS_LAUNCH(sample_kernel, dim3(grid_of(args.rows, kSampleBlocks)), dim3(threads), 0, stream, args);
  return launch_error();
}

}  // namespace tamis::gpu
