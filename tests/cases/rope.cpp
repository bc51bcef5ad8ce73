// Cases of rope: both pairings, partial and whole heads, ranks 2 and 3, strides, and positions up to V3.2's
// last with its YaRN frequencies, where only an fp32 angle with exact range reduction agrees.
#include "core/ops/rope/rope.h"

#include <cmath>

#include "tests/cases/rows.h"

namespace tamis::cases {
namespace {

// 10000^(-i / half), without YaRN.
Fill fill_frequencies() {
  return [](HostView& view, Rng&) {
    for (std::int64_t i = 0; i < view.size(); ++i) {
      view.set(i, std::pow(10000.0, -static_cast<double>(i) / static_cast<double>(view.size())));
    }
  };
}

CaseOperand frequencies(std::int64_t rotary) {
  return {.desc = {DType::kF32, {rotary / 2}}, .fill = fill_frequencies()};
}

const char* pairing_name(RopePairing pairing) {
  return pairing == RopePairing::kInterleaved ? "interleaved" : "half_split";
}

Case with(std::string name, CaseOperand x, std::int64_t rotary, const RopeParams& params) {
  const CaseOperand positions{.desc = {DType::kI32, {x.desc.dim(0)}}, .fill = fill_ints(0, 163840)};
  const DType dtype = x.desc.dtype;
  Case c = make_case(fmt::format("{}_{}", name, pairing_name(params.pairing)), params,
                     {std::move(x), positions, frequencies(rotary), output()});
  if (dtype != DType::kF32) c.compare = compare_one_rounding;
  return c;
}

void add_pairing(RopePairing pairing, CaseList& list) {
  for (DType dtype : kActivations) {
    list.push_back(with(fmt::format("heads_begin_8_{}", dtype_name(dtype)),
                        strided_operand(dtype, {5, 3, 40}, fill_normal()), 16, {pairing, 8}));
    list.push_back(with(fmt::format("rank2_{}", dtype_name(dtype)),
                        strided_operand(dtype, {6, 16}, fill_normal()), 16, {pairing, 0}));
  }
  const auto plain = [](std::initializer_list<std::int64_t> shape) {
    return CaseOperand{.desc = {DType::kF32, shape}, .fill = fill_normal()};
  };
  list.push_back(with("mla_query", plain({3, 4, 64}), 64, {pairing, 0}));
  list.push_back(with("index_query_first_64_of_128", plain({3, 4, 128}), 64, {pairing, 0}));
  list.push_back(with("last_dims", plain({2, 3, 192}), 64, {pairing, 128}));
  list.push_back(with("one_pair", plain({4, 1, 2}), 2, {pairing, 0}));
  list.push_back(with("odd_begin_and_rest", plain({4, 3, 17}), 6, {pairing, 5}));
  list.push_back(with("odd_number_of_pairs", plain({4, 2, 12}), 10, {pairing, 1}));
  list.push_back(with("many_tokens", plain({513, 2, 24}), 16, {pairing, 4}));
  list.push_back(with("magnitude", plain({4, 3, 24}), 16, {pairing, 4, 1.3688879f}));
  Case edges = with("edge_positions", plain({8, 2, 64}), 64, {pairing, 0});
  edges.operands[1].fill = fill_values({0, 1, 4095, 4096, 163839, 1048575, -1, 2147483647.0});
  list.push_back(std::move(edges));
}

}  // namespace

CaseList cases_rope() {
  CaseList list;
  for (RopePairing pairing : {RopePairing::kInterleaved, RopePairing::kHalfSplit}) add_pairing(pairing, list);
  // Dimensions outside [begin, begin + R) are copied, whatever they are.
  Case copied = with(
      "copies_the_rest",
      {.desc = {DType::kF32, {2, 1, 8}}, .fill = fill_values({NAN, INFINITY, 1, 2, 3, 4, -0.0, -INFINITY})},
      4, {RopePairing::kInterleaved, 2});
  list.push_back(std::move(copied));
  Case position_zero =
      with("position_0_is_the_identity", {.desc = {DType::kBF16, {3, 2, 20}}, .fill = fill_normal()}, 16,
           {RopePairing::kHalfSplit, 3});
  position_zero.operands[1].fill = fill_constant(0);
  position_zero.compare = compare_exact;
  list.push_back(std::move(position_zero));
  const auto mla_query = [](std::int64_t tokens) {
    return with(fmt::format("mla_query_t{}", tokens),
                {.desc = {DType::kBF16, {tokens, 128, 64}}, .fill = fill_normal()}, 64, {});
  };
  const auto index_query = [](std::int64_t tokens) {
    return with(fmt::format("index_query_t{}", tokens),
                {.desc = {DType::kBF16, {tokens, 64, 128}}, .fill = fill_normal()}, 64,
                {RopePairing::kHalfSplit, 0});
  };
  add_timed(list, mla_query, {1, 4096});
  add_timed(list, index_query, {1, 4096});
  return list;
}

}  // namespace tamis::cases
