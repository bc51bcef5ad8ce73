// topk_select in one pass over the scores in the usual case, a work group per row. Of a 16th of the row the
// score is found that the k best reach with near certainty and not many more; one pass puts what reaches it
// into shared memory, in any order; a radix search over those finds the k-th, and bitmaps put the chosen
// columns in order, ties by the lowest column. So nothing depends on the order of the atomics. Where too few or
// too many reach the sampled score, the row is read again: once where it turns out to be the k-th score itself (a
// plateau of equal ones, which most overflows are), else five times as in portable.comp. Rows of up to
// kCapacity columns are not sampled.
//
// Bound by reading the scores once, and a 16th of them two or three times: 0.36 ms for 4096 x 64K at 3 TB/s.
// H100 80GB HBM3, driver 580.159.04, 2026-11-22, tamis bench op --device vulkan --op topk_select --grid all: 2048
// of 64K in 62 us (1 and 64 rows) and 587 us (4096 rows).
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/common/types.glsl"

const uint kThreads = 256;  // also the number of bins
layout(local_size_x = 256) in;
#include "shaders/topk_select/arguments.glsl"
#include "shaders/topk_select/radix.glsl"

const uint kEach = 14;  // candidates of a thread
const uint kCapacity = kEach * kThreads;
const uint kVectors = 4;       // in flight in a thread
const uint kBlockVectors = 32;  // of which a pair is sampled: 512 bytes

shared uint memory[2u * kCapacity];  // keys and columns of the candidates; then the bitmaps
shared uint candidates, best_key, better_than_low;

// The vectors of a row: its scores from column `head` on, 16 bytes each; `head` and what is left behind them
// are below four scores.
struct Aligned {
  uint64_t at;
  uint head, vectors;
};

Aligned align_row(Row row) {
  const uint head = min(row.n, uint(-(row.from >> 2)) & 3u);
  return Aligned(row.from + 4ul * head, head, (row.n - head) / 4u);
}

uvec4 keys_of(uvec4 bits) {
  return uvec4(sortable_key(bits.x), sortable_key(bits.y), sortable_key(bits.z), sortable_key(bits.w));
}

// A key that sample_rank sampled ones reach; all of its bits are right where it stands on a plateau.
uint sample_key(Aligned from) {
  const uint me = gl_LocalInvocationIndex, blocks = from.vectors / kBlockVectors;
  uint prefix = 0u, known = 0u, wanted = sample_rank;
  for (int shift = 24; shift >= 0; shift -= 8) {
    barrier();
    bins[me] = 0u;
    barrier();
    for (uint i = me; i < 2u * blocks; i += kThreads) {
      const uint block = i / 2u, pair = block * 7u % (kBlockVectors / 2u);
      const uvec4 keys = keys_of(Vectors(from.at).at[block * kBlockVectors + 2u * pair + i % 2u]);
      [[unroll]] for (uint j = 0u; j < 4u; ++j) {
        if ((keys[j] & known) == prefix) atomicAdd(bins[(keys[j] >> shift) & 255u], 1u);
      }
    }
    barrier();
    find_bin(wanted);
    prefix |= found_bin << shift;
    known |= 255u << shift;
    wanted = found_wanted;
    if (found_count <= 8u) break;
  }
  return prefix;
}

void put_candidate(uint place, uint key, uint column) {
  if (place >= kCapacity) return;
  memory[place] = key;
  memory[kCapacity + place] = column;
}

// The scores outside the vectors.
void collect_edges(Row row, Aligned from, uint low) {
  const uint behind = from.head + 4u * from.vectors, me = gl_LocalInvocationIndex;
  const uint column = me < from.head ? me : behind + me - from.head;
  if (me >= 8u || column >= row.n) return;
  const uint key = sortable_key(Words(row.from).at[column]);
  if (key > low) atomicAdd(better_than_low, 1u);
  if (key >= low) put_candidate(atomicAdd(candidates, 1u), key, column);
}

// All scores that reach `low`, as far as there is room, and their number.
void collect(Row row, Aligned from, uint low) {
  const uint me = gl_LocalInvocationIndex;
  collect_edges(row, from, low);
  uint better = 0u;
  for (uint first = 0u; first < from.vectors; first += kThreads * kVectors) {
    uvec4 loaded[kVectors];
    [[unroll]] for (uint j = 0u; j < kVectors; ++j)
      loaded[j] = Vectors(from.at).at[min(first + j * kThreads + me, from.vectors - 1u)];
    uint hits = 0u;
    [[unroll]] for (uint j = 0u; j < kVectors; ++j) {
      loaded[j] = keys_of(loaded[j]);
      const bool there = first + j * kThreads + me < from.vectors;
      [[unroll]] for (uint c = 0u; c < 4u; ++c) {
        if (there && loaded[j][c] >= low) hits |= 1u << (4u * j + c);
        if (there && loaded[j][c] > low) ++better;
      }
    }
    if (hits == 0u) continue;
    uint place = atomicAdd(candidates, uint(bitCount(hits)));
    if (place >= kCapacity) continue;
    [[unroll]] for (uint j = 0u; j < kVectors; ++j) {
      [[unroll]] for (uint c = 0u; c < 4u; ++c) {
        if ((hits >> (4u * j + c) & 1u) != 0u)
          put_candidate(place++, loaded[j][c], from.head + 4u * (first + j * kThreads + me) + c);
      }
    }
  }
  atomicAdd(better_than_low, better);
}

