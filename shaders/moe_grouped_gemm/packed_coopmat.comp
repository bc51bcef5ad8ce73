// moe_grouped_gemm of activations rounded to e4m3 and FP8 weights in the layout row_scales, on cooperative
// matrices: f16 holds either's codes exactly, products are summed in f32 and scaled every 128 columns. A work
// group per entry of the list that tiles.comp made, of up to 16 kTokenTiles rows, and 64 outputs; each of its
// four subgroups decodes the 16 weight rows of its outputs into shared memory of its own, 128 columns at a time,
// while the next ones are on their way. Bound by reading the weights of the experts that have rows, once for
// every 16 kTokenTiles of them, as long as these are few: some six instructions a code. 4 rows an expert, 64 FP8
// experts, 7168 to 4096 and 2048 to 7168, H100 80GB HBM3, driver 580.159.04, 2026-11-22: 990 and 502 us, 1.9 TB/s
// of weights.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#include "shaders/moe_grouped_gemm/arguments.glsl"
#include "shaders/common/e4m3_halves.glsl"

layout(constant_id = 3) const uint kTokenTiles = 1;  // of 16: 1 or 2

const uint kSubgroup = 32;  // required of the pipeline
const uint kSubgroups = 4;
const uint kThreads = kSubgroup * kSubgroups;
layout(local_size_x = 128) in;

const uint kColumns = 128;                         // at once: a group of scales
const uint kLine = kColumns / 8u + 1u;             // uvec4 of f16 in shared memory; odd, for the banks
const uint kRows = 16u * kTokenTiles;              // of x
const uint kBuffers = kTokenTiles == 1u ? 2u : 1u;  // of x: more would not fit
const uint kXUnits = kRows * kColumns / 8u / kThreads;  // of a thread
const uint kSumLine = 5;                           // uvec4 of f32

shared uvec4 w_tile[kSubgroups * 16u * kLine];  // at the end the products
shared uvec4 x_tile[kBuffers * kRows * kLine];
shared float w_scale[kSubgroups * 16u];
shared float x_scale[kBuffers * kRows];
shared uint x_rows[kRows];
shared uint row_nans[kSubgroups * 16u];

// Numbered by subgroups: the order of gl_LocalInvocationIndex is the driver's.
uint thread() { return gl_SubgroupID * kSubgroup + gl_SubgroupInvocationID; }

#define MATRIX(type, use) coopmat<type, gl_ScopeSubgroup, 16, 16, use>
#define SUMS MATRIX(float, gl_MatrixUseAccumulator)

// The next 128 columns, on their way: four units of 16 codes of the subgroup's rows, and units of x.
uvec4 w_next[4];
uvec4 x_next[kXUnits];
float w_scale_next, x_scale_next;
uint nans[4];  // not 0: a code of the row is NaN

struct Tile {
  uint64_t w, scales;  // of the subgroup's first row
  uint rows, count;    // of the weight from there on, at least one; of x
};

void fetch(Tile tile, uint group) {
  const uint lane = gl_SubgroupInvocationID, unit = lane % 8u;
  [[unroll]] for (uint i = 0u; i < 4u; ++i) {
    const uint row = min(lane / 8u + 4u * i, tile.rows - 1u);
    w_next[i] = Vectors(tile.w + row * weight.only.row_bytes).at[group * 8u + unit];
  }
  if (lane < 16u)
    w_scale_next =
        Floats(tile.scales + 4ul * min(lane, tile.rows - 1u) * weight.only.scale_stride).at[group];
  [[unroll]] for (uint i = 0u; i < kXUnits; ++i) {
    const uint at = thread() + i * kThreads, row = at / 16u;
    x_next[i] = uvec4(0u);
    if (row < tile.count) x_next[i] = Vectors(x + x_rows[row] * x_stride).at[group * 16u + at % 16u];
  }
  x_scale_next = 0.0;
  if (thread() < tile.count)
    x_scale_next = Floats(x_scales + 4ul * uint64_t(x_rows[thread()]) * groups).at[group];
}

void put(uint buffer_index) {
  const uint lane = gl_SubgroupInvocationID;
  [[unroll]] for (uint i = 0u; i < 4u; ++i) {
    const uint at = (gl_SubgroupID * 16u + lane / 8u + 4u * i) * kLine + 2u * (lane % 8u);
    const uvec4 codes = w_next[i];
    nans[i] |= e4m3_nans(codes.x) | e4m3_nans(codes.y) | e4m3_nans(codes.z) | e4m3_nans(codes.w);
    // In the order 0 2 1 3 of every four, as the columns of x are.
    w_tile[at] = uvec4(e4m3_pair(codes.x << 8), e4m3_pair(codes.x), e4m3_pair(codes.y << 8), e4m3_pair(codes.y));
    w_tile[at + 1u] =
        uvec4(e4m3_pair(codes.z << 8), e4m3_pair(codes.z), e4m3_pair(codes.w << 8), e4m3_pair(codes.w));
  }
  if (lane < 16u) w_scale[gl_SubgroupID * 16u + lane] = w_scale_next;
  [[unroll]] for (uint i = 0u; i < kXUnits; ++i) {
    const uint at = thread() + i * kThreads;
    x_tile[(buffer_index * kRows + at / 16u) * kLine + at % 16u] = x_next[i];
  }
  if (thread() < kRows) x_scale[buffer_index * kRows + thread()] = x_scale_next;
}

