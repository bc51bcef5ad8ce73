// Products in bf16: e4m3 and bf16 weights, activations that bf16 holds exactly (bf16 itself, or e4m3 times a
// power of two, or e4m3 codes beside their scales). Up to 8 rows (3 with AMX) of activations meet the codes
// in registers. More meet chunks of 64 weight rows by 2048 columns, widened to 256 KiB of bf16 in the
// second-level cache, where the next chunk's codes are brought meanwhile. Where all scales of a chunk's rows
// are powers of two and activations carry none, widening applies them, exactly; otherwise each 128 columns
// are summed by themselves and scaled then.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "backends/cpu/host_tensor.h"
#include "backends/cpu/kernels/product/bf16.h"
#include "backends/cpu/kernels/product/bf16_rows.h"
#include "backends/cpu/kernels/product/f32.h"
#include "backends/cpu/kernels/product/product.h"
#include "backends/cpu/kernels/product/runs.h"
#include "backends/cpu/weight_access.h"

#if defined(__x86_64__)
namespace tamis::cpu {
namespace bf16 {
namespace {

// Widened at a time, 256 KiB. Two Zen 5 cores, o_proj / q_b of 128 tokens: 256 columns 45.3 / 15.0 ms,
// 512 42.4 / 14.0, 1024 39.3 / 12.9, 2048 37.8 / 12.2.
constexpr std::int64_t kChunkCols = 2048, kChunkGroups = kChunkCols / kScaleGroup;
// Rows of activations up to which a weight is not widened first. Zen 5: 8 rows 12.9 GB/s of codes a
// core, 11.5 by blocks. AMX makes blocks worth their while sooner.
constexpr std::int64_t kFewRows = 8, kFewRowsAmx = 3;
constexpr std::int64_t kTileRows = 64;  // weight rows widened at a time
constexpr std::int64_t kPlainRows = 4;  // activations widened at a time by multiply_plain

// Whether widening may apply the scales of the 16 rows from `first`. Asked for each block by itself, so that
// no result depends on how outputs are shared among threads.
bool scales_fold(const RowList& list, std::int64_t first, std::int64_t k) {
  if (list.format != WeightFormat::kE4M3) return true;
  const float* scales = shared_scales(list, first, kBlockRows);
  return scales != nullptr && std::all_of(scales, scales + groups(k), foldable);
}

// A tile of the weights of a call: rows from `row` of the list, columns [col, col + cols).
struct Tile {
  const RowList* list;
  std::int64_t row, count, col, cols;
  bool fold;
};

void widen_tile(const Tile& tile, std::uint16_t* dst) {
  const WeightFormat format = tile.list->format;
  const std::int64_t size = format == WeightFormat::kE4M3 ? 1 : 2;
  for (std::int64_t r = 0; r < tile.count; r += kBlockRows, dst += kChunkCols * kBlockRows) {
    const std::byte* const* rows = tile.list->rows + tile.row + r;
    const bool scaled = tile.fold && format == WeightFormat::kE4M3;
    const std::int64_t step = scaled ? kScaleGroup : tile.cols;
    for (std::int64_t done = 0; done < tile.cols; done += step) {
      BlockRows block{};
      block.format = format;
      block.cols = std::min(step, tile.cols - done);
      for (std::int64_t i = 0; i < kBlockRows; ++i) {
        block.rows[i] = rows[i] == nullptr ? nullptr : rows[i] + (tile.col + done) * size;
      }
      if (scaled) {
        block.exponent = std::ilogb(tile.list->scales[tile.row + r][(tile.col + done) / kScaleGroup]);
      }
      kBf16Avx512.widen(block, dst + done * kBlockRows);
    }
  }
}

using AddFn = void (*)(const BlockProduct& product);

// c += x · tile, where widening has applied the scales, or group by group.
template <AddFn add>
void add_tile(const ProductInput& in, const Tile& tile, const BlockProduct& whole) {
  BlockProduct p = whole;
  float scales[kChunkGroups][kTileRows];
  p.x = reinterpret_cast<const std::uint16_t*>(in.x) + tile.col;
  p.pairs = (tile.cols + 31) / 32 * 16;
  if (!tile.fold) {
    const std::int64_t group = tile.col / kScaleGroup;
    for (std::int64_t g = 0; g * kScaleGroup < tile.cols; ++g) {
      for (std::int64_t r = 0; r < kTileRows; ++r) {
        const bool scaled = r < tile.count && tile.list->scales[tile.row + r] != nullptr;
        scales[g][r] = scaled ? tile.list->scales[tile.row + r][group + g] : 1.0f;
      }
    }
    p.group_pairs = kScaleGroup / 2;
    p.w_scales = scales[0];
    p.x_scales = x_scales(in) == nullptr ? nullptr : x_scales(in) + group;
    p.x_scale_stride = row_bytes(in.k) / 4;
  }
  add(p);
}

// The rows of a call in tiles, a chunk of columns of all of them after the other.
class TileWalk {
 public:
  TileWalk(const ProductInput& in, const RowList& list, std::int64_t count)
      : in_(in), list_(list), count_(count) {
    for (std::int64_t row = 0; row < count; row += kBlockRows) {
      fold_[row / kBlockRows] = x_scales(in) == nullptr && scales_fold(list, row, in.k);
    }
  }
  Tile at(std::int64_t row, std::int64_t col) const {
    const bool folds = fold_[row / kBlockRows];
    std::int64_t end = row + kBlockRows;
    while (end < count_ && end < row + kTileRows && fold_[end / kBlockRows] == folds) end += kBlockRows;
    return {&list_, row, std::min(end, count_) - row, col, std::min(kChunkCols, in_.k - col), folds};
  }
  // The tile behind `tile`; where that was the last one, its column is k.
  Tile next(const Tile& tile) const {
    const std::int64_t row = tile.row + tile.count;
    return row < count_ ? at(row, tile.col) : at(0, tile.col + kChunkCols);
  }

