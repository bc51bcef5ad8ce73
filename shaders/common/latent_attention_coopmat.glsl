// Attention over the latent cache on cooperative matrices: bf16 queries and rows that bf16 holds (bf16, or
// packed, whose scales are powers of two), 16x16x16 products with f32 sums. A work group takes a token, 32
// heads and part of its keys, 32 at a time. Weights are multiplied as two bf16, what the first leaves in the
// second: elements are off by up to 0.0034 of themselves and their root mean square, half a unit of bf16, and
// were by up to 0.0066 with one.
//
// Queries stay in registers, a quarter of the dimensions in each of the four subgroups that share 16 heads;
// so do the sums, a block of columns of all heads in each subgroup. The rows of 32 keys go to shared memory
// once, for scores and values; scores are added up over the quarters there, and weights take their place.
// 47 KB of shared memory for C 512 and R 64.
//
// 2 (2 C + R) FLOP a (head, key). 128 heads, 2048 of 64K keys, H100 80GB HBM3, driver 580.159.04, 2026-11-22:
// 4096 tokens 17.9 ms (131 TFLOPS) of bf16, 22.7 ms (103) packed; 32 tokens packed, merge included, 0.25 ms
// (docs/vulkan.md has the command). Of a version at 19.0 ms, with 227 registers and so one work group a unit,
// scores were 4.0, softmax 2.1 and values 2.7 ms; the rest was loading rows, barriers and latency. Loops that
// the compiler had not unrolled cost 29 ms where rows are loaded, and 32 ms by keeping the sums in memory.
//
// 16-bit floats in here stand for bf16: the pipeline changes their type (backends/vulkan/spirv_bf16.h).
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_ballot : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#include "shaders/common/latent_attention_arguments.glsl"
#include "shaders/common/softmax.glsl"

layout(constant_id = 0) const uint kPacked = 0;
layout(constant_id = 1) const uint kC = 512;        // a multiple of 8, of 16 if packed
layout(constant_id = 2) const uint kR = 64;         // of 8
layout(constant_id = 3) const uint kPieces = 7;  // bits of what begins at multiples of 16 bytes
layout(constant_id = 4) const uint kOutType = 1;
const uint kRowPieces = 1, kQueryPieces = 2, kOutPieces = 4;

const uint kSubgroup = 32;  // required of the pipeline
const uint kThreads = 256;
const uint kSubgroups = kThreads / kSubgroup;
layout(local_size_x = 256) in;

const uint kKeys = 32;
const uint kHeads = 32;
const uint kHeadTiles = kHeads / 16u;
const uint kTiles = (kC + kR + 15u) / 16u;   // of dimensions; zeros up to the last
const uint kPartTiles = (kTiles + 3u) / 4u;  // of a quarter
const uint kValueTiles = (kC + 15u) / 16u;   // of columns; what is past the last is not kept
const uint kColumnTiles = (kValueTiles + kSubgroups - 1u) / kSubgroups;  // of a subgroup
const uint kLine = 2u * kTiles + 1u;  // of a row in 16 bytes; odd, so that rows spread over banks
const uint kScoreLine = 9;            // of 32 f32 scores, or as many bf16 weights
const uint kScores = kHeads * kScoreLine;
const uint kStaged = 80;  // of a tile of sums: lines of 20 floats
const uint kRoom = kKeys * kLine > kSubgroups * kStaged ? kKeys * kLine : kSubgroups * kStaged;

shared uvec4 rows[kRoom];
shared uvec4 scores[2u * kScores];  // of the quarters 0 and 2, of 1 and 3; then the weights' two halves
shared float factors[kHeads];

#define MATRIX(type, use) coopmat<type, gl_ScopeSubgroup, 16, 16, use>
#define SUMS MATRIX(float, gl_MatrixUseAccumulator)
MATRIX(float16_t, gl_MatrixUseA) queries[kPartTiles];
SUMS values[kHeadTiles * kColumnTiles];

// Numbered by subgroups: the order of gl_LocalInvocationIndex is the driver's.
uint lane() { return gl_SubgroupInvocationID; }
uint thread() { return gl_SubgroupID * kSubgroup + lane(); }

