// Attention over the latent cache: a work group per token, kRows heads, part of the keys and block of
// columns. FLOPs 2 (2 C + R) a (head, key); a cache row is read twice by each group of heads, the second time
// and by the other groups from a cache. Bound by shared memory (the scores) and by decoding the rows.
#include "shaders/common/latent_attention_arguments.glsl"
#include "shaders/common/softmax.glsl"
#include "shaders/common/attention.glsl"

layout(constant_id = 2) const uint kQType = 0;
layout(constant_id = 3) const uint kQRopeType = 0;
layout(constant_id = 4) const uint kCacheType = 0;  // kE4M3: packed
layout(constant_id = 5) const uint kAligned = 0;    // rows can be read in words
layout(constant_id = 6) const uint kOutType = 0;

shared uint64_t row_at[kKeys];  // where the cache row of a key of the block begins; 0: absent
uint my_token, my_head;         // the group's token and its first head

uint attention_dims() { return arguments.cache.c + arguments.cache.r; }

vec4 query4(uint row, uint d) {
  const uint head = my_head + row, c = arguments.cache.c;
  if (head >= arguments.heads) return vec4(0.0);
  return load_joined4(Joined(vector_at(arguments.q_latent, my_token, head),
                             vector_at(arguments.q_rope, my_token, head), c, c + arguments.cache.r),
                      uvec2(kQType, kQRopeType), d);
}

// Four values of a cache row; i is a multiple of four.
vec4 latent4(uint64_t row, uint i) {
  const KvCache cache = arguments.cache;
  if (kAligned != 0u && kCacheType == kE4M3 && i + 4u <= cache.c) {
    const uint codes = Words(row + i).at[0];
    const float scale = Floats(row + cache.c).at[i / kLatentGroup];
    return scale * vec4(e4m3_to_float(codes & 255u), e4m3_to_float((codes >> 8) & 255u),
                        e4m3_to_float((codes >> 16) & 255u), e4m3_to_float(codes >> 24));
  }
  if (kAligned != 0u && kCacheType == kBF16 && i + 4u <= cache.c + cache.r) {
    Words words = Words(row + 2u * i);
    const uint low = words.at[0], high = words.at[1];
    return uintBitsToFloat(uvec4(low << 16, low & 0xffff0000u, high << 16, high & 0xffff0000u));
  }
  if (kCacheType != kE4M3 && i + 4u <= cache.c + cache.r) return load_float4(kCacheType, row, i);
  vec4 values = vec4(0.0);
  for (uint j = 0u; j < 4u; ++j) {
    if (i + j < cache.c + cache.r)
      values[j] = load_latent(kCacheType, kAligned != 0u, cache, row, i + j);
  }
  return values;
}

vec4 key4(uint j, uint d) { return latent4(row_at[j], d); }

vec4 value4(uint j, uint column) {
  if (kWidth == 4u) return latent4(row_at[j], column);
  vec4 values = vec4(0.0);
  for (uint i = 0u; i < kWidth; ++i) {
    if (column + i < arguments.cache.c)
      values[i] = load_latent(kCacheType, kAligned != 0u, arguments.cache, row_at[j], column + i);
  }
  return values;
}

bool has(uint j) { return row_at[j] != 0ul; }
bool sees(uint row, uint j) { return has(j); }

// The cache rows of entries [first, first + 32), those below `end`. Whether there is any.
bool find_keys(uint first, uint end) {
  barrier();
  if (gl_LocalInvocationIndex < kKeys) {
    const uint i = first + gl_LocalInvocationIndex;
    const int slot = i < end ? key_slot(my_token, i) : -1;
    const bool there = slot >= 0 && uint(slot) < arguments.cache.slots;
    row_at[gl_LocalInvocationIndex] =
        there ? arguments.cache.data + uint64_t(slot) * arguments.cache.stride : 0ul;
  }
  barrier();
  bool any = false;
  [[dont_unroll]] for (uint j = 0u; j < kKeys; ++j) any = any || row_at[j] != 0ul;
  return any;
}

RowResult result_of(uint row) {
  if (arguments.sink == 0ul) return row_result(top_tile[row], sum_tile[row]);
  return row_result_with_sink(top_tile[row], sum_tile[row], Floats(arguments.sink).at[my_head + row]);
}

// The thread's columns of every row, final or of a part.
void store_columns(uint part, uint column, Attention attention) {
  const uint c = arguments.cache.c;
  for (uint r = 0u; r < kRows; ++r) {
    if (my_head + r >= arguments.heads) break;
    const uint64_t row = uint64_t(my_token) * arguments.heads + my_head + r;
    const float factor = arguments.parts > 1u ? 1.0 : result_of(r).factor;
    for (uint i = 0u; i < kWidth; ++i) {
      if (column + i >= c) break;
      if (arguments.parts > 1u) {
        const uint64_t at = arguments.part_values + 4ul * ((row * arguments.parts + part) * c);
        Floats(at).at[column + i] = attention.result[r * kWidth + i];
      } else {
        store_float(kOutType, vector_at(arguments.result, my_token, my_head + r), column + i,
                    attention.result[r * kWidth + i] * factor);
      }
    }
  }
}

// What there is one of per row, by a thread a row.
void store_state(uint part) {
  const uint r = gl_LocalInvocationIndex;
  if (r >= kRows || my_head + r >= arguments.heads) return;
  const uint64_t row = uint64_t(my_token) * arguments.heads + my_head + r;
  if (arguments.parts > 1u) {
    const uint64_t at = arguments.part_states + 8ul * (row * arguments.parts + part);
    Floats(at).at[0] = top_tile[r];
    Floats(at).at[1] = sum_tile[r];
    return;
  }
  Floats(arguments.lse + 4ul * row).at[0] = result_of(r).lse;
  if (arguments.max_logits != 0ul) Floats(arguments.max_logits + 4ul * row).at[0] = top_tile[r];
}

void main() {
  const uint columns = arguments.cache.c, blocks_of_columns = (columns + kThreads * kWidth - 1u) / (kThreads * kWidth);
  const uint groups = (arguments.heads + kRows - 1u) / kRows;
  uint item = group_index();
  const uint block_of_columns = item % blocks_of_columns;
  item /= blocks_of_columns;
  const uint part = item % arguments.parts;
  item /= arguments.parts;
  if (item / groups >= arguments.tokens) return;
  my_token = item / groups;
  my_head = item % groups * kRows;
  const uint column = (block_of_columns * kThreads + gl_LocalInvocationIndex) * kWidth;
  const uint count = key_count(my_token), blocks = (count + kKeys - 1u) / kKeys;
  const uint begin = uint(uint64_t(blocks) * part / arguments.parts) * kKeys,
             end = min(count, uint(uint64_t(blocks) * (part + 1u) / arguments.parts) * kKeys);
  Attention attention;
  begin_attention(attention);
  for (uint first = begin; first < end; first += kKeys) {
    if (find_keys(first, end)) attend(arguments.scale, column, columns, attention);
  }
  share_states(attention);
  store_columns(part, column, attention);
  if (block_of_columns == 0u) store_state(part);
}
