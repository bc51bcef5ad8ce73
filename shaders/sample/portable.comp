// sample: a work group per row, no logits leave the device. All sums are of 64-bit integers, so their order
// does not matter and the token is the CPU's, bit for bit.
//
//   1. best        the penalised logits, kept in the workspace, and their maximum over (logit, -id)
//   2. weights     2^40 exp(-d) of every token, kept there, too: 12 bytes a logit
//   3. top-k, top-p  each finds the last token that stays: by radix selection on (logit, -id) as one 54-bit
//                  number, five digits of 11 bits, high ones first, with counts or weights summed per digit in
//                  16 KB of shared memory; it ends early where a digit is wanted whole
//   4. draw        the ids are cut into a run per thread, the run in which the target falls into runs again
//
// A row is read about 4 times, and up to 6 more for each of top-k and top-p, from a cache: 0.5 MB of logits and
// 1 MB of weights at 129280. Bound by the latency of one work group's loads.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/sortable_key.glsl"
#include "shaders/sample/arithmetic.glsl"

const uint kThreads = 256;
layout(local_size_x = 256) in;
#include "shaders/common/reduce64.glsl"

const uint kLastId = 0x3fffffu;  // ids have 22 bits
const uint kIdBits = 22;
const uint kDigitBits = 11;
const int kDigits = 5;  // of the 54 bits of a rank
const uint kBins = 2048;
const uint kBinsPerThread = kBins / kThreads;

layout(constant_id = 0) const uint kCounts = 1;  // 0: there are none, so no penalties

layout(push_constant) uniform Arguments { uint64_t address; };
layout(buffer_reference, std430, buffer_reference_align = 8) readonly buffer Operands {
  uint64_t logits, temperature, top_k, top_p, min_p, repetition, presence, frequency;
  uint64_t counts;
  uint64_t seed, position, token, logprob;
  uint64_t workspace;                              // for each of `blocks` work groups
  uint64_t logits_stride, counts_stride, seed_stride;  // bytes
  uint rows, width, blocks;
};

// Another thread reads what one wrote only in the draw.
layout(buffer_reference, std430, buffer_reference_align = 4) coherent buffer CommonWords { uint at[]; };
layout(buffer_reference, std430, buffer_reference_align = 8) coherent buffer CommonLongs { uint64_t at[]; };

shared uint sums_low[kBins], sums_high[kBins];
shared uint found_at;
shared uint64_t found_before, found_sum;

uint width;            // of a row
uint64_t row_weights;  // in the workspace, with the penalised logits behind them
uint64_t row_logits;

uint logit_at(uint id) { return CommonWords(row_logits).at[id]; }
uint64_t weight_at(uint id) { return CommonLongs(row_weights).at[id]; }

// (logit descending, id ascending) as one number, larger = better.
uint64_t rank_of(uint logit, uint id) {
  return uint64_t(sortable_key(logit)) << kIdBits | uint64_t(kLastId - id);
}

// Fills the penalised logits; the best token.
uint find_best(Operands args, uint row) {
  const uint64_t from = args.logits + row * args.logits_stride;
  const uint64_t seen = args.counts + row * args.counts_stride;
  const Penalties penalties = Penalties(Words(args.repetition).at[row], Words(args.presence).at[row],
                                        Words(args.frequency).at[row]);
  uint64_t best = 0ul;
  for (uint id = gl_LocalInvocationIndex; id < width; id += kThreads) {
    const int count = kCounts != 0u ? Ints(seen).at[id] : 0;
    const uint logit = penalised_logit(Words(from).at[id], count, penalties);
    CommonWords(row_logits).at[id] = logit;
    best = max(best, rank_of(logit, id) + 1ul);  // above the 0 of threads without tokens
  }
  return kLastId - (uint(max_over_group(best) - 1ul) & kLastId);
}

void add_to_bin(uint bin, uint64_t amount) {
  const uint low = uint(amount), old = atomicAdd(sums_low[bin], low);
  const uint high = uint(amount >> 32) + (old + low < old ? 1u : 0u);
  if (high != 0u) atomicAdd(sums_high[bin], high);
}

uint64_t bin_sum(uint bin) { return uint64_t(sums_high[bin]) << 32 | uint64_t(sums_low[bin]); }

// The bin in which the sums of the higher ones reach `wanted`, which becomes what is wanted of it; `whole`:
// all of it. Each thread owns a run of bins, counted from the highest down; all bins together reach it.
uint find_bin(inout uint64_t wanted, out bool whole) {
  const uint first = kBins - 1u - gl_LocalInvocationIndex * kBinsPerThread;
  uint64_t mine = 0ul, total;
  for (uint i = 0u; i < kBinsPerThread; ++i) mine += bin_sum(first - i);
  const uint64_t upto = scan_over_group(mine, total);
  uint64_t before = upto - mine;
  if (before < wanted && wanted <= upto) {
    uint bin = first;
    for (; before + bin_sum(bin) < wanted; --bin) before += bin_sum(bin);
    found_at = bin;
    found_before = before;
    found_sum = bin_sum(bin);
  }
  barrier();
  wanted -= found_before;
  whole = wanted == found_sum;
  return found_at;
}

