// moe_route: a work group of 64 threads per token. E sigmoids, p kept beside integer ranks of the biased
// scores; a thread per group finds its two largest; then the best is taken topk times, a maximum over
// (rank, -index). The chosen are ordered by counting.
//
// What a group notes is a rank per expert and per group, the ids that it chose, and p of every expert: in
// shared memory, or in the workspace where that is too small. Bound by the sigmoids and by the topk rounds, of
// E / 64 comparisons and a dozen barriers each; E floats a token are read.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/exact_sigmoid.glsl"
#include "shaders/common/sortable_key.glsl"
#include "shaders/common/types.glsl"

const uint kThreads = 64;
layout(local_size_x = 64) in;

layout(constant_id = 0) const uint kSharedWords = 1024;
layout(constant_id = 1) const uint kLocal = 1;  // 0: the words are in the workspace

layout(push_constant) uniform Arguments {
  uint64_t logits, bias, slot, ids, weights;  // bias, slot 0: absent
  uint64_t words;                             // `word_count` for each of `blocks` work groups
  uint64_t logits_stride, ids_stride, weights_stride;  // bytes
  uint tokens, experts, topk, groups, kept_groups, normalize, word_count, blocks;
  float scale;
};

const uint kTaken = 0u;  // a rank out of the race: chosen already, or of a dropped group

layout(buffer_reference, std430, buffer_reference_align = 4) coherent buffer CommonWords { uint at[]; };
shared uint local_words[kSharedWords];
shared uint best_ranks[kThreads], best_indices[kThreads];

uint get(uint i) {
  if (kLocal != 0u) return local_words[i];
  return CommonWords(words + 4ul * uint64_t(gl_WorkGroupID.x) * word_count).at[i];
}
void put(uint i, uint value) {
  if (kLocal != 0u) {
    local_words[i] = value;
  } else {
    CommonWords(words + 4ul * uint64_t(gl_WorkGroupID.x) * word_count).at[i] = value;
  }
}
// What one thread put, others may get.
void exchange() {
  if (kLocal == 0u) memoryBarrierBuffer();
  barrier();
}

// Where ranks of experts and groups, chosen ids and p begin.
uint group_ranks() { return experts; }
uint chosen_ids() { return experts + groups; }
uint probabilities() { return experts + groups + topk; }

// Larger is better; NaN gives 1, the least rank that can still be chosen.
uint rank_of(uint score) { return sortable_key(score) + 1u; }

uint score_of(uint rank) {
  const uint key = rank - 1u;
  if (key == 0u) return 0x7fc00000u;
  return (key & 0x80000000u) != 0u ? key & 0x7fffffffu : ~key;
}

// The sum of two scores. A NaN or an infinity is not left to the device, nor a subnormal beside 0.
uint add_bits(uint a, uint b) {
  if (is_nan_bits(a) || is_nan_bits(b)) return 0x7fc00000u;
  const bool a_infinite = (a & 0x7fffffffu) == 0x7f800000u, b_infinite = (b & 0x7fffffffu) == 0x7f800000u;
  if (a_infinite && b_infinite && a != b) return 0x7fc00000u;
  if (a_infinite || (b & 0x7fffffffu) == 0u) return a;
  if (b_infinite || (a & 0x7fffffffu) == 0u) return b;
  precise const float sum = uintBitsToFloat(a) + uintBitsToFloat(b);
  return floatBitsToUint(sum);
}

void rank_experts(uint64_t from) {
  for (uint e = gl_LocalInvocationIndex; e < experts; e += kThreads) {
    const uint p = sigmoid_bits(Words(from).at[e]);
    put(probabilities() + e, p);
    put(e, rank_of(bias != 0ul ? add_bits(p, Words(bias).at[e]) : p));
  }
  exchange();
}

void rank_groups() {
  const uint size = experts / groups;
  for (uint group = gl_LocalInvocationIndex; group < groups; group += kThreads) {
    uint first = kTaken, second = kTaken;
    for (uint i = 0u; i < size; ++i) {
      const uint rank = get(group * size + i);
      second = max(second, min(first, rank));
      first = max(first, rank);
    }
    const uint score = second == kTaken ? score_of(first) : add_bits(score_of(first), score_of(second));
    put(group_ranks() + group, rank_of(score));
  }
  exchange();
}

// The index of the largest of `count` ranks from `begin` on, the lowest of equals, which is then out of the
// race; `count` when none is left. The thread that clears it is the only one to read it in the next call.
uint take_best(uint begin, uint count) {
  const uint me = gl_LocalInvocationIndex;
  uint best = kTaken, index = count;
  for (uint i = me; i < count; i += kThreads) {
    const uint rank = get(begin + i);
    if (rank > best) {
      best = rank;
      index = i;
    }
  }
  barrier();
  best_ranks[me] = best;
  best_indices[me] = index;
  for (uint width = kThreads / 2u; width > 0u; width /= 2u) {
    barrier();
    if (me >= width) continue;
    const uint rank = best_ranks[me + width], at = best_indices[me + width];
    if (rank > best_ranks[me] || (rank == best_ranks[me] && at < best_indices[me])) {
      best_ranks[me] = rank;
      best_indices[me] = at;
    }
  }
  barrier();
  const uint winner = best_indices[0];
  if (winner < count && winner % kThreads == me) put(begin + winner, kTaken);
  return winner;
}

// Takes the experts of all but the best groups out of the race.
void drop_groups() {
  if (kept_groups == groups) return;
  rank_groups();
  for (uint kept = 0u; kept < kept_groups; ++kept) take_best(group_ranks(), groups);
  exchange();
  const uint size = experts / groups;
  for (uint e = gl_LocalInvocationIndex; e < experts; e += kThreads) {
    if (get(group_ranks() + e / size) != kTaken) put(e, kTaken);
  }
  exchange();
}

// The ids that were chosen, in ascending order; their number.
uint choose(uint64_t from) {
  const uint me = gl_LocalInvocationIndex;
  rank_experts(from);
  drop_groups();
  uint count = 0u;
  for (; count < topk; ++count) {
    const uint e = take_best(0u, experts);
    if (e == experts) break;
    if (me == 0u) put(chosen_ids() + count, e);
  }
  exchange();
  // Ranks are no longer needed: the sorted ids, at most as many, take their place.
  for (uint j = me; j < count; j += kThreads) {
    const uint id = get(chosen_ids() + j);
    uint place = 0u;
    for (uint i = 0u; i < count; ++i) place += get(chosen_ids() + i) < id ? 1u : 0u;
    put(place, id);
  }
  exchange();
  return count;
}

float probability(uint id) {
  const uint bits = get(probabilities() + id);
  return is_nan_bits(bits) ? 0.0 : uintBitsToFloat(bits);
}

void route(uint token) {
  uint count = 0u;
  if (slot == 0ul || Ints(slot).at[token] >= 0) count = choose(logits + token * logits_stride);
  precise float sum = 0.0;
  for (uint j = 0u; j < count; ++j) sum += probability(get(j));
  for (uint j = gl_LocalInvocationIndex; j < topk; j += kThreads) {
    float weight = j < count ? probability(get(j)) : 0.0;
    if (normalize != 0u) weight /= sum + 1e-20;
    Ints(ids + token * ids_stride).at[j] = j < count ? int(get(j)) : -1;
    Floats(weights + token * weights_stride).at[j] = weight * scale;
  }
}

void main() {
  for (uint token = group_index(); token < tokens; token += blocks) {
    route(token);
    exchange();  // the ids are read before the next token's ranks take their place
  }
}
