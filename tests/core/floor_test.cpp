// Floors: which ceiling bounds an op, by the number format of its products, and what is said without one.
#include "core/exec/floor.h"

#include <gtest/gtest.h>

#include "core/graph/graph.h"
#include "core/ops/linear/linear.h"

namespace tamis {
namespace {

const Ceilings kAll{.memory_gbs = 1000, .f32_tflops = 1, .bf16_tflops = 10, .fp8_tflops = 20, .source = ""};

// y = x [tokens, 1024] times w [1024, 1024].
Floor linear_floor(std::int64_t tokens, DType x, DType w, ActQuant quant, const Ceilings& ceilings) {
  const LinearParams params{quant, x};
  std::vector<Tensor> operands(3);
  operands[0].desc = {x, {tokens, 1024}};
  operands[1].desc = {w, {1024, 1024}};
  operands[2].desc = {x, {tokens, 1024}};
  return find_floor({&op::linear, &params, operands}, ceilings);
}

TEST(Floor, MemoryBoundsFewTokensAndTheRightUnitsMany) {
  const Floor few = linear_floor(1, DType::kBF16, DType::kBF16, ActQuant::kNone, kAll);
  EXPECT_STREQ(few.bound, "memory");
  EXPECT_DOUBLE_EQ(few.seconds, (1024.0 * 1024 + 2 * 1024) * 2 / 1e12);
  const double flops = 2.0 * 4096 * 1024 * 1024;
  const auto many = [](DType x, DType w, ActQuant quant, const Ceilings& ceilings = kAll) {
    return linear_floor(4096, x, w, quant, ceilings);
  };
  const Floor bf16 = many(DType::kBF16, DType::kBF16, ActQuant::kNone);
  EXPECT_STREQ(bf16.bound, "bf16");
  EXPECT_DOUBLE_EQ(bf16.seconds, flops / 10e12);
  EXPECT_STREQ(many(DType::kF32, DType::kBF16, ActQuant::kNone).bound, "f32");
  // FP8 units multiply only where both sides are e4m3: not under weight-only FP8.
  EXPECT_STREQ(many(DType::kBF16, DType::kE4M3, ActQuant::kE4M3Group128F32).bound, "fp8");
  EXPECT_STREQ(many(DType::kBF16, DType::kE4M3, ActQuant::kNone).bound, "bf16");
  Ceilings no_fp8 = kAll;
  no_fp8.fp8_tflops = 0;
  EXPECT_STREQ(many(DType::kBF16, DType::kE4M3, ActQuant::kE4M3Group128F32, no_fp8).bound, "bf16");
}

TEST(Floor, WithoutACeilingItSaysSo) {
  EXPECT_STREQ(linear_floor(1, DType::kF32, DType::kF32, ActQuant::kNone, {}).bound, "no ceiling known");
  EXPECT_EQ(linear_floor(1, DType::kF32, DType::kF32, ActQuant::kNone, {}).seconds, 0);
  const Floor memory = linear_floor(4096, DType::kF32, DType::kF32, ActQuant::kNone, {.memory_gbs = 1});
  EXPECT_STREQ(memory.bound, "memory");
}

}  // namespace
}  // namespace tamis