uvec4 load_piece(bool aligned, uint64_t at) {
  if (aligned) return Vectors(at).at[0];
  return uvec4(Words(at).at[0], Words(at).at[1], Words(at).at[2], Words(at).at[3]);
}

// Eight 16-bit values of a query, which may begin anywhere.
uvec4 load_query(uint64_t at) {
  if ((kPieces & kQueryPieces) != 0u) return Vectors(at).at[0];
  uvec4 piece;
  [[unroll]] for (uint i = 0u; i < 4u; ++i)
    piece[i] = uint(Halves(at).at[2u * i]) | uint(Halves(at).at[2u * i + 1u]) << 16;
  return piece;
}

uvec4 query_piece(uint token, uint head, uint unit) {
  if (head >= arguments.heads || unit >= (kC + kR) / 8u) return uvec4(0u);
  if (unit < kC / 8u) return load_query(vector_at(arguments.q_latent, token, head) + 16u * unit);
  return load_query(vector_at(arguments.q_rope, token, head) + 16u * unit - 2u * kC);
}

// This subgroup's quarter of the dimensions of its 16 heads, through `rows`. What is past the last head or
// dimension is zero, and so are all rows' pieces past the last dimension from here on.
void load_queries(uint token, uint head) {
  [[dont_unroll]] for (uint i = thread(); i < kKeys * kLine; i += kThreads) {
    const uint row = i / kLine;
    rows[i] = row < kHeads ? query_piece(token, head + row, i % kLine) : uvec4(0u);
  }
  barrier();
  const uint first = gl_SubgroupID % 4u * kPartTiles;
  [[unroll]] for (uint i = 0u; i < kPartTiles; ++i) {
    if (kTiles % 4u == 0u || first + i < kTiles) {
      coopMatLoad(queries[i], rows, 16u * (gl_SubgroupID / 4u) * kLine + 2u * (first + i), kLine,
                  gl_CooperativeMatrixLayoutRowMajor);
    }
  }
  barrier();
}

const uint kOwnKeys = kKeys / kSubgroups;  // whose rows a subgroup loads
const uint kLatentUnits = kPacked != 0u ? kC / 16u : kC / 8u;  // of 16 bytes, of a row
const uint kRopeUnits = kR / 8u;  // up to eight
const uint kScaleBytes = kPacked != 0u ? (kC + kLatentGroup - 1u) / kLatentGroup * 4u : 0u;
const uint kLatentFetches = (kLatentUnits + kSubgroup - 1u) / kSubgroup;  // of a lane, of a row

// The slot of this lane's key of the block that begins at `first`, the same in all subgroups; -1 for none.
int fetch_slot(uint token, uint first, uint end) {
  const uint i = first + lane();
  const int slot = i < end ? key_slot(token, i) : -1;
  return slot >= 0 && uint(slot) < arguments.cache.slots ? slot : -1;
}

// A bit for each key that is there.
uint present_keys(int slot) { return subgroupBallot(slot >= 0).x; }

// Two codes, in bytes 0 and 2, times a power of two, as bf16: the exponent's bias is 7 there, 127 here.
uint pair_to_bf16(uint codes, uint bias) {
  return ((codes & 0x007f007fu) << 4) + bias | (codes & 0x00800080u) << 8;
}

uvec2 word_to_bf16(uint word, uint bias) {
  const uint even = pair_to_bf16(word, bias), odd = pair_to_bf16(word >> 8, bias);
  return uvec2((even & 0xffffu) | odd << 16, even >> 16 | (odd & 0xffff0000u));
}

// Bit 7 of the bytes whose codes are NaN, or below 2^-6: those have the exponent of 2^-6 and no leading one.
uint nan_codes(uint word) { return ((word & 0x7f7f7f7fu) + 0x01010101u) & 0x80808080u; }
uint small_codes(uint word) { return ~((word & 0x7f7f7f7fu) + 0x78787878u) & 0x80808080u; }

// What pair_to_bf16 makes of a small code m is least (1 + m / 8) / 2, where least m / 8 is meant.
uint mend_small(uint bits, bool small, uint least) {
  const float value = uintBitsToFloat(bits);
  return small ? floatBitsToUint(value + value - uintBitsToFloat(least | (bits & 0x80000000u))) : bits;
}

