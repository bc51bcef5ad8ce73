// Cases of moe_grouped_gemm: experts without rows, one with more than a panel of 512, rows past the last
// expert, K around the tile width, odd N, every dtype, act_quant, experts cut from several stored tensors,
// untrusted offsets.
#include "core/ops/moe_grouped_gemm/moe_grouped_gemm.h"

#include <limits>

#include "tests/cases/rows.h"

namespace tamis::cases {
namespace {

using namespace moe_grouped_gemm_operand;

struct Shape {
  std::int64_t rows, n, k;
  std::vector<double> offsets;

  std::int64_t experts() const { return static_cast<std::int64_t>(offsets.size()) - 1; }
};

// Rows that belong to no expert hold NaN: they must not be read into anything.
Fill fill_rows(double used) {
  return [used](HostView& view, Rng& rng) {
    const std::int64_t k = view.desc().dim(1);
    for (std::int64_t i = 0; i < view.size(); ++i) {
      view.set(i,
               static_cast<double>(i / k) < used ? rng.normal() : std::numeric_limits<double>::quiet_NaN());
    }
  };
}

Case gemm_case(std::string name, const Shape& s, DType x, DType w, const MoeGroupedGemmParams& params) {
  return make_case(
      std::move(name), params,
      {{.desc = {x, {s.rows, s.k}}, .fill = fill_rows(s.offsets.back())},
       {.desc = {DType::kI32, {s.experts() + 1}}, .fill = fill_values(s.offsets)},
       {.desc = {w, {s.experts(), s.n, s.k}}, .fill = fill_normal(w == DType::kE4M3 ? 4.0 : 0.2)},
       output()});
}

void add_shapes(CaseList& list) {
  const std::vector<Shape> shapes = {{1, 1, 8, {0, 1}},
                                     {1, 130, 72, {0, 0, 0, 1, 1}},
                                     {3, 33, 40, {0, 1, 2, 3}},
                                     {12, 65, 129, {0, 7, 7, 8, 10}},
                                     {40, 64, 136, {0, 0, 9, 25, 40}}};
  for (DType w : {DType::kF32, DType::kBF16, DType::kF16, DType::kE4M3}) {
    for (const Shape& s : shapes) {
      list.push_back(
          gemm_case(fmt::format("m{}_n{}_k{}_e{}_{}", s.rows, s.n, s.k, s.experts(), dtype_name(w)), s,
                    DType::kF32, w, {}));
    }
    const std::string suffix = dtype_name(w);
    list.push_back(gemm_case("bf16_" + suffix, shapes[3], DType::kBF16, w, {ActQuant::kNone, DType::kBF16}));
    list.push_back(gemm_case("f16_" + suffix, shapes[3], DType::kF16, w, {ActQuant::kNone, DType::kF16}));
  }
  for (std::int64_t k : {1023, 1024, 1025, 2048}) {
    const Shape s{9, 17, k, {0, 8, 9}};
    list.push_back(gemm_case(fmt::format("tile_k{}", k), s, DType::kF32, DType::kE4M3, {}));
  }
}

// Panels hold 512 rows: whole experts, or a cut of one.
void add_panels(CaseList& list) {
  const std::vector<std::vector<double>> offsets = {
      {0, 511, 512, 513}, {0, 513, 514}, {0, 3, 1300, 1301}, {0, 512, 1024, 1030}};
  for (const auto& o : offsets) {
    const Shape s{static_cast<std::int64_t>(o.back()) + 5, 5, 16, o};
    list.push_back(gemm_case(fmt::format("panel_{}_{}", o[1], o.back()), s, DType::kF32, DType::kF32, {}));
  }
}

void add_edges(CaseList& list) {
  for (ActQuant quant : {ActQuant::kE4M3Group128F32, ActQuant::kE4M3Group128Pow2}) {
    const std::string name = fmt::format("act_quant{}", static_cast<int>(quant));
    list.push_back(
        gemm_case(name, {10, 50, 200, {0, 1, 9}}, DType::kBF16, DType::kE4M3, {quant, DType::kBF16}));
    list.push_back(
        gemm_case(name + "_f32", {2, 50, 384, {0, 1, 2}}, DType::kF32, DType::kE4M3, {quant, DType::kF32}));
  }
  Case none = gemm_case("no_rows", {6, 20, 24, {0, 0, 0}}, DType::kF32, DType::kF32, {});
  list.push_back(std::move(none));
  Case pieces = gemm_case("pieces_cut_blocks", {14, 90, 150, {0, 9, 14}}, DType::kF32, DType::kE4M3, {});
  pieces.operands[kX].desc = strided(DType::kF32, {14, 150}, 170);
  pieces.operands[kWeight].piece_rows = {45, 45, 17, 73};
  pieces.operands[kWeight].first_row = 100;
  pieces.operands[kWeight].first_col = 60;
  list.push_back(std::move(pieces));
  // Gate and up of every expert in tensors of their own: more pieces than a kernel argument lists.
  Shape wide{43, 12, 16, {}};
  for (int e = 0; e <= 40; ++e) wide.offsets.push_back(e + (e > 7 ? 3 : 0));
  Case many = gemm_case("many_pieces", wide, DType::kF32, DType::kE4M3, {});
  many.operands[kWeight].piece_rows.assign(80, 6);
  many.operands[kWeight].first_row = 125;
  list.push_back(std::move(many));
  // Nothing outside y may be written, and the rows that the clamped offsets name are computed.
  list.push_back(
      gemm_case("offsets_past_the_end", {7, 10, 16, {0, 3, 2147483647.0}}, DType::kF32, DType::kF32, {}));
  list.push_back(gemm_case("offsets_negative", {7, 10, 16, {0, -5, 4}}, DType::kF32, DType::kF32, {}));
}

// Sizes that rows on matrix units take: tiles whole, a last one in part, experts of no, few and many rows.
void add_tiles(CaseList& list) {
  const std::vector<double> offsets = {0, 3, 3, 14, 150};
  struct Types {
    DType x, w;
    ActQuant quant;
  };
  for (const Types& t :
       {Types{DType::kBF16, DType::kE4M3, ActQuant::kE4M3Group128Pow2},
        Types{DType::kF16, DType::kE4M3, ActQuant::kE4M3Group128F32},
        Types{DType::kF32, DType::kE4M3, ActQuant::kE4M3Group128F32},
        Types{DType::kBF16, DType::kE4M3, ActQuant::kNone}, Types{DType::kF16, DType::kE4M3, ActQuant::kNone},
        Types{DType::kBF16, DType::kBF16, ActQuant::kNone},
        Types{DType::kF16, DType::kF16, ActQuant::kNone}}) {
    const std::string name =
        fmt::format("tiles_{}_{}_q{}", dtype_name(t.x), dtype_name(t.w), static_cast<int>(t.quant));
    list.push_back(gemm_case(name, {156, 192, 256, offsets}, t.x, t.w, {t.quant, t.x}));
    list.push_back(gemm_case(name + "_few", {7, 320, 384, {0, 1, 1, 6}}, t.x, t.w, {t.quant, t.x}));
    list.push_back(gemm_case(name + "_to_f32", {7, 64, 128, {0, 1, 1, 6}}, t.x, t.w, {t.quant, DType::kF32}));
  }
  list.push_back(gemm_case("tiles_cut", {20, 1272, 1208, {0, 5, 20}}, DType::kBF16, DType::kBF16,
                           {ActQuant::kNone, DType::kBF16}));
}

// Every finite e4m3 code as a weight, for experts of few and of many rows.
void add_codes(CaseList& list) {
  for (double many : {5.0, 40.0}) {
    for (ActQuant quant : {ActQuant::kNone, ActQuant::kE4M3Group128F32}) {
      const Shape s{static_cast<std::int64_t>(many) + 1, 256, 256, {0, 1, many}};
      Case c = gemm_case(fmt::format("codes_m{}_q{}", s.rows, static_cast<int>(quant)), s, DType::kBF16,
                         DType::kE4M3, {quant, DType::kF32});
      c.operands[kWeight].fill = fill_e4m3_codes();
      list.push_back(std::move(c));
    }
  }
}

// DeepSeek-V3's gate and up projections of `experts` experts with eight rows a token, spread evenly.
void add_perf(CaseList& list) {
  const auto v3 = [](std::int64_t experts) {
    return [experts](std::int64_t tokens) {
      Shape s{tokens * 8, 4096, 7168, {}};
      for (std::int64_t e = 0; e <= experts; ++e)
        s.offsets.push_back(static_cast<double>(e * s.rows / experts));
      return gemm_case(fmt::format("v3_e{}_t{}", experts, tokens), s, DType::kBF16, DType::kE4M3,
                       {ActQuant::kE4M3Group128Pow2, DType::kBF16});
    };
  };
  add_timed(list, v3(64), {1, 32});
  add_timed_large(list, v3(256), {32, 1024});
}

}  // namespace

CaseList cases_moe_grouped_gemm() {
  CaseList list;
  add_shapes(list);
  add_panels(list);
  add_edges(list);
  add_tiles(list);
  add_codes(list);
  add_perf(list);
  return list;
}

}  // namespace tamis::cases
