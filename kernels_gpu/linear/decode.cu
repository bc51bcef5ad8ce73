// linear for few tokens: a wave sums four weight rows against up to eight tokens, 1024 columns at a time,
// whose activations the block holds in local memory as f32 (4 KB a token). Packed rows are read 16 bytes a
// lane and one scale serves them; stored rows element by element, a wave's loads side by side. A token's sums
// are taken in the same order whatever its neighbours are.
//
// Bound by reading the weight once per eight tokens: N K bytes in e4m3 (14.7 MB at 2048 x 7168). Decoding
// e4m3 by integer arithmetic costs about 8 instructions an element, shared by the tokens. Not measured on a
// card.
#include "kernels_gpu/common/wave.h"
#include "kernels_gpu/linear/operands.h"

namespace tamis::gpu {
namespace {

constexpr int kChunk = 1024;  // columns in local memory
constexpr int kVector = 16;   // codes that a lane reads at once
constexpr int kRows = 4;      // weight rows of a wave
constexpr unsigned kThreads = 256;

// Where column c of a chunk lies in local memory. Packed: the four-float parts of neighbouring lanes' vectors
// side by side, so that reading them meets no bank twice.
template <bool packed>
__device__ int local_index(int c) {
  if constexpr (packed) {
    const int vector = c / kVector, part = c % kVector / 4;
    return (part * (kChunk / kVector) + vector) * 4 + c % 4;
  } else {
    return c;
  }
}

template <int tokens, bool packed>
__device__ void load_chunk(const Linear& args, std::int64_t token, std::int64_t k0,
                           float (&xs)[tokens][kChunk]) {
#pragma unroll 1
  for (int t = 0; t < tokens; ++t) {
    for (int c = static_cast<int>(threadIdx.x); c < kChunk; c += static_cast<int>(blockDim.x)) {
      const bool inside = token + t < args.tokens && k0 + c < args.k;
      xs[t][local_index<packed>(c)] = inside ? load_activation(args.x, token + t, k0 + c) : 0.0f;
    }
  }
}

// Adds this lane's share of columns [k0, k0 + kChunk) of kRows packed rows. A value of local memory feeds all
// of them. The loop over parts is not unrolled: that would hold 16 columns of eight tokens in registers.
template <int tokens>
__device__ void add_packed(const Linear& args, const std::int64_t (&j)[kRows], std::int64_t k0,
                           const float (&xs)[tokens][kChunk], float (&sums)[kRows][tokens]) {
  const auto* codes = static_cast<const std::uint8_t*>(args.w.rows.data) + k0;
  for (int c = lane_id() * kVector; c < kChunk && k0 + c < args.k; c += wave_size() * kVector) {
    uint4 row[kRows];
    float scale[kRows];
    for (int r = 0; r < kRows; ++r) {
      row[r] = *reinterpret_cast<const uint4*>(codes + j[r] * args.w.rows.stride + c);
      scale[r] = weight_scale(args.w, j[r], k0 + c);
    }
#pragma unroll 1
    for (int part = 0; part < kVector; part += 4) {
      for (int i = 0; i < 4; ++i) {
        float w[kRows];
        for (int r = 0; r < kRows; ++r) {
          w[r] = numeric::e4m3_to_float(static_cast<std::uint8_t>(row[r].x >> (i * 8))) * scale[r];
        }
        for (int t = 0; t < tokens; ++t) {
          const float x = xs[t][local_index<true>(c + part + i)];
          for (int r = 0; r < kRows; ++r) sums[r][t] = multiply_add(w[r], x, sums[r][t]);
        }
      }
      for (int r = 0; r < kRows; ++r) row[r] = {row[r].y, row[r].z, row[r].w, 0};
    }
  }
}

template <Element element, int tokens>
__device__ void add_stored(const Linear& args, const std::int64_t (&j)[kRows], std::int64_t k0,
                           const float (&xs)[tokens][kChunk], float (&sums)[kRows][tokens]) {
#pragma unroll 2
  for (int c = lane_id(); c < kChunk && k0 + c < args.k; c += wave_size()) {
    float w[kRows];
    for (int r = 0; r < kRows; ++r) w[r] = load_weight<element>(args.w, j[r], k0 + c);
    for (int t = 0; t < tokens; ++t) {
      for (int r = 0; r < kRows; ++r) sums[r][t] = multiply_add(w[r], xs[t][c], sums[r][t]);
    }
  }
}

// Sums over the lanes, and a lane per output to store them. A barrier for the whole block, so that a wave's
// lane 0 has written before its other lanes read.
template <int tokens>
__device__ void store_sums(const Linear& args, std::int64_t token, std::int64_t first,
                           const float (&sums)[kRows][tokens]) {
  static_assert(kRows * tokens <= 32, "a lane an output, in waves of 32, too");
  __shared__ float totals[kThreads / 32][kRows * tokens];
  for (int r = 0; r < kRows; ++r) {
    for (int t = 0; t < tokens; ++t) {
      const float total = wave_reduce<Sum>(sums[r][t]);
      if (lane_id() == 0) totals[wave_id()][r * tokens + t] = total;
    }
  }
  __syncthreads();
  const std::int64_t j = first + lane_id() / tokens, t = token + lane_id() % tokens;
  if (lane_id() < kRows * tokens && j < args.w.count && t < args.tokens) {
    store_element(args.y, t, j, totals[wave_id()][lane_id()]);
  }
  __syncthreads();
}

template <Element element, bool packed, int tokens>
__global__ void __launch_bounds__(kThreads) linear_decode_kernel(Linear args) {
  __shared__ float xs[tokens][kChunk];
  const std::int64_t block_first = static_cast<std::int64_t>(blockIdx.x) * waves_per_block() * kRows;
  if (block_first >= args.w.count) return;
  const std::int64_t first = block_first + wave_id() * kRows;
  std::int64_t rows[kRows];  // behind the last row: the last, summed and not stored
  for (int r = 0; r < kRows; ++r) rows[r] = first + r < args.w.count ? first + r : args.w.count - 1;
  for (std::int64_t token = static_cast<std::int64_t>(blockIdx.y) * tokens; token < args.tokens;
       token += static_cast<std::int64_t>(gridDim.y) * tokens) {
    float sums[kRows][tokens] = {};
    for (std::int64_t k0 = 0; k0 < args.k; k0 += kChunk) {
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
}

template <Element element, bool packed, int tokens>
void launch_decode(const Linear& args, Stream stream) {
  // Sized for waves of 64; with waves of 32 a block covers twice the rows, and the grid is halved on the
  // device by its second half finding none.
  const std::int64_t rows_per_block = kThreads / 64 * kRows;
  const auto blocks = static_cast<unsigned>((args.w.count + rows_per_block - 1) / rows_per_block);
  const dim3 grid(blocks, grid_of((args.tokens + tokens - 1) / tokens, kMaxGridY));
  TAMIS_LAUNCH((linear_decode_kernel<element, packed, tokens>), grid, dim3(kThreads), 0, stream, args);
}

template <Element element, bool packed>
void launch_for_tokens(const Linear& args, Stream stream) {
  if (args.tokens == 1) return launch_decode<element, packed, 1>(args, stream);
  if (args.tokens == 2) return launch_decode<element, packed, 2>(args, stream);
  if (args.tokens <= 4) return launch_decode<element, packed, 4>(args, stream);
  launch_decode<element, packed, kDecodeTokens>(args, stream);
}

}  // namespace

Error launch_linear_decode(const Linear& args, Stream stream) {
  if (args.tokens == 0 || args.w.count == 0) return kNoError;
  switch (args.w.rows.element) {
    case Element::kF32: launch_for_tokens<Element::kF32, false>(args, stream); break;
    case Element::kBF16: launch_for_tokens<Element::kBF16, false>(args, stream); break;
    case Element::kF16: launch_for_tokens<Element::kF16, false>(args, stream); break;
    case Element::kE4M3:
      if (args.packed) {
        launch_for_tokens<Element::kE4M3, true>(args, stream);
      } else {
        launch_for_tokens<Element::kE4M3, false>(args, stream);
      }
      break;
  }
  return launch_error();
}

}  // namespace tamis::gpu