uvec2 mend_word(uvec2 pairs, uint word, uint least) {
  const uint small = small_codes(word);
  return uvec2(mend_small(pairs.x << 16, (small & 0x80u) != 0u, least) >> 16 |
                   (mend_small(pairs.x & 0xffff0000u, (small & 0x8000u) != 0u, least) & 0xffff0000u),
               mend_small(pairs.y << 16, (small & 0x800000u) != 0u, least) >> 16 |
                   (mend_small(pairs.y & 0xffff0000u, (small & 0x80000000u) != 0u, least) & 0xffff0000u));
}

// Any codes and any scale.
void put_codes_slowly(uint at, uvec4 codes, float scale) {
  [[dont_unroll]] for (uint i = 0u; i < 8u; ++i) {
    const uint pair = codes[i / 2u] >> (16u * (i % 2u));
    const uint low = bits_to_bf16(floatBitsToUint(scale * e4m3_to_float(pair & 0xffu)));
    const uint high = bits_to_bf16(floatBitsToUint(scale * e4m3_to_float((pair >> 8) & 0xffu)));
    rows[at + i / 4u][i % 4u] = low | high << 16;
  }
}

// 16 codes to two pieces of the tile. Of normally distributed values, one code in ten thousand is small.
void put_codes(uint at, uvec4 codes, uint scale) {
  const uint exponent = scale >> 23;  // with a sign, too large
  const uint nan = nan_codes(codes.x) | nan_codes(codes.y) | nan_codes(codes.z) | nan_codes(codes.w);
  if ((scale & 0x7fffffu) != 0u || exponent < 8u || exponent > 240u || nan != 0u) {
    put_codes_slowly(at, codes, uintBitsToFloat(scale));
    return;
  }
  const uint bias = (exponent - 7u) * 0x00800080u, least = (exponent - 6u) << 23;
  uvec2 words[4];
  [[unroll]] for (uint i = 0u; i < 4u; ++i) words[i] = word_to_bf16(codes[i], bias);
  if ((small_codes(codes.x) | small_codes(codes.y) | small_codes(codes.z) | small_codes(codes.w)) != 0u) {
    [[unroll]] for (uint i = 0u; i < 4u; ++i) words[i] = mend_word(words[i], codes[i], least);
  }
  const uvec4 low = uvec4(words[0], words[1]), high = uvec4(words[2], words[3]);
  const uint swap = lane() / 4u % 2u;  // so that eight lanes take all banks at once
  rows[at + swap] = swap != 0u ? high : low;
  rows[at + 1u - swap] = swap != 0u ? low : high;
}

// NVIDIA's compiler does not unroll a loop that holds a branch, whatever it is asked for, and an array that a
// loop's counter indexes lies in memory. So what is repeated with branches is written out.
#define REPEAT_8(f) f(0u) f(1u) f(2u) f(3u) f(4u) f(5u) f(6u) f(7u)

// A subgroup loads the rows of four keys: their latent parts one after the other, the rotated ones at once.
uvec4 latent[4u * kLatentFetches];
uint scales[4u * kLatentFetches];
uvec4 rope;

uint own_key(uint i) { return gl_SubgroupID * kOwnKeys + i; }

// Of an absent key the one in slot 0, which is not kept.
uint64_t row_of(int slot, uint key) {
  return arguments.cache.data + uint64_t(uint(max(subgroupShuffle(slot, key), 0))) * arguments.cache.stride;
}

// Nothing here waits for what is read.
void fetch_latent(uint i, int slot) {
  const uint64_t row = row_of(slot, own_key(i / kLatentFetches));
  const uint unit = min(lane() + i % kLatentFetches * kSubgroup, kLatentUnits - 1u);
  latent[i] = load_piece((kPieces & kRowPieces) != 0u, row + 16u * unit);
  if (kPacked != 0u) scales[i] = Words(row + kC).at[unit / (kLatentGroup / 16u)];
}

