// Cases of hadamard: every power of two up to 256, every dtype, ranks 2 and 3, strides, a single outlier,
// exact sums.
#include "core/ops/hadamard/hadamard.h"

#include "tests/cases/rows.h"

namespace tamis::cases {
namespace {

Case with(std::string name, CaseOperand x) {
  const DType dtype = x.desc.dtype;
  Case c = make_case(std::move(name), HadamardParams{}, {std::move(x), output()});
  if (dtype != DType::kF32) c.compare = compare_one_rounding;
  return c;
}

}  // namespace

CaseList cases_hadamard() {
  CaseList list;
  for (DType dtype : kActivations) {
    list.push_back(with(fmt::format("heads_strided_{}", dtype_name(dtype)),
                        strided_operand(dtype, {3, 5, 128}, fill_normal())));
    list.push_back(
        with(fmt::format("rank2_{}", dtype_name(dtype)), {.desc = {dtype, {7, 32}}, .fill = fill_normal()}));
  }
  for (std::int64_t d : {1, 2, 4, 8, 16, 32, 64, 128, 256}) {
    list.push_back(
        with(fmt::format("width_{}", d), {.desc = {DType::kF32, {3, 2, d}}, .fill = fill_normal()}));
  }
  list.push_back(with("wider_than_local_memory", {.desc = {DType::kF32, {2, 16384}}, .fill = fill_normal()}));
  list.push_back(with("one_token", {.desc = {DType::kBF16, {1, 128}}, .fill = fill_normal()}));
  list.push_back(with("many_tokens", strided_operand(DType::kF32, {300, 4, 16}, fill_normal())));
  list.push_back(with("outlier", {.desc = {DType::kF32, {2, 128}},
                                  .fill = plant(fill_normal(), {{77, 1000.0}, {128, -1000.0}})}));
  // Small integers and a power-of-two root: every stage is exact, so every row must give these bits.
  Case exact = with("exact_sums", {.desc = {DType::kF32, {5, 64}}, .fill = fill_exact()});
  exact.compare = compare_exact;
  list.push_back(std::move(exact));
  const auto index_query = [](std::int64_t tokens) {
    return with(fmt::format("index_query_t{}", tokens),
                {.desc = {DType::kBF16, {tokens, 64, 128}}, .fill = fill_normal()});
  };
  add_timed(list, index_query, {1, 4096});
  return list;
}

}  // namespace tamis::cases