// The rank of the token at which the sum, best first, of weights or of tokens reaches `wanted` > 0; no more
// than that where no other token has a rank between.
uint64_t find_last(bool by_weight, uint64_t wanted) {
  uint64_t prefix = 0ul;
  for (int digit = kDigits - 1; digit >= 0; --digit) {
    const uint shift = uint(digit) * kDigitBits, me = gl_LocalInvocationIndex;
    barrier();
    for (uint bin = me; bin < kBins; bin += kThreads) {
      sums_low[bin] = 0u;
      sums_high[bin] = 0u;
    }
    barrier();
    for (uint id = me; id < width; id += kThreads) {
      const uint64_t rank = rank_of(logit_at(id), id);
      if (rank >> (shift + kDigitBits) != prefix) continue;
      const uint64_t amount = by_weight ? weight_at(id) : 1ul;
      if (amount != 0ul) add_to_bin(uint(rank >> shift) & (kBins - 1u), amount);
    }
    barrier();
    bool whole;
    prefix = prefix << kDigitBits | uint64_t(find_bin(wanted, whole));
    if (whole) return prefix << shift;
  }
  return prefix;
}

// The tokens that are left: of at least this rank and this weight.
struct Kept {
  uint64_t last, least;
};

uint64_t kept_weight(Kept kept, uint id) {
  const uint64_t weight = weight_at(id);
  return weight >= kept.least && rank_of(logit_at(id), id) >= kept.last ? weight : 0ul;
}

// Steps 3 to 5 of the contract.
Kept filter_tokens(Operands args, uint row) {
  Kept kept = Kept(0ul, 0ul);
  const int top_k = Ints(args.top_k).at[row];
  if (top_k > 0 && uint(top_k) < width) kept.last = find_last(false, uint64_t(top_k));
  const uint top_p = Words(args.top_p).at[row];
  if (!is_nan_bits(top_p) && int(top_p) < 0x3f800000) {  // below 1
    uint64_t sum = 0ul, total;
    for (uint id = gl_LocalInvocationIndex; id < width; id += kThreads) sum += kept_weight(kept, id);
    scan_over_group(sum, total);
    // The prefix ends within the tokens of top-k: all of them reach the sum.
    kept.last = find_last(true, top_p_sum(total, top_p));
  }
  kept.least = min_p_weight(Words(args.min_p).at[row]);
  return kept;
}

// The first id at which the sum of the kept weights exceeds the share `bits` / 2^24 of all; `total`: of all.
uint draw(Kept kept, uint bits, out uint64_t total) {
  uint begin = 0u, end = width;
  uint64_t target = 0ul;
  for (bool first = true; first || end - begin > 1u; first = false) {
    const uint length = (end - begin + kThreads - 1u) / kThreads;
    const uint from = min(begin + gl_LocalInvocationIndex * length, end), to = min(from + length, end);
    uint64_t sum = 0ul, all;
    for (uint id = from; id < to; ++id) sum += kept_weight(kept, id);
    const uint64_t upto = scan_over_group(sum, all);
    if (first) {
      total = all;
      target = scale24(all, bits);
    }
    if (upto - sum <= target && target < upto) {  // one thread
      found_at = from;
      found_before = upto - sum;
    }
    barrier();
    begin = found_at;
    end = min(begin + length, end);
    target -= found_before;
    barrier();
  }
  return begin;
}

void sample_row(Operands args, uint row) {
  const uint me = gl_LocalInvocationIndex;
  uint token = find_best(args, row);
  memoryBarrierBuffer();
  barrier();
  const uint largest = logit_at(token), temperature = Words(args.temperature).at[row];
  float logprob = 0.0;
  if (largest == kMinusInfinity) {
    token = 0u;
    logprob = uintBitsToFloat(kMinusInfinity);
  } else if (is_positive(temperature)) {
    for (uint id = me; id < width; id += kThreads) {
      CommonLongs(row_weights).at[id] = sample_weight(largest, logit_at(id), temperature);
    }
    memoryBarrierBuffer();
    barrier();
    const Kept kept = filter_tokens(args, row);
    const uint64_t seed = args.seed + row * args.seed_stride;
    const uvec2 key = uvec2(Words(seed).at[0], Words(seed).at[1]);
    uint64_t total;
    token = draw(kept, philox(key, Words(args.position).at[row]) >> 8, total);
    logprob = log_ratio(weight_at(token), total);
  }
  if (me != 0u) return;
  Words(args.token).at[row] = token;
  Floats(args.logprob).at[row] = logprob;
}

void main() {
  Operands args = Operands(address);
  const uint block = group_index(), blocks = args.blocks;
  width = args.width;
  const uint64_t tokens = uint64_t(width) + uint64_t(width & 1u);  // an even number keeps weights aligned
  row_weights = args.workspace + block * tokens * 12ul;
  row_logits = row_weights + tokens * 8ul;
  for (uint row = block; row < args.rows; row += blocks) {
    sample_row(args, row);
    barrier();
  }
}