void put_latent(uint i, uint there) {
  const uint unit = lane() + i % kLatentFetches * kSubgroup, key = own_key(i / kLatentFetches);
  if (kLatentUnits % kSubgroup != 0u && unit >= kLatentUnits) return;
  const bool is = (there >> key & 1u) != 0u;
  const uvec4 bytes = is ? latent[i] : uvec4(0u);
  if (kPacked != 0u) {
    put_codes(key * kLine + 2u * unit, bytes, is ? scales[i] : 0x3f800000u);
  } else {
    rows[key * kLine + unit] = bytes;
  }
}

#define FETCH(i) if (i < 4u * kLatentFetches) fetch_latent(i, slot);
#define PUT(i) if (i < 4u * kLatentFetches) put_latent(i, there);

void fetch_rows(int slot) {
  REPEAT_8(FETCH)
  if (kRopeUnits == 0u) return;
  const uint unit = min(lane() % 8u, kRopeUnits - 1u);
  rope = load_piece((kPieces & kRowPieces) != 0u,
                    row_of(slot, own_key(lane() / 8u)) + 16u * (kLatentUnits + unit) + kScaleBytes);
}

void put_rows(uint there) {
  REPEAT_8(PUT)
  if (lane() % 8u >= kRopeUnits) return;
  const uint key = own_key(lane() / 8u);
  rows[key * kLine + kC / 8u + lane() % 8u] = (there >> key & 1u) != 0u ? rope : uvec4(0u);
}

// 16 heads by 32 keys over a quarter of the dimensions; then two quarters are added to the other two.
void score_keys() {
  const uint part = gl_SubgroupID % 4u, head_tile = gl_SubgroupID / 4u;
  SUMS dots[2];
  [[unroll]] for (uint t = 0u; t < 2u; ++t) dots[t] = SUMS(0.0);
  [[unroll]] for (uint i = 0u; i < kPartTiles; ++i) {
    const uint d = part * kPartTiles + i;
    if (kTiles % 4u == 0u || d < kTiles) {
      [[unroll]] for (uint t = 0u; t < 2u; ++t) {
        MATRIX(float16_t, gl_MatrixUseB) keys;
        coopMatLoad(keys, rows, 16u * t * kLine + 2u * d, kLine, gl_CooperativeMatrixLayoutColumnMajor);
        dots[t] = coopMatMulAdd(queries[i], keys, dots[t]);
      }
    }
  }
  const uint at = part % 2u * kScores + 16u * head_tile * kScoreLine;
  if (part >= 2u) {
    [[unroll]] for (uint t = 0u; t < 2u; ++t)
      coopMatStore(dots[t], scores, at + 4u * t, kScoreLine, gl_CooperativeMatrixLayoutRowMajor);
  }
  barrier();
  if (part < 2u) {
    [[unroll]] for (uint t = 0u; t < 2u; ++t) {
      SUMS others;
      coopMatLoad(others, scores, at + 4u * t, kScoreLine, gl_CooperativeMatrixLayoutRowMajor);
      dots[t] = dots[t] + others;
      coopMatStore(dots[t], scores, at + 4u * t, kScoreLine, gl_CooperativeMatrixLayoutRowMajor);
    }
  }
}

// Of a thread: eight share a head, four keys each. `sum` is of the thread's own keys.
struct Softmax {
  float top, sum;
};

void weigh_keys(uint there, inout Softmax state) {
  const uint head = thread() / 8u, first = thread() % 8u * 4u, at = head * kScoreLine + first / 4u;
  const vec4 dots = uintBitsToFloat(scores[at]) + uintBitsToFloat(scores[kScores + at]);
  float logits[4];
  float top = state.top;
  [[unroll]] for (uint i = 0u; i < 4u; ++i) {
    const float score = dots[i] * arguments.scale;
    logits[i] = (there >> (first + i) & 1u) != 0u ? score : neg_inf();
    if (!is_nan_bits(floatBitsToUint(logits[i])) && logits[i] > top) top = logits[i];
  }
  top = max(top, subgroupShuffleXor(top, 1u));
  top = max(top, subgroupShuffleXor(top, 2u));
  top = max(top, subgroupShuffleXor(top, 4u));
  const float factor = rescale_factor(state.top, top), reference = is_neg_inf(top) ? 0.0 : top;
  float sum = 0.0;
  uint high[4], low[4];  // as f32
  [[unroll]] for (uint i = 0u; i < 4u; ++i) {
    const float weight = is_neg_inf(logits[i]) ? 0.0 : exp(logits[i] - reference);
    sum += weight;
    high[i] = floatBitsToUint(weight) & 0xffff0000u;
    low[i] = floatBitsToUint(weight - uintBitsToFloat(high[i])) & 0xffff0000u;
  }
  state.sum = fma(state.sum, factor, sum);
  state.top = top;
  subgroupBarrier();  // all lanes of the head have read its scores
  const uint word = first / 2u % 4u, to = head * kScoreLine + first / 8u;
  scores[to][word] = high[0] >> 16 | high[1];
  scores[to][word + 1u] = high[2] >> 16 | high[3];
  scores[kScores + to][word] = low[0] >> 16 | low[1];
  scores[kScores + to][word + 1u] = low[2] >> 16 | low[3];
  if (first == 0u) factors[head] = factor;
}