SUMS totals[kTokenTiles];

void multiply(uint buffer_index) {
  SUMS w_scales;  // the same in all columns
  coopMatLoad(w_scales, w_scale, gl_SubgroupID * 16u, 0, gl_CooperativeMatrixLayoutColumnMajor);
  SUMS dots[kTokenTiles];
  [[unroll]] for (uint t = 0u; t < kTokenTiles; ++t) dots[t] = SUMS(0.0);
  [[unroll]] for (uint c = 0u; c < kColumns / 16u; ++c) {
    MATRIX(float16_t, gl_MatrixUseA) w;
    coopMatLoad(w, w_tile, gl_SubgroupID * 16u * kLine + 2u * c, kLine, gl_CooperativeMatrixLayoutRowMajor);
    [[unroll]] for (uint t = 0u; t < kTokenTiles; ++t) {
      MATRIX(float16_t, gl_MatrixUseB) of_x;
      coopMatLoad(of_x, x_tile, (buffer_index * kRows + 16u * t) * kLine + 2u * c, kLine,
                  gl_CooperativeMatrixLayoutColumnMajor);
      dots[t] = coopMatMulAdd(w, of_x, dots[t]);
    }
  }
  [[unroll]] for (uint t = 0u; t < kTokenTiles; ++t) {
    SUMS x_scales_of;  // the same in all rows
    coopMatLoad(x_scales_of, x_scale, buffer_index * kRows + 16u * t, 0, gl_CooperativeMatrixLayoutRowMajor);
    [[unroll]] for (int i = 0; i < w_scales.length(); ++i)
      totals[t][i] = fma(dots[t][i], w_scales[i] * x_scales_of[i], totals[t][i]);
  }
}

// Row-major [output][row of x] in shared memory, then to y, eight outputs a lane.
void store(uint first, uint count) {
  const uint lane = gl_SubgroupInvocationID, base = gl_SubgroupID * 16u * kLine;
  [[unroll]] for (uint t = 0u; t < kTokenTiles; ++t) {
    coopMatStore(totals[t], w_tile, base, kSumLine, gl_CooperativeMatrixLayoutRowMajor);
    subgroupBarrier();
    const uint column = lane / 2u, row = 16u * t + column;
    for (uint i = 0u; i < 8u; ++i) {
      const uint output_row = 8u * (lane % 2u) + i, at = first + output_row;
      if (row >= count || at >= outputs) continue;
      const bool nan = row_nans[gl_SubgroupID * 16u + output_row] != 0u;
      const uint bits = w_tile[base + output_row * kSumLine + column / 4u][column % 4u];
      store_bits(kYType, y + (first_token + row) * y_stride, at, nan ? 0x7fc00000u : bits);
    }
    subgroupBarrier();
  }
}

void store_zeros(uint first, uint count) {
  for (uint i = thread(); i < 64u * count; i += kThreads) {
    const uint at = first + i % 64u;
    if (at < outputs) store_float(kYType, y + (first_token + i / 64u) * y_stride, at, 0.0);
  }
}

void main() {
  const uint across = (outputs + 63u) / 64u;
  const uint begin = group_index() % across * 64u;
  const uvec4 entry = Vectors(list).at[group_index() / across];
  if (entry.x == kNoTile) return;
  first_token = entry.y;
  const uint count = entry.z - entry.y;
  if (entry.x == kTailTile) {
    store_zeros(begin, count);
    return;
  }
  if (thread() < count) x_rows[thread()] = source_row(first_token + thread());
  if (thread() < kSubgroups * 16u) row_nans[thread()] = 0u;
  barrier();
  const uint first = begin + 16u * gl_SubgroupID;
  const WeightRow matrix = row_of_piece(weight.only, entry.x * outputs + min(first, outputs - 1u));
  const Tile tile = Tile(matrix.data, matrix.scales, first < outputs ? outputs - first : 1u, count);
  [[unroll]] for (uint t = 0u; t < kTokenTiles; ++t) totals[t] = SUMS(0.0);
  [[unroll]] for (uint i = 0u; i < 4u; ++i) nans[i] = 0u;
  fetch(tile, 0u);
  const uint steps = width / kColumns;
  for (uint group = 0u; group < steps; ++group) {
    const uint buffer_index = group % kBuffers;
    if (kBuffers == 1u) {
      barrier();
    } else {
      subgroupBarrier();
    }
    put(buffer_index);
    barrier();
    if (group + 1u < steps) fetch(tile, group + 1u);
    multiply(buffer_index);
  }
  [[unroll]] for (uint i = 0u; i < 4u; ++i) {
    if (nans[i] != 0u) row_nans[gl_SubgroupID * 16u + gl_SubgroupInvocationID / 8u + 4u * i] = 1u;
  }
  subgroupBarrier();  // and the tile has been read
  store(first, count);
}
