// The product on AMX: e4m3 and bf16 weights, activations that bf16 holds exactly, packed once a call. Up to 2
// rows meet the codes in registers (bf16_product.cpp). More meet stripes of 32 weight rows by 512 columns
// (stripe.h), widened to 32 KB that stay in the first-level cache while all rows of x pass by; sums of up to
// 256 outputs by 512 rows stay in the second-level cache. Groups of 128 columns that have scales are summed
// by themselves and scaled then. Meanwhile the next stripe is fetched in the order of addresses.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "backends/cpu/kernels/product/bf16_rows.h"
#include "backends/cpu/kernels/product/stripe.h"

#if defined(__x86_64__)
namespace tamis::cpu {
namespace {

// One Sapphire Rapids core, GB/s of codes: 1 / 2 / 3 rows in registers 12.2 / 9.6 / 7.8, 4 rows by
// stripes 8.9.
constexpr std::int64_t kFewRows = 2, kMaxRows = 512;
constexpr std::int64_t kChunkGroups = kStripeCols / kScaleGroup;
// More rows than this have scales that are powers of two applied while weights are widened, which takes more
// instructions, for products that take fewer.
constexpr std::int64_t kRowsToFold = 256;

// A thread's scratch: sums first, where rows to pack lie before there are sums.
constexpr std::int64_t kSumsBytes = 4 * kProductOutputs * kMaxRows;
constexpr std::int64_t kWeightsBytes = 2 * kStripeRows * kStripeCols;
constexpr std::int64_t kSpareBytes = 2 * 4 * 4 * kTileFloats;
constexpr std::int64_t kScalesBytes = 4 * kChunkGroups * kStripeRows;

std::int64_t scratch_bytes(std::int64_t k) {
  const std::int64_t bytes = 64 + kSumsBytes + kWeightsBytes + kSpareBytes + kScalesBytes;
  return std::max({bytes, kPackRows * bf16::row_bytes(k), bf16::scratch_bytes(k)});
}

bool packs(const Weight& weight, std::int64_t rows) {
  return rows > kFewRows &&
         std::all_of(weight.pieces.begin(), weight.pieces.end(), [](const WeightPiece& piece) {
           return piece.scale_buffer == nullptr || piece.first_col % kScaleGroup == 0;
         });
}

// Behind the codes: their scales, group by group.
void pack(ActQuant act_quant, const std::byte* prepared, std::int64_t rows, std::int64_t k, std::byte* dst) {
  const std::int64_t row_bytes = bf16::row_bytes(k), columns = bf16::padded(k);
  pack_rows_avx512({prepared, row_bytes, rows, columns, rows}, dst);
  if (act_quant != ActQuant::kE4M3Group128F32) return;
  auto* scales = reinterpret_cast<float*>(dst + 2 * columns * rows);
  for (std::int64_t g = 0; g < bf16::groups(k); ++g) {
    for (std::int64_t r = 0; r < rows; ++r) {
      std::memcpy(scales++, prepared + r * row_bytes + 2 * columns + 4 * g, 4);
    }
  }
}

// One call of multiply.
class Call {
 public:
  Call(const ProductInput& in, const bf16::RowList& list, std::int64_t count)
      : in_(in),
        list_(list),
        count_(count),
        pairs_((in.rows + 2 * kTileSize - 1) / (2 * kTileSize)),
        sums_(reinterpret_cast<float*>((reinterpret_cast<std::uintptr_t>(in.scratch) + 63) / 64 * 64)),
        weights_(reinterpret_cast<std::uint16_t*>(sums_ + kSumsBytes / 4)),
        spare_(reinterpret_cast<float*>(weights_ + kWeightsBytes / 2)),
        w_scales_(spare_ + kSpareBytes / 4) {}

  void run(float* c, std::int64_t ldc) {
    begin_stripes_amx();
    for (std::int64_t col = 0; col < in_.k; col += kStripeCols) {
      for (std::int64_t row = 0; row < count_; row += kStripeRows) multiply(row, col);
    }
    end_stripes_amx();
    for (std::int64_t row = 0; row < count_; row += kStripeRows) {
      store_sums_avx512({sums(row), halves(row), in_.rows, c + row, ldc});
    }
  }

