// Cases of moe_experts: one and many tokens, odd sizes, more pairs than a panel of 512, every dtype and
// rounding point, absent and out-of-range experts with NaN weights, an expert twice in a token, weights cut
// from many stored tensors.
#include "core/ops/moe_experts/moe_experts.h"

#include <cmath>
#include <limits>
#include <numeric>

#include "tests/cases/rows.h"
#include "tests/harness/compare.h"

namespace tamis::cases {
namespace {

using namespace moe_experts_operand;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Shape {
  std::int64_t tokens, topk, hidden, inner, experts;

  std::string name() const {
    return fmt::format("t{}_k{}_h{}_i{}_e{}", tokens, topk, hidden, inner, experts);
  }
};

struct DTypes {
  DType x = DType::kF32;
  DType w = DType::kF32;
  DType shared = DType::kF32;
};

// A value inside the op that lies on a rounding boundary may fall either way: one term of I moves by a step
// (four times that, for several of them), or an expert's output does.
Compare allow_steps(const Shape& s, const DTypes& d, ActQuant quant) {
  if (d.x == DType::kF32 && quant == ActQuant::kNone) return {};
  const double step = d.x == DType::kF32 ? 0.0 : d.x == DType::kBF16 ? 0x1p-7 : 0x1p-10;
  const double inner_step = quant == ActQuant::kNone ? step : 0x1p-3;
  const double allowed = 1e-5 + step + 4 * inner_step / std::sqrt(static_cast<double>(s.inner));
  return [allowed](const OpCall&, const std::vector<OperandResult>& results) {
    OpDef loose = op::moe_experts;
    loose.tolerance.f32 = allowed;
    double worst = 0;
    return harness::compare_operand(loose, kOut, results[kOut], &worst);
  };
}

Case experts_case(std::string name, const Shape& s, const DTypes& d, const MoeExpertsParams& params) {
  const double spread = d.w == DType::kE4M3 ? 2.0 : 0.3;
  Case test_case =
      make_case(std::move(name), params,
                {{.desc = {d.x, {s.tokens, s.hidden}}, .fill = fill_normal()},
                 {.desc = {DType::kI32, {s.tokens, s.topk}}, .fill = fill_ints(0, s.experts)},
                 {.desc = {DType::kF32, {s.tokens, s.topk}}, .fill = fill_uniform(0.1, 1)},
                 {.desc = {d.w, {s.experts, 2 * s.inner, s.hidden}}, .fill = fill_normal(spread)},
                 {.desc = {d.w, {s.experts, s.hidden, s.inner}}, .fill = fill_normal(spread)},
                 {.desc = {d.shared, {s.tokens, s.hidden}}, .fill = fill_normal()},
                 output()});
  test_case.compare = allow_steps(s, d, params.act_quant);
  return test_case;
}

void add_shapes(CaseList& list) {
  for (const Shape& s :
       {Shape{1, 1, 8, 8, 1}, Shape{1, 8, 72, 40, 16}, Shape{3, 2, 33, 17, 4}, Shape{20, 3, 65, 70, 5},
        Shape{8, 2, 1030, 9, 3}, Shape{9, 4, 16, 1025, 2}, Shape{2, 8, 24, 16, 256}}) {
    list.push_back(experts_case(s.name(), s, {}, {}));
    list.push_back(experts_case(s.name() + "_fp8", s, {DType::kF32, DType::kE4M3}, {}));
  }
  list.push_back(experts_case("many_panels", {700, 3, 12, 6, 7}, {}, {}));
  Case one_expert = experts_case("one_expert_over_panels", {1100, 1, 9, 5, 3}, {}, {});
  one_expert.operands[kIds].fill = fill_constant(1);
  list.push_back(std::move(one_expert));
}

void add_dtypes(CaseList& list) {
  const Shape s{11, 3, 136, 72, 4};
  for (DType x : {DType::kF32, DType::kBF16, DType::kF16}) {
    for (DType w : {DType::kF32, DType::kBF16, DType::kF16, DType::kE4M3}) {
      const std::string name = fmt::format("{}_{}", dtype_name(x), dtype_name(w));
      list.push_back(experts_case(name, s, {x, w, x}, {ActQuant::kNone, x}));
    }
  }
  list.push_back(experts_case("bf16_to_f32", s, {DType::kBF16, DType::kBF16, DType::kF32}, {}));
  list.push_back(experts_case("f32_to_f16", s, {DType::kF32, DType::kE4M3, DType::kBF16},
                              {ActQuant::kNone, DType::kF16}));
  for (ActQuant quant : {ActQuant::kE4M3Group128F32, ActQuant::kE4M3Group128Pow2}) {
    const Shape wide{5, 2, 264, 200, 3};
    const std::string name = fmt::format("act_quant{}", static_cast<int>(quant));
    list.push_back(experts_case(name, wide, {DType::kF32, DType::kE4M3}, {quant, DType::kF32}));
    list.push_back(experts_case(name + "_bf16", wide, {DType::kBF16, DType::kE4M3, DType::kBF16},
                                {quant, DType::kBF16}));
  }
}

// Normal values; rows `row` of every `period` are NaN.
Fill fill_nan_rows(std::int64_t period, std::int64_t row) {
  return [=](HostView& view, Rng& rng) {
    for (std::int64_t i = 0; i < view.size(); ++i)
      view.set(i, i / view.desc().dim(1) % period == row ? kNan : rng.normal());
  };
}

void add_ids(CaseList& list) {
  const Shape s{13, 4, 40, 24, 6};
  Case holes = experts_case("absent_experts_have_nan_weights", s, {}, {});
  holes.operands[kIds].fill = fill_values({5, -1, 0, 6, 3, 2147483647.0, 2, -2147483648.0});
  holes.operands[kWeights].fill = fill_values({0.5, kNan, -0.25, kNan});
  list.push_back(holes);
  holes.name += "_no_shared";
  holes.operands[kShared] = absent();
  list.push_back(std::move(holes));
  Case none = experts_case("no_experts", s, {}, {});
  none.operands[kIds].fill = fill_constant(-1);
  list.push_back(none);
  none.name += "_no_shared";
  none.operands[kShared] = absent();
  list.push_back(std::move(none));
  Case twice = experts_case("same_expert_twice", s, {}, {});
  twice.operands[kIds].fill = fill_values({4, 4, 1, 1, 2, 4, 4, 4});
  list.push_back(std::move(twice));
  // Padding rows of x may hold anything, their ids are -1.
  Case padding = experts_case("padding_rows_of_nan", s, {}, {});
  padding.operands[kX].fill = fill_nan_rows(2, 1);
  padding.operands[kIds].fill = fill_values({0, 2, 3, 5, -1, -1, -1, -1});
  list.push_back(std::move(padding));
}

void add_layouts(CaseList& list) {
  const Shape s{10, 2, 150, 45, 3};
  Case pieces = experts_case("pieces_cut_blocks", s, {DType::kF32, DType::kE4M3}, {});
  pieces.operands[kX].desc = strided(DType::kF32, {s.tokens, s.hidden}, 160);
  pieces.operands[kIds].desc = strided(DType::kI32, {s.tokens, s.topk}, 5);
  pieces.operands[kWeights].desc = strided(DType::kF32, {s.tokens, s.topk}, 3);
  pieces.operands[kShared].desc = strided(DType::kF32, {s.tokens, s.hidden}, 151);
  pieces.operands[kW13].piece_rows = {45, 45, 45, 45, 10, 80};
  pieces.operands[kW13].first_row = 100;
  pieces.operands[kW13].first_col = 60;
  pieces.operands[kW2].piece_rows = {150, 37, 263};
  pieces.operands[kW2].first_row = 30;
  pieces.operands[kW2].first_col = 90;
  list.push_back(std::move(pieces));
}

// Sizes that rows on matrix units take, tiles and scale blocks whole: one row and many an expert, absent
// experts, all tokens at one expert, 128 rows in a tile, gate and up from stored tensors of their own.
void add_tiles(CaseList& list) {
  const DTypes bf16{DType::kBF16, DType::kE4M3, DType::kBF16}, f16{DType::kF16, DType::kE4M3, DType::kF16};
  for (ActQuant quant : {ActQuant::kE4M3Group128F32, ActQuant::kE4M3Group128Pow2}) {
    for (const Shape& s : {Shape{1, 2, 256, 128, 4}, Shape{9, 3, 384, 256, 5}, Shape{70, 2, 128, 128, 3},
                           Shape{120, 3, 192, 128, 2}}) {
      const std::string name = fmt::format("tiles_{}_q{}", s.name(), static_cast<int>(quant));
      list.push_back(experts_case(name, s, bf16, {quant, DType::kBF16}));
      list.back().operands[kIds].fill = fill_ints(-1, s.experts + 1);
      list.push_back(experts_case(name + "_f16", s, f16, {quant, DType::kF16}));
      list.back().operands[kIds].fill = fill_ints(-1, s.experts + 1);
    }
  }
  const Shape s{40, 2, 256, 128, 3};
  Case one = experts_case("tiles_one_expert", s, bf16, {ActQuant::kE4M3Group128Pow2, DType::kF32});
  one.operands[kIds].fill = fill_constant(1);
  list.push_back(one);
  one.name = "tiles_no_expert_no_shared";
  one.operands[kIds].fill = fill_constant(-1);
  one.operands[kShared] = absent();
  list.push_back(std::move(one));
  Case odd_ids = experts_case("tiles_ids_out_of_range_twice_and_nan", s, bf16,
                              {ActQuant::kE4M3Group128Pow2, DType::kBF16});
  odd_ids.operands[kIds].fill = fill_values({2, 2, 2147483647.0, 0, 1, -2147483648.0, -1, -1});
  odd_ids.operands[kWeights].fill = fill_values({0.5, 0.25, kNan, -0.75, 1, kNan, kNan, kNan});
  odd_ids.operands[kX].fill = fill_nan_rows(4, 3);  // of the tokens without experts
  list.push_back(std::move(odd_ids));
  Case full =
      experts_case("tiles_full", {125, 2, 320, 128, 3}, bf16, {ActQuant::kE4M3Group128Pow2, DType::kBF16});
  full.operands[kIds].fill = fill_values({1, 2});
  list.push_back(std::move(full));
  Case pieces = experts_case("tiles_pieces", s, bf16, {ActQuant::kE4M3Group128Pow2, DType::kBF16});
  pieces.operands[kX].desc = strided(DType::kBF16, {s.tokens, s.hidden}, 264);
  pieces.operands[kW13].piece_rows = {128, 128, 64, 64, 128, 256};
  pieces.operands[kW13].first_row = 64;
  pieces.operands[kW13].first_col = 128;
  list.push_back(std::move(pieces));
}

// Independent uniform choices of top-k different experts.
Fill fill_routing(std::int64_t topk, std::int64_t experts) {
  return [topk, experts](HostView& view, Rng& rng) {
    std::vector<std::int64_t> order(static_cast<std::size_t>(experts));
    std::iota(order.begin(), order.end(), 0);
    for (std::int64_t i = 0; i < view.size(); ++i) {
      const std::int64_t at = i % topk, other = at + rng.below(experts - at);
      std::swap(order[static_cast<std::size_t>(at)], order[static_cast<std::size_t>(other)]);
      view.set(i, static_cast<double>(order[static_cast<std::size_t>(at)]));
    }
  };
}

// The published models' experts: 64 of 256 (2.8 GB) for machines that do not hold all 11 GB, and all.
void add_perf(CaseList& list) {
  const auto v3 = [](std::int64_t experts) {
    return [experts](std::int64_t tokens) {
      Case test_case = experts_case(
          fmt::format("v3_e{}_t{}", experts, tokens), {tokens, 8, 7168, 2048, experts},
          {DType::kBF16, DType::kE4M3, DType::kBF16}, {ActQuant::kE4M3Group128Pow2, DType::kBF16});
      test_case.operands[kIds].fill = fill_routing(8, experts);
      return test_case;
    };
  };
  add_timed(list, v3(64), {1, 32, 512});
  add_timed_large(list, v3(256), {1, 8, 32, 128, 1024, 8192});
}

}  // namespace

CaseList cases_moe_experts() {
  CaseList list;
  add_shapes(list);
  add_dtypes(list);
  add_ids(list);
  add_layouts(list);
  add_tiles(list);
  add_perf(list);
  return list;
}

}  // namespace tamis::cases
