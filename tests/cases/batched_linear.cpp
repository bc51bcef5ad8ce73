// Cases of batched_linear: both weight orders, one and many heads, odd sizes, strides, every dtype, per-head
// pieces that cut scale blocks (GLM-5 has 448 rows of kv_b per head), each act_quant.
#include "core/ops/batched_linear/batched_linear.h"

#include "tests/cases/rows.h"

namespace tamis::cases {
namespace {

struct Shape {
  std::int64_t tokens, heads, k, n;
};

CaseOperand weight(DType dtype, const Shape& s, bool kn) {
  const std::initializer_list<std::int64_t> dims_kn{s.heads, s.k, s.n}, dims_nk{s.heads, s.n, s.k};
  return {.desc = {dtype, kn ? dims_kn : dims_nk}, .fill = fill_normal(dtype == DType::kE4M3 ? 4.0 : 0.2)};
}

Case with(const Shape& s, DType x, DType w, const BatchedLinearParams& p) {
  std::string name =
      fmt::format("t{}_h{}_k{}_n{}_{}_{}_{}_{}_q{}", s.tokens, s.heads, s.k, s.n, dtype_name(x),
                  dtype_name(w), dtype_name(p.out), p.w_is_kn ? "kn" : "nk", static_cast<int>(p.act_quant));
  Case c = make_case(
      std::move(name), p,
      {strided_operand(x, {s.tokens, s.heads, s.k}, fill_normal()), weight(w, s, p.w_is_kn), output()});
  if (p.out != DType::kF32) c.compare = compare_one_rounding;
  return c;
}

// One piece per head, as slices of kv_b are. Each begins at row 96, column 72 of its tensor, so that its rows
// and its columns both cross into the next scale block.
Case per_head_pieces(bool kn) {
  const Shape s = kn ? Shape{5, 7, 48, 130} : Shape{5, 7, 130, 48};
  Case c = with(s, DType::kBF16, DType::kE4M3, {kn, ActQuant::kNone, DType::kBF16});
  c.name = kn ? "piece_per_head_kn" : "piece_per_head_nk";
  c.operands[1].piece_rows.assign(7, 48);
  c.operands[1].first_row = 96;
  c.operands[1].first_col = 72;
  return c;
}

// Tiles of 64 tokens and 128 outputs, stages of 64 of K: one, several, and ends within one, of every 16-bit
// type and both layouts of the output. Scale blocks that change at multiples of 16 of K, and between them.
void add_tensor_core_cases(CaseList& list) {
  for (bool kn : {false, true}) {
    for (DType x : {DType::kBF16, DType::kF16}) {
      for (DType w : {x, DType::kE4M3}) {
        for (const Shape& s : {Shape{130, 3, 192, 256}, Shape{65, 2, 328, 152}, Shape{64, 1, 64, 128},
                               Shape{9, 5, 33, 130}, Shape{17, 300, 16, 8}}) {
          list.push_back(with(s, x, w, {kn, ActQuant::kNone, x}));
        }
        list.push_back(with({70, 2, 136, 136}, x, w, {kn, ActQuant::kNone, DType::kF32}));
      }
    }
    // More heads than a launch takes, more tiles than blocks run at once.
    for (DType w : {DType::kBF16, DType::kE4M3})
      list.push_back(with({9, 260, 128, 256}, DType::kBF16, w, {kn, ActQuant::kNone, DType::kBF16}));
    for (std::int64_t first : {48, 101}) {
      const Shape s = kn ? Shape{70, 4, 192, 256} : Shape{70, 4, 256, 192};
      Case c = with(s, DType::kBF16, DType::kE4M3, {kn, ActQuant::kNone, DType::kBF16});
      c.name += fmt::format("_from{}", first);
      c.operands[1].piece_rows.assign(4, 192);
      c.operands[1].first_row = first;
      list.push_back(std::move(c));
    }
    // A piece per head, in 16 bits.
    Case pieces = with({70, 7, 72, 72}, DType::kF16, DType::kF16, {kn, ActQuant::kNone, DType::kF16});
    pieces.name = kn ? "f16_piece_per_head_kn" : "f16_piece_per_head_nk";
    pieces.operands[1].piece_rows.assign(7, 72);
    list.push_back(std::move(pieces));
  }
}

// More pieces than a kernel argument lists, which end within heads.
Case many_pieces(bool kn) {
  const Shape s = kn ? Shape{3, 14, 48, 10} : Shape{3, 14, 10, 48};
  Case c = with(s, DType::kF32, DType::kE4M3, {kn, ActQuant::kNone, DType::kF32});
  c.name = kn ? "many_pieces_kn" : "many_pieces_nk";
  c.operands[1].piece_rows.assign(32, 21);
  c.operands[1].first_row = 120;
  return c;
}

}  // namespace

CaseList cases_batched_linear() {
  CaseList list;
  for (bool kn : {false, true}) {
    for (DType w : {DType::kF32, DType::kBF16, DType::kF16, DType::kE4M3}) {
      for (const Shape& s :
           {Shape{1, 1, 1, 1}, Shape{3, 5, 33, 17}, Shape{4, 2, 64, 130}, Shape{131, 3, 40, 70}}) {
        list.push_back(with(s, DType::kF32, w, {kn, ActQuant::kNone, DType::kF32}));
      }
      list.push_back(with({5, 3, 72, 31}, DType::kBF16, w, {kn, ActQuant::kNone, DType::kBF16}));
      list.push_back(with({2, 3, 72, 65}, DType::kF16, w, {kn, ActQuant::kNone, DType::kF16}));
    }
    for (ActQuant quant : {ActQuant::kE4M3Group128F32, ActQuant::kE4M3Group128Pow2}) {
      list.push_back(with({6, 3, 200, 37}, DType::kBF16, DType::kE4M3, {kn, quant, DType::kBF16}));
      list.push_back(with({1, 2, 129, 64}, DType::kF32, DType::kE4M3, {kn, quant, DType::kF32}));
    }
    list.push_back(with({1, 16, 128, 64}, DType::kBF16, DType::kE4M3, {kn, ActQuant::kNone, DType::kF32}));
    list.push_back(per_head_pieces(kn));
    list.push_back(many_pieces(kn));
    // Sums of multiples of 1/64 are exact in fp32: equality, in any order of summation.
    const Shape s{9, 3, 88, 29};
    Case exact = with(s, DType::kF32, DType::kF32, {kn, ActQuant::kNone, DType::kF32});
    exact.name = kn ? "exact_sums_kn" : "exact_sums_nk";
    exact.operands[0].fill = poison_gaps(fill_exact());
    exact.operands[1].fill = fill_exact();
    exact.compare = compare_exact;
    list.push_back(std::move(exact));
  }
  // Rows for few tokens: several passes over K and N, and ends within one.
  for (std::int64_t tokens : {1, 2, 3, 7}) {
    list.push_back(
        with({tokens, 3, 176, 528}, DType::kBF16, DType::kE4M3, {.w_is_kn = true, .out = DType::kBF16}));
    list.push_back(with({tokens, 3, 528, 72}, DType::kF16, DType::kE4M3, {.out = DType::kF16}));
  }
  add_tensor_core_cases(list);
  for (DType w : {DType::kE4M3, DType::kBF16}) {
    const auto query = [=](std::int64_t tokens) {
      return with({tokens, 128, 128, 512}, DType::kBF16, w, {.w_is_kn = true, .out = DType::kBF16});
    };
    const auto value = [=](std::int64_t tokens) {
      return with({tokens, 128, 512, 128}, DType::kBF16, w, {.out = DType::kBF16});
    };
    add_timed(list, query, {1, 128, 1024});
    add_timed(list, value, {1, 128, 1024});
    add_timed_large(list, query, {4096});
    add_timed_large(list, value, {4096});
  }
  return list;
}

}  // namespace tamis::cases