 private:
  std::int64_t stripe_floats() const { return 4 * kTileFloats * pairs_; }
  float* sums(std::int64_t row) const { return sums_ + row / kStripeRows * stripe_floats(); }
  std::int64_t halves(std::int64_t row) const { return count_ - row > kTileSize ? 2 : 1; }

  void multiply(std::int64_t row, std::int64_t col) {
    const std::int64_t cols = std::min(kStripeCols, in_.k - col);
    int exponents[kChunkGroups];
    const bool folds = fold(row, col, cols, exponents);
    widen(row, col, cols, folds ? exponents : nullptr);
    StripeProduct p{};
    p.weights = weights_;
    p.halves = halves(row);
    p.steps = (cols + 63) / 64 * 2;
    p.x = in_.x;
    p.group_bytes = kPackRows * bf16::row_bytes(in_.k);
    p.column = col;
    p.rows = in_.rows;
    p.sums = sums(row);
    p.spare = spare_;
    p.first = col == 0;
    if (!folds) {
      // Sums that are scaled are added, to zeros at first.
      if (p.first) std::fill_n(p.sums, stripe_floats(), 0.0f);
      collect_scales(row, col, cols);
      p.w_scales = w_scales_;
      p.x_scales = bf16::x_scales(in_) == nullptr ? 0 : 2 * bf16::padded(in_.k);
    }
    multiply_stripe_amx(p);
  }

  // Whether the products of a stripe's columns need no scales: there are none, or widening applies them, as
  // powers of two that its rows share.
  bool fold(std::int64_t row, std::int64_t col, std::int64_t cols, int* exponents) const {
    if (bf16::x_scales(in_) != nullptr) return false;
    std::fill_n(exponents, kChunkGroups, 0);
    if (list_.format != WeightFormat::kE4M3) return true;
    if (in_.rows <= kRowsToFold) return false;
    const float* scales = bf16::shared_scales(list_, row, kStripeRows);
    if (scales == nullptr) return false;
    for (std::int64_t g = 0; g * kScaleGroup < cols; ++g) {
      const float scale = scales[col / kScaleGroup + g];
      if (!bf16::foldable(scale)) return false;
      exponents[g] = std::ilogb(scale);
    }
    return true;
  }

  void widen(std::int64_t row, std::int64_t col, std::int64_t cols, const int* exponents) {
    const std::int64_t size = list_.format == WeightFormat::kE4M3 ? 1 : 2;
    const std::byte* rows[kStripeRows];
    for (std::int64_t i = 0; i < kStripeRows; ++i) {
      const std::byte* at = row + i < kProductOutputs ? list_.rows[row + i] : nullptr;
      rows[i] = at == nullptr ? nullptr : at + col * size;
    }
    const std::byte* next = list_.rows[row] + kStripeRows * size * (in_.k + col);
    widen_stripe_avx512({rows, halves(row), cols, next, list_.format, exponents}, weights_);
  }

  void collect_scales(std::int64_t row, std::int64_t col, std::int64_t cols) {
    for (std::int64_t g = 0; g * kScaleGroup < cols; ++g) {
      for (std::int64_t i = 0; i < kStripeRows; ++i) {
        const float* scales = row + i < kProductOutputs ? list_.scales[row + i] : nullptr;
        w_scales_[g * kStripeRows + i] = scales == nullptr ? 1.0f : scales[col / kScaleGroup + g];
      }
    }
  }

  const ProductInput& in_;
  const bf16::RowList& list_;
  std::int64_t count_, pairs_;
  float* sums_;
  std::uint16_t* weights_;
  float *spare_, *w_scales_;
};

void multiply(const ProductInput& in, std::int64_t first, std::int64_t count, float* c, std::int64_t ldc) {
  if (!packs(*in.weight, in.rows)) {
    if (in.rows <= kFewRows) return bf16::multiply_few(in, first, count, c, ldc);
    return bf16::multiply_cut(in, first, count, c, ldc);
  }
  const bf16::RowList list = bf16::list_rows(*in.weight, first, count);
  Call(in, list, count).run(c, ldc);
}

}  // namespace

const Product kAmxProduct{.row_bytes = &bf16::row_bytes,
                          .prepare = &bf16::prepare,
                          .scratch_bytes = &scratch_bytes,
                          .multiply = &multiply,
                          .rows_at_once = kMaxRows,
                          .packs = &packs,
                          .pack = &pack,
                          .rows = &kRowsAvx512};

}  // namespace tamis::cpu
#endif
