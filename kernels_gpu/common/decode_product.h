// A product with few tokens: a wave sums four weight rows against up to eight tokens, 1024 columns at a time,
// whose activations the block holds in local memory as f32 (4 KB a token). Packed rows are read 16 bytes a
// lane and one scale serves them; stored rows element by element, a wave's loads side by side. A token's sums
// are taken in the same order whatever its neighbours are. Called by all threads.
#pragma once

#include "kernels_gpu/common/product_operands.h"
#include "kernels_gpu/common/wave.h"

namespace tamis::gpu {

inline constexpr int kDecodeChunk = 1024;  // columns in local memory
inline constexpr int kDecodeVector = 16;   // codes that a lane reads at once
inline constexpr int kDecodeRows = 4;      // weight rows of a wave
inline constexpr unsigned kDecodeThreads = 256;

// Where column c of a chunk lies in local memory. Packed: the four-float parts of neighbouring lanes' vectors
// side by side, so that reading them meets no bank twice.
template <bool packed>
__device__ inline int local_index(int c) {
  if constexpr (packed) {
    const int vector = c / kDecodeVector, part = c % kDecodeVector / 4;
    return (part * (kDecodeChunk / kDecodeVector) + vector) * 4 + c % 4;
  } else {
    return c;
  }
}

template <int tokens, bool packed>
__device__ inline void load_chunk(const Product& args, std::int64_t token, std::int64_t k0,
                                  float (&xs)[tokens][kDecodeChunk]) {
#pragma unroll 1
  for (int t = 0; t < tokens; ++t) {
    const std::int64_t row = token + t < args.tokens ? source_row(args.x, token + t) : 0;
    for (int c = static_cast<int>(threadIdx.x); c < kDecodeChunk; c += static_cast<int>(blockDim.x)) {
      const bool inside = token + t < args.tokens && k0 + c < args.k;
      xs[t][local_index<packed>(c)] = inside ? load_activation(args.x, row, k0 + c) : 0.0f;
    }
  }
}

// Adds this lane's share of columns [k0, k0 + kDecodeChunk) of kDecodeRows packed rows. A value of local
// memory feeds all of them. The loop over parts is not unrolled: that would hold 16 columns of eight tokens
// in registers.
template <int tokens>
__device__ inline void add_packed(const Product& args, const std::int64_t (&j)[kDecodeRows], std::int64_t k0,
                                  const float (&xs)[tokens][kDecodeChunk],
                                  float (&sums)[kDecodeRows][tokens]) {
  const auto* codes = static_cast<const std::uint8_t*>(args.w.rows.data) + k0;
  for (int c = lane_id() * kDecodeVector; c < kDecodeChunk && k0 + c < args.k;
       c += wave_size() * kDecodeVector) {
    uint4 row[kDecodeRows];
    float scale[kDecodeRows];
    for (int r = 0; r < kDecodeRows; ++r) {
      row[r] = *reinterpret_cast<const uint4*>(codes + j[r] * args.w.rows.stride + c);
      scale[r] = weight_scale(args.w, j[r], k0 + c);
    }
#pragma unroll 1
    for (int part = 0; part < kDecodeVector; part += 4) {
      for (int i = 0; i < 4; ++i) {
        float w[kDecodeRows];
        for (int r = 0; r < kDecodeRows; ++r) {
          w[r] = numeric::e4m3_to_float(static_cast<std::uint8_t>(row[r].x >> (i * 8))) * scale[r];
        }
        for (int t = 0; t < tokens; ++t) {
          const float x = xs[t][local_index<true>(c + part + i)];
          for (int r = 0; r < kDecodeRows; ++r) sums[r][t] = multiply_add(w[r], x, sums[r][t]);
        }
      }
      for (int r = 0; r < kDecodeRows; ++r) row[r] = {row[r].y, row[r].z, row[r].w, 0};
    }
  }
}

template <Element element, int tokens>
__device__ inline void add_stored(const Product& args, const std::int64_t (&j)[kDecodeRows], std::int64_t k0,
                                  const float (&xs)[tokens][kDecodeChunk],
                                  float (&sums)[kDecodeRows][tokens]) {
#pragma unroll 2
  for (int c = lane_id(); c < kDecodeChunk && k0 + c < args.k; c += wave_size()) {
    float w[kDecodeRows];
    for (int r = 0; r < kDecodeRows; ++r) w[r] = load_weight<element>(args.w, j[r], k0 + c);
    for (int t = 0; t < tokens; ++t) {
      for (int r = 0; r < kDecodeRows; ++r) sums[r][t] = multiply_add(w[r], xs[t][c], sums[r][t]);
    }
  }
}

// Sums over the lanes. Lanes first share out the outputs between them: in each step a lane passes half of
// what it has to its partner, so that 16 outputs cost 17 exchanges and not 96. The sums are those of
// wave_reduce.
template <int tokens>
__device__ inline void store_sums(const Product& args, std::int64_t token, std::int64_t first,
                                  const float (&sums)[kDecodeRows][tokens]) {
  constexpr int kOutputs = kDecodeRows * tokens;
  static_assert(kOutputs <= 32, "a lane an output, in waves of 32, too");
  float mine[kOutputs];
  for (int i = 0; i < kOutputs; ++i) mine[i] = sums[i / tokens][i % tokens];
  int mask = wave_size() / 2;
#pragma unroll
  for (int half = kOutputs / 2; half > 0; half /= 2) {
    const bool upper = (lane_id() & mask) != 0;
#pragma unroll
    for (int i = 0; i < half; ++i) {
      const float kept = upper ? mine[half + i] : mine[i], passed = upper ? mine[i] : mine[half + i];
      mine[i] = kept + shuffle_xor(passed, mask);
    }
    mask /= 2;
  }
  for (; mask > 0; mask /= 2) mine[0] += shuffle_xor(mine[0], mask);
  const int lanes = wave_size() / kOutputs, output = lane_id() / lanes;
  const std::int64_t j = first + output / tokens, t = token + output % tokens;
  if (lane_id() % lanes == 0 && j < args.w.count && t < args.tokens) store_element(args.y, t, j, mine[0]);
}

// Tokens [token, token + tokens) with the kDecodeRows weight rows from `first` on, which differs by wave.
template <Element element, bool packed, int tokens>
__device__ inline void decode_product(const Product& args, std::int64_t token, std::int64_t first,
                                      float (&xs)[tokens][kDecodeChunk]) {
  std::int64_t rows[kDecodeRows];  // behind the last row: the last, summed and not stored
  for (int r = 0; r < kDecodeRows; ++r) rows[r] = first + r < args.w.count ? first + r : args.w.count - 1;
  float sums[kDecodeRows][tokens] = {};
  for (std::int64_t k0 = 0; k0 < args.k; k0 += kDecodeChunk) {
    __syncthreads();
    load_chunk<tokens, packed>(args, token, k0, xs);
    __syncthreads();
    if constexpr (packed) {
      add_packed<tokens>(args, rows, k0, xs, sums);
    } else {
      add_stored<element, tokens>(args, rows, k0, xs, sums);
    }
  }
  store_sums<tokens>(args, token, first, sums);
}

// The first row of a block that is the x-th of a grid, and blocks along x for `rows` weight rows. Sized for
// waves of 64; with waves of 32 a block covers twice the rows, and the second half of the grid finds none.
__device__ inline std::int64_t decode_first_row() {
  return static_cast<std::int64_t>(blockIdx.x) * waves_per_block() * kDecodeRows;
}
inline unsigned decode_blocks(std::int64_t rows) {
  constexpr std::int64_t kRowsPerBlock = kDecodeThreads / 64 * kDecodeRows;
  return static_cast<unsigned>((rows + kRowsPerBlock - 1) / kRowsPerBlock);
}

}  // namespace tamis::gpu