void add_values() {
  [[unroll]] for (uint h = 0u; h < kHeadTiles; ++h) {
    SUMS factor;
    coopMatLoad(factor, factors, 16u * h, 0, gl_CooperativeMatrixLayoutColumnMajor);
    [[unroll]] for (uint c = 0u; c < kColumnTiles; ++c) {
      [[unroll]] for (int i = 0; i < factor.length(); ++i) values[h * kColumnTiles + c][i] *= factor[i];
    }
  }
  [[unroll]] for (uint k = 0u; k < kKeys / 16u; ++k) {
    MATRIX(float16_t, gl_MatrixUseA) high[kHeadTiles];
    MATRIX(float16_t, gl_MatrixUseA) low[kHeadTiles];
    [[unroll]] for (uint h = 0u; h < kHeadTiles; ++h) {
      const uint at = 16u * h * kScoreLine + 2u * k;
      coopMatLoad(high[h], scores, at, kScoreLine, gl_CooperativeMatrixLayoutRowMajor);
      coopMatLoad(low[h], scores, kScores + at, kScoreLine, gl_CooperativeMatrixLayoutRowMajor);
    }
    [[unroll]] for (uint c = 0u; c < kColumnTiles; ++c) {
      const uint tile = gl_SubgroupID * kColumnTiles + c;
      if (kValueTiles % kSubgroups == 0u || tile < kValueTiles) {
        MATRIX(float16_t, gl_MatrixUseB) columns;
        coopMatLoad(columns, rows, 16u * k * kLine + 2u * tile, kLine, gl_CooperativeMatrixLayoutRowMajor);
        [[unroll]] for (uint h = 0u; h < kHeadTiles; ++h) {
          const uint i = h * kColumnTiles + c;
          values[i] = coopMatMulAdd(high[h], columns, values[i]);
          values[i] = coopMatMulAdd(low[h], columns, values[i]);
        }
      }
    }
  }
}

// The part's state, or the row's lse, and what its values are multiplied with.
void store_state(uint token, uint head, uint part, Softmax state) {
  float sum = state.sum;
  sum += subgroupShuffleXor(sum, 1u);
  sum += subgroupShuffleXor(sum, 2u);
  sum += subgroupShuffleXor(sum, 4u);
  const uint row = thread() / 8u;
  if (thread() % 8u != 0u || head + row >= arguments.heads) return;
  const uint64_t at = uint64_t(token) * arguments.heads + head + row;
  factors[row] = 1.0;
  if (arguments.parts > 1u) {
    Floats states = Floats(arguments.part_states + 8ul * (at * arguments.parts + part));
    states.at[0] = state.top;
    states.at[1] = sum;
    return;
  }
  RowResult result = row_result(state.top, sum);
  if (arguments.sink != 0ul)
    result = row_result_with_sink(state.top, sum, Floats(arguments.sink).at[head + row]);
  factors[row] = result.factor;
  Floats(arguments.lse + 4ul * at).at[0] = result.lse;
  if (arguments.max_logits != 0ul) Floats(arguments.max_logits + 4ul * at).at[0] = state.top;
}

uint bf16_pair(float low, float high) {
  return bits_to_bf16(floatBitsToUint(low)) | bits_to_bf16(floatBitsToUint(high)) << 16;
}