 private:
  const ProductInput& in_;
  const RowList& list_;
  std::int64_t count_;
  bool fold_[kProductOutputs / kBlockRows] = {};
};

template <AddFn add>
void multiply_blocks(const ProductInput& in, const RowList& list, std::int64_t count, float* c,
                     std::int64_t ldc) {
  const std::int64_t size = list.format == WeightFormat::kE4M3 ? 1 : 2;
  auto* blocks = reinterpret_cast<std::uint16_t*>(in.scratch);
  BlockProduct p{};
  p.x_stride = row_bytes(in.k) / 2, p.rows = in.rows;
  p.blocks = blocks, p.block_stride = kChunkCols * kBlockRows;
  p.ldc = ldc;
  p.spare = reinterpret_cast<float*>(in.scratch + 2 * kTileRows * kChunkCols);
  const TileWalk walk(in, list, count);
  RowList next_list;
  if (in.next >= 0) next_list = list_rows(*in.weight, in.next, kTileRows);
  for (Tile tile = walk.at(0, 0); tile.col < in.k;) {
    const Tile next = walk.next(tile);
    widen_tile(tile, blocks);
    p.block_count = (tile.count + kBlockRows - 1) / kBlockRows;
    p.c = c + tile.row;
    p.fresh = tile.col == 0;
    p.ahead = {list.rows + next.row, next.count, next.col * size, next.cols * size};
    if (next.col >= in.k) p.ahead = {next_list.rows, next_list.count, 0, std::min(kChunkCols, in.k) * size};
    add_tile<add>(in, tile, p);
    tile = next;
  }
}

// Weights that are cut inside scale blocks: widened to f32 with the activations, a few rows at a time.
void multiply_plain(const ProductInput& in, std::int64_t first, std::int64_t count, float* c,
                    std::int64_t ldc) {
  auto* weights = reinterpret_cast<float*>(in.scratch);
  float* x = weights + kTileRows * kChunkCols;
  for (std::int64_t col = 0; col < in.k; col += kChunkCols) {
    const std::int64_t cols = std::min(kChunkCols, in.k - col);
    widen_weight(*in.weight, {first, count, col, cols}, weights);
    for (std::int64_t row = 0; row < in.rows; row += kPlainRows) {
      const std::int64_t rows = std::min(kPlainRows, in.rows - row);
      for (std::int64_t t = 0; t < rows; ++t) {
        const std::byte* src = in.x + (row + t) * row_bytes(in.k);
        if (col == 0) std::fill_n(c + (row + t) * ldc, count, 0.0f);
        load_floats(DType::kBF16, src + 2 * col, cols, x + t * cols);
        const auto* scales = reinterpret_cast<const float*>(src + 2 * padded(in.k));
        for (std::int64_t i = 0; x_scales(in) != nullptr && i < cols; ++i) {
          x[t * cols + i] *= scales[(col + i) / kScaleGroup];
        }
      }
      kF32Avx512.add_nt({rows, count, cols, cols, cols, ldc}, x, weights, c + row * ldc);
    }
  }
}

template <AddFn add, std::int64_t few_rows>
void multiply(const ProductInput& in, std::int64_t first, std::int64_t count, float* c, std::int64_t ldc) {
  if (in.rows <= few_rows) return multiply_few(in, first, count, c, ldc);
  const RowList list = list_rows(*in.weight, first, count);
  if (!list.aligned) return multiply_cut(in, first, count, c, ldc);
  multiply_blocks<add>(in, list, count, c, ldc);
}

void add_avx512(const BlockProduct& product) { kBf16Avx512.add(product); }

void add_amx(const BlockProduct& product) {
  for (std::int64_t t = 0; product.fresh && t < product.rows; ++t) {
    std::fill_n(product.c + t * product.ldc, product.block_count * kBlockRows, 0.0f);
  }
  const std::int64_t step = product.group_pairs == 0 ? product.pairs : product.group_pairs;
  BlockProduct group = product;
  for (std::int64_t done = 0; done < product.pairs; done += step) {
    group.pairs = std::min(step, product.pairs - done);
    add_blocks_amx(group);
    group.x += 2 * step;
    group.blocks += 2 * step * kBlockRows;
    if (group.w_scales != nullptr) group.w_scales += kTileRows;
    if (group.x_scales != nullptr) ++group.x_scales;
  }
}

}  // namespace

std::int64_t scratch_bytes(std::int64_t) {
  // 64 KiB of blocks and AMX's spare; or, for weights that are cut inside scale blocks, f32 tiles.
  return 4 * (kTileRows + kPlainRows) * kChunkCols + 4096;
}

void prepare(ActQuant act_quant, float* row, std::int64_t k, std::byte* dst) {
  auto* codes = reinterpret_cast<std::uint16_t*>(dst);
  auto* scales = reinterpret_cast<float*>(dst + 2 * padded(k));
  switch (act_quant) {
    case ActQuant::kNone: kRowsAvx512.codes(row, k, codes); break;
    case ActQuant::kE4M3Group128Pow2: kRowsAvx512.quantize({row, k, codes, nullptr, true}); break;
    case ActQuant::kE4M3Group128F32: kRowsAvx512.quantize({row, k, codes, scales, false}); break;
  }
  std::fill(codes + k, codes + padded(k), std::uint16_t{0});
}

void multiply_few(const ProductInput& in, std::int64_t first, std::int64_t count, float* c,
                  std::int64_t ldc) {
  bool aligned = true;
  for_each_run(*in.weight, first, count, [&](const WeightRows& run, std::int64_t at) {
    aligned = aligned && run.group_offset == 0;
    if (aligned) kBf16Avx512.dot({run, in.x, row_bytes(in.k), in.rows, x_scales(in), c + at, ldc});
  });
  if (!aligned) multiply_cut(in, first, count, c, ldc);
}

void multiply_cut(const ProductInput& in, std::int64_t first, std::int64_t count, float* c,
                  std::int64_t ldc) {
  for (std::int64_t j = 0; j < count; j += kTileRows) {
    multiply_plain(in, first + j, std::min(kTileRows, count - j), c + j, ldc);
  }
}

}  // namespace bf16

const Product kAvx512Bf16Product{.row_bytes = &bf16::row_bytes,
                                 .prepare = &bf16::prepare,
                                 .scratch_bytes = &bf16::scratch_bytes,
                                 .multiply = &bf16::multiply<&bf16::add_avx512, bf16::kFewRows>,
                                 .rows = &kRowsAvx512};
const Product kAmxBlocksProduct{.row_bytes = &bf16::row_bytes,
                                .prepare = &bf16::prepare,
                                .scratch_bytes = &bf16::scratch_bytes,
                                .multiply = &bf16::multiply<&bf16::add_amx, bf16::kFewRowsAmx>,
                                .rows = &kRowsAvx512};

}  // namespace tamis::cpu
#endif
