// Cases of linear: token counts around row thresholds, odd N and K, strided rows, every weight dtype, pieces
// that cut scale blocks, each act_quant.
#include "core/ops/linear/linear.h"

#include <limits>

#include "tests/cases/rows.h"

namespace tamis::cases {
namespace {

struct Shape {
  std::int64_t tokens, n, k;
};

CaseOperand weight(DType dtype, const Shape& s, std::int64_t first_row = 0, std::int64_t first_col = 0) {
  CaseOperand w{.desc = {dtype, {s.n, s.k}}, .fill = fill_normal(dtype == DType::kE4M3 ? 4.0 : 0.2)};
  w.first_row = first_row;
  w.first_col = first_col;
  return w;
}

Case simple(const Shape& s, DType x, DType w, const LinearParams& params) {
  std::string name = fmt::format("t{}_n{}_k{}_{}_{}_{}_q{}", s.tokens, s.n, s.k, dtype_name(x), dtype_name(w),
                                 dtype_name(params.out), static_cast<int>(params.act_quant));
  return make_case(std::move(name), params,
                   {{.desc = {x, {s.tokens, s.k}}, .fill = fill_normal()}, weight(w, s), output()});
}

// Sizes that rows on matrix units take.
void add_tiles(CaseList& list) {
  for (const Shape& s : {Shape{1, 192, 384}, Shape{9, 704, 256}, Shape{33, 320, 640}, Shape{130, 256, 128}}) {
    for (DType x : {DType::kBF16, DType::kF16}) {
      list.push_back(simple(s, x, x, {ActQuant::kNone, x}));
      list.push_back(simple(s, x, x, {ActQuant::kNone, DType::kF32}));
      list.push_back(simple(s, x, DType::kE4M3, {ActQuant::kNone, x}));
      list.push_back(simple(s, x, DType::kE4M3, {ActQuant::kE4M3Group128Pow2, x}));
    }
    list.push_back(simple(s, DType::kBF16, DType::kE4M3, {ActQuant::kE4M3Group128F32, DType::kF32}));
  }
}

// As many tokens and weight rows as large GPUs take in blocks of 128 rows by 64 and by 128 tokens.
void add_many_tokens(CaseList& list) {
  for (const Shape& s : {Shape{130, 4232, 128}, Shape{250, 4232, 136}})
    list.push_back(simple(s, DType::kBF16, DType::kE4M3, {ActQuant::kE4M3Group128Pow2, DType::kBF16}));
}

// Long rows that a CPU's matrix units take in several parts, of fewer columns each the more tokens there are.
void add_long_rows(CaseList& list) {
  for (const Shape& s :
       {Shape{5, 96, 2112}, Shape{40, 104, 4160}, Shape{140, 80, 2112}, Shape{270, 72, 576}}) {
    list.push_back(simple(s, DType::kBF16, DType::kBF16, {ActQuant::kNone, DType::kBF16}));
    list.push_back(simple(s, DType::kBF16, DType::kE4M3, {ActQuant::kNone, DType::kBF16}));
    list.push_back(simple(s, DType::kBF16, DType::kE4M3, {ActQuant::kE4M3Group128F32, DType::kBF16}));
  }
}

// Whole scale blocks of K in fours, as checkpoints of DeepSeek-V3 have them: tokens in fours, few of them
// times a long K, and two pieces that begin with a block.
void add_whole_blocks(CaseList& list) {
  for (const Shape& s : {Shape{4, 144, 512}, Shape{16, 192, 4096}, Shape{132, 320, 1024}}) {
    for (ActQuant quant : {ActQuant::kE4M3Group128F32, ActQuant::kE4M3Group128Pow2})
      list.push_back(simple(s, DType::kBF16, DType::kE4M3, {quant, DType::kBF16}));
  }
  Case c = simple({8, 384, 512}, DType::kBF16, DType::kE4M3, {ActQuant::kE4M3Group128F32, DType::kBF16});
  c.name = "whole_blocks_in_pieces";
  c.operands[1].piece_rows = {256, 128};
  list.push_back(std::move(c));
}

// Few tokens times e4m3 tiles on both sides of the cliffs of rows made for them: ends within a tile and a
// group of 128 columns, K long enough to be split, more tiles than an H100 has blocks for, of either width.
void add_few_tokens(CaseList& list) {
  for (const Shape& s : {Shape{1, 1352, 2048}, Shape{2, 1344, 2104}, Shape{3, 1344, 2104},
                         Shape{16, 1352, 2048}, Shape{2, 17032, 384}, Shape{5, 17032, 384}}) {
    for (ActQuant quant : {ActQuant::kE4M3Group128F32, ActQuant::kE4M3Group128Pow2})
      list.push_back(simple(s, DType::kBF16, DType::kE4M3, {quant, DType::kBF16}));
    list.push_back(simple(s, DType::kF16, DType::kE4M3, {ActQuant::kE4M3Group128Pow2, DType::kF16}));
  }
  list.push_back(
      simple({17, 17032, 256}, DType::kBF16, DType::kE4M3, {ActQuant::kE4M3Group128Pow2, DType::kBF16}));
}

// bf16 times e4m3 pieces that begin inside scale blocks, whose rows lie apart and end within any tile; few
// tokens and many.
void add_cut_pieces(CaseList& list) {
  for (std::int64_t tokens : {2, 9, 40}) {
    for (std::int64_t first_col : {0, 60}) {
      for (ActQuant quant : {ActQuant::kNone, ActQuant::kE4M3Group128F32, ActQuant::kE4M3Group128Pow2}) {
        const Shape s{tokens, 150, 700};
        Case c = simple(s, DType::kBF16, DType::kE4M3, {quant, DType::kF32});
        c.name = fmt::format("cut_pieces_t{}_c{}_q{}", tokens, first_col, static_cast<int>(quant));
        c.operands[1] = weight(DType::kE4M3, s, 100, first_col);
        c.operands[1].piece_rows = {1, 62, 27, 60};
        list.push_back(std::move(c));
      }
    }
  }
}

// Every finite e4m3 code as a weight, through rows for few, for many and for hundreds of tokens; and x that
// rounds to -0.
void add_codes(CaseList& list) {
  for (std::int64_t tokens : {3, 20, 260}) {
    for (ActQuant quant : {ActQuant::kNone, ActQuant::kE4M3Group128Pow2}) {
      Case c = simple({tokens, 256, 256}, DType::kBF16, DType::kE4M3, {quant, DType::kF32});
      c.name = fmt::format("codes_t{}_q{}", tokens, static_cast<int>(quant));
      c.operands[1].fill = fill_e4m3_codes();
      list.push_back(std::move(c));
    }
  }
  for (ActQuant quant : {ActQuant::kE4M3Group128F32, ActQuant::kE4M3Group128Pow2}) {
    Case c = simple({20, 64, 256}, DType::kBF16, DType::kE4M3, {quant, DType::kF32});
    c.name = fmt::format("negative_zeros_of_x_q{}", static_cast<int>(quant));
    c.operands[0].fill = plant(fill_normal(), {{0, -0.0}, {255, -1e-7}, {256, -1e-30}, {4990, -0.0}});
    list.push_back(std::move(c));
  }
}

// DeepSeek-V3.2's largest projections, as its checkpoint stores them; and square products, as large as the
// device's matrix units like them.
void add_perf(CaseList& list) {
  const auto projection = [](const char* name, const Shape& s, ActQuant quant) {
    return [=](std::int64_t tokens) {
      Case c = simple({tokens, s.n, s.k}, DType::kBF16, DType::kE4M3, {quant, DType::kBF16});
      c.name = fmt::format("{}_t{}", name, tokens);
      return c;
    };
  };
  add_timed(list, projection("o_proj", {0, 7168, 16384}, ActQuant::kNone), {1, 128, 1024});
  add_timed(list, projection("q_b", {0, 24576, 1536}, ActQuant::kNone), {1, 128, 1024});
  add_timed(list, projection("o_proj_fp8", {0, 7168, 16384}, ActQuant::kE4M3Group128Pow2), {1, 128, 1024});
  add_timed(list, projection("in_proj_fp8", {0, 2240, 7168}, ActQuant::kE4M3Group128Pow2), {1, 128, 1024});
  for (std::int64_t side : {512, 1024, 2048, 4096, 8192}) {
    for (DType dtype : {DType::kF32, DType::kBF16, DType::kF16}) {
      Case c = timed(simple({side, side, side}, dtype, dtype, {ActQuant::kNone, dtype}));
      c.name = fmt::format("square_{}_{}", side, dtype_name(dtype));
      c.ceiling = true;
      list.push_back(std::move(c));
    }
  }
}

}  // namespace

CaseList cases_linear() {
  CaseList list;
  const DType weights[] = {DType::kF32, DType::kBF16, DType::kF16, DType::kE4M3};
  for (DType w : weights) {
    for (const Shape& s :
         {Shape{1, 1, 8}, Shape{3, 33, 40}, Shape{4, 64, 128}, Shape{17, 130, 264}, Shape{259, 40, 96}}) {
      list.push_back(simple(s, DType::kF32, w, {ActQuant::kNone, DType::kF32}));
    }
    list.push_back(simple({5, 70, 200}, DType::kBF16, w, {ActQuant::kNone, DType::kBF16}));
    list.push_back(simple({2, 70, 200}, DType::kF16, w, {ActQuant::kNone, DType::kF16}));
  }
  for (ActQuant quant : {ActQuant::kE4M3Group128F32, ActQuant::kE4M3Group128Pow2}) {
    list.push_back(simple({6, 50, 200}, DType::kBF16, DType::kE4M3, {quant, DType::kBF16}));
    list.push_back(simple({1, 50, 384}, DType::kF32, DType::kE4M3, {quant, DType::kF32}));
  }
  const Shape cut{7, 90, 150};
  Case pieces = make_case("pieces_cut_blocks", LinearParams{},
                          {{.desc = strided(DType::kF32, {cut.tokens, cut.k}, 170), .fill = fill_normal()},
                           weight(DType::kE4M3, cut, 100, 60),
                           output()});
  pieces.operands[1].piece_rows = {1, 62, 27};
  list.push_back(std::move(pieces));
  list.push_back(make_case("zero_rows_of_x", LinearParams{ActQuant::kE4M3Group128Pow2, DType::kF32},
                           {{.desc = {DType::kF32, {4, 256}}, .fill = fill_constant(0)},
                            weight(DType::kE4M3, {4, 32, 256}),
                            output()}));
  add_codes(list);
  add_tiles(list);
  add_few_tokens(list);
  add_many_tokens(list);
  add_long_rows(list);
  add_whole_blocks(list);
  add_cut_pieces(list);
  add_perf(list);
  return list;
}

}  // namespace tamis::cases