uint my_keys[kEach], my_columns[kEach];  // of the candidates

void take_candidates() {
  const uint me = gl_LocalInvocationIndex, count = candidates;
  uint best = 0u;
  [[unroll]] for (uint j = 0u; j < kEach; ++j) {
    const uint i = j * kThreads + me;
    my_keys[j] = i < count ? memory[i] : 0u;
    my_columns[j] = i < count ? memory[kCapacity + i] : 0xffffffffu;
    best = max(best, my_keys[j]);
  }
  atomicMax(best_key, best);
  barrier();
}

// The choice among candidates whose keys are `low` or better.
Choice search_candidates(uint low) {
  const uint me = gl_LocalInvocationIndex;
  uint shift = uint(max(findMSB(best_key - low) - 7, 0)), width = best_key - low, wanted = k;
  for (;;) {  // the k-th key is in [low, low + width]
    barrier();
    bins[me] = 0u;
    barrier();
    [[unroll]] for (uint j = 0u; j < kEach; ++j) {
      if (my_columns[j] != 0xffffffffu && my_keys[j] >= low && my_keys[j] - low <= width)
        atomicAdd(bins[(my_keys[j] - low) >> shift], 1u);
    }
    barrier();
    find_bin(wanted);
    low += found_bin << shift;
    wanted = found_wanted;
    if (found_count == wanted) return Choice(low, 0u, 0u);
    if (shift == 0u) return Choice(low + 1u, low, wanted);
    width = (1u << shift) - 1u;
    shift = uint(max(int(shift) - 8, 0));
  }
}

void mark(uint words, uint window, Choice choice) {
  [[unroll]] for (uint j = 0u; j < kEach; ++j) {
    const uint at = my_columns[j] - window;
    if (my_columns[j] == 0xffffffffu || my_columns[j] < window || at >= 32u * words) continue;
    const uint bit = 1u << (at % 32u);
    if (my_keys[j] >= choice.better) {
      atomicOr(memory[at / 32u], bit);
    } else if (my_keys[j] == choice.tie && choice.wanted > 0u) {
      atomicOr(memory[kCapacity + at / 32u], bit);
    }
  }
}

// The chosen candidates, ascending, a window of columns after another.
void store_candidates(Row row, Choice choice) {
  const uint me = gl_LocalInvocationIndex;
  // Words of a thread, an odd number, so that they spread over banks.
  const uint each = min((row.n + 32u * kThreads - 1u) / (32u * kThreads) | 1u, kEach - 1u);
  const uint words = each * kThreads;
  uint better = 0u, equal = 0u;  // stored so far
  for (uint window = 0u; window < row.n && better + min(equal, choice.wanted) < k; window += 32u * words) {
    barrier();
    for (uint i = me; i < words; i += kThreads) memory[i] = memory[kCapacity + i] = 0u;
    barrier();
    mark(words, window, choice);
    barrier();
    uint counts = 0u;  // better ones in the low half, equal ones in the high half
    for (uint i = me * each; i < (me + 1u) * each; ++i)
      counts += uint(bitCount(memory[i])) + (uint(bitCount(memory[kCapacity + i])) << 16);
    uint total;
    const uint before = scan_values_of_group(counts, total) - counts;
    uint my_better = better + (before & 0xffffu), my_equal = equal + (before >> 16);
    for (uint i = me * each; i < (me + 1u) * each; ++i) {
      const uint good = memory[i];
      for (uint left = good | memory[kCapacity + i]; left != 0u; left &= left - 1u) {
        const uint bit = uint(findLSB(left)), tie = 1u - (good >> bit & 1u);
        if (tie == 0u || my_equal < choice.wanted)
          Ints(row.to).at[my_better + min(my_equal, choice.wanted)] = int(window + 32u * i + bit);
        my_better += 1u - tie;
        my_equal += tie;
      }
    }
    better += total & 0xffffu;
    equal += total >> 16;
  }
}

void select(Row row) {
  if (gl_LocalInvocationIndex == 0u) candidates = best_key = better_than_low = 0u;
  const Aligned from = align_row(row);
  const uint low = row.n > kCapacity ? sample_key(from) : 0u;
  barrier();
  collect(row, from, low);
  barrier();
  if (candidates >= k && candidates <= kCapacity) {
    take_candidates();
    store_candidates(row, search_candidates(low));
  } else if (candidates >= k && better_than_low < k) {
    store_chosen(row.from, row.n, Choice(low + 1u, low, k - better_than_low), row.to);
  } else {
    store_chosen(row.from, row.n, find_threshold(row.from, row.n), row.to);
  }
}

void main() {
  if (group_index() >= rows) return;
  const Row row = find_row(group_index());
  if (row.n > k) {
    select(row);
  } else {
    store_all(row);
  }
  store_count(group_index(), row.n);
}