// Eight columns of a head.
void store_columns(uint token, uint head, uint part, uint column, vec4 low, vec4 high) {
  if (arguments.parts > 1u) {
    const uint64_t row = (uint64_t(token) * arguments.heads + head) * arguments.parts + part;
    Vectors to = Vectors(arguments.part_values + 4ul * (row * kC + column));
    to.at[0] = floatBitsToUint(low);
    to.at[1] = floatBitsToUint(high);
    return;
  }
  const uint64_t to = vector_at(arguments.result, token, head);
  if (kOutType == kBF16 && (kPieces & kOutPieces) != 0u) {
    Vectors(to).at[column / 8u] = uvec4(bf16_pair(low.x, low.y), bf16_pair(low.z, low.w),
                                        bf16_pair(high.x, high.y), bf16_pair(high.z, high.w));
    return;
  }
  [[unroll]] for (uint i = 0u; i < 4u; ++i) {
    store_float(kOutType, to, column + i, low[i]);
    store_float(kOutType, to, column + 4u + i, high[i]);
  }
}

// A tile through the subgroup's own part of `rows`: two lanes a head, eight columns each.
void store_tile(uint i, uint token, uint head, uint part) {
  const uint tile = gl_SubgroupID * kColumnTiles + i % kColumnTiles;
  if (tile >= kValueTiles) return;
  const uint line = kStaged / 16u, base = gl_SubgroupID * kStaged, half_row = lane() % 2u;
  const uint at = base + lane() / 2u * line + 2u * half_row;
  const uint row = 16u * (i / kColumnTiles) + lane() / 2u, column = 16u * tile + 8u * half_row;
  coopMatStore(values[i], rows, base, line, gl_CooperativeMatrixLayoutRowMajor);
  subgroupBarrier();
  if (head + row < arguments.heads && column < kC) {
    store_columns(token, head + row, part, column, factors[row] * uintBitsToFloat(rows[at]),
                  factors[row] * uintBitsToFloat(rows[at + 1u]));
  }
  subgroupBarrier();
}

#define STORE(i) if (i < kHeadTiles * kColumnTiles) store_tile(i, token, head, part);

// Passes over blocks without a key, as all subgroups do. The bits of the keys of the block it ends at; none:
// there is no more.
uint find_keys(uint token, uint end, inout uint first, inout int slot) {
  uint there = present_keys(slot);
  [[dont_unroll]] while (there == 0u && first < end) {
    first += kKeys;
    slot = fetch_slot(token, first, end);
    there = present_keys(slot);
  }
  return there;
}

// Slots are on their way while a block is scored. The next rows are asked for after its values are added:
// before that, loading them takes shared memory's time from the values (19.0 ms instead of 17.9).
void attend(uint token, uint first, uint end, inout Softmax state) {
  int slot = fetch_slot(token, first, end);
  uint there = find_keys(token, end, first, slot);
  if (there == 0u) return;
  fetch_rows(slot);
  [[dont_unroll]] while (there != 0u) {
    put_rows(there);
    first += kKeys;
    slot = fetch_slot(token, first, end);
    barrier();
    score_keys();
    barrier();
    weigh_keys(there, state);
    there = find_keys(token, end, first, slot);
    barrier();
    add_values();
    fetch_rows(slot);
    barrier();
  }
}

void main() {
  const uint groups = (arguments.heads + kHeads - 1u) / kHeads;
  uint item = group_index();
  const uint head = item % groups * kHeads;
  item /= groups;
  const uint part = item % arguments.parts, token = item / arguments.parts;
  if (token >= arguments.tokens) return;
  const uint count = key_count(token), blocks = (count + kKeys - 1u) / kKeys;
  const uint each = blocks / arguments.parts, rest = blocks % arguments.parts;
  const uint begin = (each * part + min(part, rest)) * kKeys;
  const uint end = min(count, begin + (each + (part < rest ? 1u : 0u)) * kKeys);
  [[unroll]] for (uint i = 0u; i < kHeadTiles * kColumnTiles; ++i) values[i] = SUMS(0.0);
  Softmax state = Softmax(neg_inf(), 0.0);
  load_queries(token, head);
  attend(token, begin, end, state);
  store_state(token, head, part, state);
  barrier();
  REPEAT_8(STORE)
}
