// Products on f32 activations: plain loops, OpenBLAS, AVX2, AVX-512. Up to kFewRows rows of activations meet
// the codes in registers, each weight byte read from memory once for all of them. More rows meet tiles of 64
// weight rows by 1024 columns, widened to f32 and scaled: 256 KiB, in the second-level cache; AVX-512: by 512
// columns, and transposed, so that the lanes are outputs.
#include <algorithm>
#include <cstring>

#include "backends/cpu/kernels/common/tile_product.h"
#include "backends/cpu/kernels/product/f32.h"
#include "backends/cpu/kernels/product/product.h"
#include "backends/cpu/kernels/product/runs.h"
#include "backends/cpu/weight_access.h"

namespace tamis::cpu {
namespace {

constexpr std::int64_t kTileRows = 64, kTileCols = 1024, kTransposedCols = 512;
// Rows of activations up to which a weight is not widened first (e4m3, one Zen 5 core, AVX-512: 8 rows 7.4
// GB/s of codes against 6.6).
constexpr std::int64_t kFewRows = 8;

// An odd number of cache lines: rows at even distances would meet in few sets of the cache.
std::int64_t row_bytes(std::int64_t k) { return (k + 63) / 64 * 64 * 4 | 64; }

// A tile; its rows lie a cache line further apart than they are long. Or a shorter one, and the same
// transposed.
std::int64_t scratch_bytes(std::int64_t k) {
  const std::int64_t cols = (k + 15) / 16 * 16;
  return 4 * kTileRows * (std::max(std::min(kTileCols, cols), 2 * std::min(kTransposedCols, cols)) + 16);
}

template <const RowOps& ops>
void prepare(ActQuant act_quant, float* row, std::int64_t k, std::byte* dst) {
  fake_quantize_row(ops, act_quant, row, k);
  std::memcpy(dst, row, static_cast<std::size_t>(k) * 4);
  std::memset(dst + k * 4, 0, static_cast<std::size_t>(row_bytes(k) - k * 4));
}

using AddFn = void (*)(const SgemmShape& shape, const float* a, const float* b, float* c);

// A tile of f32 weights to multiply with: rows [first, first + count), columns [col, col + cols) of c's call.
struct Tile {
  std::int64_t first, count, col, cols;
};

// What a call of multiply asks for.
struct Outputs {
  std::int64_t first, count;
  float* c;
  std::int64_t ldc;
};

// fn(tile) for all tiles of a block of outputs, c being zero at the start.
template <class F>
void for_each_tile(const ProductInput& in, const Outputs& out, std::int64_t tile_cols, F&& fn) {
  const auto [first, count, c, ldc] = out;
  const std::int64_t columns = (count + 15) / 16 * 16;
  for (std::int64_t t = 0; t < in.rows; ++t) std::fill_n(c + t * ldc, columns, 0.0f);
  for (std::int64_t col = 0; col < in.k; col += tile_cols) {
    for (std::int64_t j = 0; j < count; j += kTileRows) {
      const Tile tile{first + j, std::min(kTileRows, count - j), col, std::min(tile_cols, in.k - col)};
      fn(tile, reinterpret_cast<const float*>(in.x) + col, c + j);
    }
  }
}

template <AddFn add>
void multiply_plain(const ProductInput& in, std::int64_t first, std::int64_t count, float* c,
                    std::int64_t ldc) {
  auto* weights = reinterpret_cast<float*>(in.scratch);
  for_each_tile(in, {first, count, c, ldc}, kTileCols, [&](const Tile& tile, const float* x, float* out) {
    widen_weight(*in.weight, {tile.first, tile.count, tile.col, tile.cols}, weights);
    add({in.rows, tile.count, tile.cols, row_bytes(in.k) / 4, tile.cols, ldc}, x, weights, out);
  });
}

template <const F32Kernels& kernels>
void multiply_vectors(const ProductInput& in, std::int64_t first, std::int64_t count, float* c,
                      std::int64_t ldc) {
  if (in.rows <= kFewRows) {
    for_each_run(*in.weight, first, count, [&](const WeightRows& run, std::int64_t at) {
      kernels.dot({run, in.x, row_bytes(in.k), in.rows, nullptr, c + at, ldc});
    });
    return;
  }
  auto* weights = reinterpret_cast<float*>(in.scratch);
  const bool transposes = kernels.transpose != nullptr;
  const std::int64_t tile_cols = transposes ? kTransposedCols : kTileCols;
  for_each_tile(in, {first, count, c, ldc}, tile_cols, [&](const Tile& tile, const float* x, float* out) {
    const std::int64_t ld = (tile.cols + 15) / 16 * 16 + 16, x_ld = row_bytes(in.k) / 4;
    for_each_run(*in.weight, tile.first, tile.count, [&](const WeightRows& run, std::int64_t at) {
      kernels.widen(run, {tile.col, tile.cols, weights + at * ld, ld});
    });
    if (!transposes) {
      return kernels.add_nt({in.rows, tile.count, tile.cols, x_ld, ld, ldc}, x, weights, out);
    }
    float* transposed = weights + kTileRows * ld;
    const std::int64_t rows = (tile.count + 15) / 16 * 16;
    std::fill_n(weights + tile.count * ld, (rows - tile.count) * ld, 0.0f);
    kernels.transpose({weights, ld, rows, tile.cols, transposed});
    kernels.add_nn({in.rows, rows, tile.cols, x_ld, kTileRows, ldc}, x, transposed, out);
  });
}

template <const RowOps& ops, decltype(Product::multiply) multiply>
constexpr Product product() {
  return {.row_bytes = &row_bytes,
          .prepare = &prepare<ops>,
          .scratch_bytes = &scratch_bytes,
          .multiply = multiply};
}

}  // namespace

const Product kPortableProduct = product<kPortableRowOps, &multiply_plain<&add_product_portable>>();
const Product kBlasProduct = product<kPortableRowOps, &multiply_plain<&add_product_blas>>();
#if defined(__x86_64__)
const Product kAvx2Product = product<kAvx2RowOps, &multiply_vectors<kF32Avx2>>();
const Product kAvx512Product = product<kAvx512RowOps, &multiply_vectors<kF32Avx512>>();
#endif

}  // namespace tamis::cpu
