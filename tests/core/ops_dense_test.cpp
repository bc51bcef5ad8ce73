// Properties of the row-wise ops that comparing single calls with the oracle cannot show: golden values that
// come from neither, laws that tie calls together, and what infer() says about wrong shapes.
#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "core/model/config.h"
#include "core/ops/add_rms_norm/add_rms_norm.h"
#include "core/ops/batched_linear/batched_linear.h"
#include "core/ops/cast/cast.h"
#include "core/ops/concat/concat.h"
#include "core/ops/embed/embed.h"
#include "core/ops/gather_rows/gather_rows.h"
#include "core/ops/hadamard/hadamard.h"
#include "core/ops/layer_norm/layer_norm.h"
#include "core/ops/quantize_group/quantize_group.h"
#include "core/ops/residual_add/residual_add.h"
#include "core/ops/rms_norm/rms_norm.h"
#include "core/ops/rope/rope.h"
#include "core/ops/silu_mul/silu_mul.h"
#include "tests/cases/rows.h"
#include "tests/harness/run_op.h"

namespace tamis {
namespace {

using cases::Case;
using cases::CaseOperand;
using cases::fill_values;
using cases::make_case;
using cases::output;
using harness::Outputs;

using Values = std::vector<double>;

Outputs outputs_of(Result<Outputs> outputs) {
  EXPECT_TRUE(outputs.ok()) << outputs.status().message();
  return outputs.ok() ? *outputs : Outputs(8);
}

CaseOperand tensor(DType dtype, std::initializer_list<std::int64_t> shape, Values values) {
  return {.desc = {dtype, shape}, .fill = fill_values(std::move(values))};
}

Values normal_values(std::size_t n, std::uint64_t seed) {
  cases::Rng rng(seed);
  Values values(n);
  for (double& value : values) value = static_cast<float>(rng.normal());
  return values;
}

double dot(const Values& a, const Values& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

Values yarn_frequencies() {
  const std::vector<float> table = rope_inv_freq(
      {.theta = 10000, .yarn = true, .factor = 40, .mscale_all_dim = 1, .original_max_positions = 4096}, 64);
  return {table.begin(), table.end()};
}

// x [1, D], all of which turns.
Values rotate(const Values& x, double position, RopePairing pairing, const Values& inv_freq) {
  const auto d = static_cast<std::int64_t>(x.size());
  const Case c = make_case("rope", RopeParams{pairing, 0, 1.0f},
                           {tensor(DType::kF32, {1, d}, x), tensor(DType::kI32, {1}, {position}),
                            tensor(DType::kF32, {d / 2}, inv_freq), output()});
  return outputs_of(harness::run_row("cpu.rope.portable", c))[rope_operand::kY];
}

struct Turn {
  double position;
  std::size_t pair;
  double cosine, sine;  // of the fp32 angle, from another language's double-precision library
};

// With V3.2's YaRN table, at its last position and another. Rounding the angle to fp32 moves cos by up to
// 1e-3 here, so an angle computed in double fails this, as do fast range reductions.
TEST(Rope, GoldenTurnsAtLargePositions) {
  const Turn turns[] = {
      {163839, 0, 0.228684648828, -0.973500555414},  {163839, 1, 0.873443699886, 0.486925151465},
      {163839, 5, -0.962366641962, -0.271754386235}, {163839, 10, -0.583712389632, 0.811960495462},
      {163839, 16, -0.866529536953, 0.499125797357}, {163839, 22, -0.651816626060, -0.758376612239},
      {163839, 31, 0.854500931820, 0.519449860448},  {131071, 0, -0.817983499388, -0.575241683755},
      {131071, 1, 0.055715171736, 0.998446703454},   {131071, 5, 0.468035176190, -0.883709835777},
      {131071, 16, -0.104818177030, -0.994491402559}};
  const Values inv_freq = yarn_frequencies();
  Values unit(64);
  for (std::size_t i = 0; i < 64; i += 2) unit[i] = 1;  // (1, 0) in every pair
  for (const Turn& turn : turns) {
    const Values y = rotate(unit, turn.position, RopePairing::kInterleaved, inv_freq);
    EXPECT_NEAR(y[2 * turn.pair], turn.cosine, 1e-7) << turn.position << " pair " << turn.pair;
    EXPECT_NEAR(y[2 * turn.pair + 1], turn.sine, 1e-7) << turn.position << " pair " << turn.pair;
  }
}

// Taking one pairing for the other runs without a sign of trouble and loses long-context recall. The two are
// permutations of each other, and not the same.
TEST(Rope, PairingsArePermutationsOfEachOther) {
  const Values inv_freq = yarn_frequencies(), x = normal_values(64, 3);
  Values split(64);  // x with the pairs (2i, 2i + 1) moved to (i, i + 32)
  for (std::size_t i = 0; i < 32; ++i) split[i] = x[2 * i], split[i + 32] = x[2 * i + 1];
  const Values interleaved = rotate(x, 777, RopePairing::kInterleaved, inv_freq);
  const Values half_split = rotate(split, 777, RopePairing::kHalfSplit, inv_freq);
  for (std::size_t i = 0; i < 32; ++i) {
    EXPECT_EQ(half_split[i], interleaved[2 * i]);
    EXPECT_EQ(half_split[i + 32], interleaved[2 * i + 1]);
  }
  const Values mistaken = rotate(x, 777, RopePairing::kHalfSplit, inv_freq);
  double distance = 0;
  for (std::size_t i = 0; i < 64; ++i) distance = std::max(distance, std::fabs(mistaken[i] - interleaved[i]));
  EXPECT_GT(distance, 0.1);
}

TEST(Rope, ProductsDependOnTheDistanceAlone) {
  const Values inv_freq = yarn_frequencies(), q = normal_values(64, 4), k = normal_values(64, 5);
  for (RopePairing pairing : {RopePairing::kInterleaved, RopePairing::kHalfSplit}) {
    const double near = dot(rotate(q, 9, pairing, inv_freq), rotate(k, 2, pairing, inv_freq));
    const double far = dot(rotate(q, 1009, pairing, inv_freq), rotate(k, 1002, pairing, inv_freq));
    EXPECT_NEAR(near, far, 1e-3);
    EXPECT_NE(near, dot(rotate(q, 9, pairing, inv_freq), rotate(k, 3, pairing, inv_freq)));
  }
}

Values transform(const Values& x, DType dtype = DType::kF32) {
  const Case c = make_case("hadamard", HadamardParams{},
                           {tensor(dtype, {1, static_cast<std::int64_t>(x.size())}, x), output()});
  return outputs_of(harness::run_row("cpu.hadamard.portable", c))[hadamard_operand::kY];
}

TEST(Hadamard, IsItsOwnInverseAndKeepsProducts) {
  for (std::size_t d : {2u, 32u, 128u}) {
    const Values q = normal_values(d, 6), k = normal_values(d, 7);
    const Values back = transform(transform(q));
    for (std::size_t i = 0; i < d; ++i) EXPECT_NEAR(back[i], q[i], 2e-6) << d;
    EXPECT_NEAR(dot(transform(q), transform(k)), dot(q, k), 1e-5 * static_cast<double>(d));
  }
}

TEST(Hadamard, SpreadsAUnitVectorOverItsSigns) {
  Values unit(128);
  unit[5] = 1;  // row 5: sign by the parity of i & 5
  const Values y = transform(unit);
  for (std::size_t i = 0; i < 128; ++i) {
    const bool negative = ((i & 1) ^ ((i >> 2) & 1)) != 0;
    EXPECT_FLOAT_EQ(static_cast<float>(y[i]), negative ? -0.08838835f : 0.08838835f) << i;
  }
}

Outputs quantize(double amax, bool pow2) {
  const Case c =
      make_case("quantize_group", QuantizeGroupParams{4, pow2},
                {tensor(DType::kF32, {1, 4}, {amax / 3, -amax, 0, amax / 1000}), output(), output()});
  return outputs_of(harness::run_row("cpu.quantize_group.portable", c));
}

TEST(QuantizeGroup, GoldenScales) {
  using namespace quantize_group_operand;
  const std::pair<double, double> golden[] = {{0, 0x1p-22}, {1e-6, 0x1p-22}, {1e-4, 0x1p-22}, {0.5, 0x1p-9},
                                              {1, 0x1p-8},  {3, 0x1p-7},     {448, 1},        {448.1, 2},
                                              {896, 2},     {896.1, 4},      {1000, 4}};
  for (const auto& [amax, scale] : golden) {
    EXPECT_EQ(quantize(amax, true)[kScales][0], scale) << amax;
    const float floored = std::max(static_cast<float>(amax), 1e-4f);
    EXPECT_EQ(quantize(amax, false)[kScales][0], static_cast<double>(floored / 448.0f)) << amax;
  }
  // 0.75 / 2^-9 = 384 and the others by hand: 448 codes span the group, nearest even.
  EXPECT_EQ(quantize(0.75, true)[kCodes], (Values{128, -384, 0, 0.375}));
  EXPECT_EQ(quantize(448, false)[kCodes], (Values{144, -448, 0, 0.4375}));
}

// The composite, its decomposition into nodes, and the decomposition computed step by step.
TEST(AddRmsNorm, DecomposesIntoResidualAddAndRmsNorm) {
  using namespace add_rms_norm_operand;
  Graph graph;
  std::vector<ValueId> values{graph.input("x", {DType::kBF16, {5, 32}}),
                              graph.input("delta", {DType::kF32, {5, 32}}),
                              graph.weight("w", {DType::kF32, {32}}), kNewValue, kNewValue};
  const AddRmsNormParams params{3e-5f, DType::kF16};
  ASSERT_NE(op::add_rms_norm.decompose, nullptr);
  const Status status = op::add_rms_norm.decompose({graph, &params, values});
  ASSERT_TRUE(status.ok()) << status.message();
  ASSERT_EQ(graph.nodes().size(), 2u);
  EXPECT_EQ(graph.nodes()[0].op, &op::residual_add);
  EXPECT_EQ(graph.nodes()[1].op, &op::rms_norm);
  EXPECT_EQ(graph.nodes()[1].operands[rms_norm_operand::kX], values[kSum]);
  const auto& norm = *reinterpret_cast<const RmsNormParams*>(graph.nodes()[1].params.get());
  EXPECT_EQ(norm.eps, params.eps);
  EXPECT_EQ(graph.desc(values[kSum]).to_string(), "bf16[5, 32]");
  EXPECT_EQ(graph.desc(values[kY]).to_string(), "f16[5, 32]");
}

TEST(AddRmsNorm, EqualsItsDecompositionBitForBit) {
  const Values x = normal_values(96, 8), delta = normal_values(96, 9), weight = normal_values(32, 10);
  const std::initializer_list<std::int64_t> shape{3, 32};
  const Case fused = make_case("fused", AddRmsNormParams{1e-5f, DType::kF32},
                               {tensor(DType::kBF16, shape, x), tensor(DType::kF32, shape, delta),
                                tensor(DType::kF32, {32}, weight), output(), output()});
  const Case add = make_case("add", ResidualAddParams{},
                             {tensor(DType::kBF16, shape, x), tensor(DType::kF32, shape, delta), output()});
  const auto norm = [&](const Values& sum) {
    return make_case("norm", RmsNormParams{1e-5f, DType::kF32},
                     {tensor(DType::kBF16, shape, sum), tensor(DType::kF32, {32}, weight), output()});
  };
  const Outputs row = outputs_of(harness::run_row("cpu.add_rms_norm.portable", fused));
  const Outputs row_sum = outputs_of(harness::run_row("cpu.residual_add.portable", add));
  EXPECT_EQ(row[add_rms_norm_operand::kSum], row_sum[residual_add_operand::kY]);
  const Outputs row_y =
      outputs_of(harness::run_row("cpu.rms_norm.portable", norm(row_sum[residual_add_operand::kY])));
  EXPECT_EQ(row[add_rms_norm_operand::kY], row_y[rms_norm_operand::kY]);

  const Outputs oracle = outputs_of(harness::run_oracle("add_rms_norm", fused));
  const Outputs oracle_sum = outputs_of(harness::run_oracle("residual_add", add));
  EXPECT_EQ(oracle[add_rms_norm_operand::kSum], oracle_sum[residual_add_operand::kY]);
  const Outputs oracle_y =
      outputs_of(harness::run_oracle("rms_norm", norm(oracle_sum[residual_add_operand::kY])));
  EXPECT_EQ(oracle[add_rms_norm_operand::kY], oracle_y[rms_norm_operand::kY]);
}

// A graph with the inputs that the shape tests need.
struct ShapeGraph {
  Graph g;
  ValueId x = g.input("x", {DType::kF32, {5, 64}});
  ValueId heads = g.input("heads", {DType::kBF16, {5, 3, 64}});
  ValueId ints = g.input("ints", {DType::kI32, {5}});
  ValueId four = g.input("four", {DType::kI32, {4}});
  ValueId odd = g.input("odd", {DType::kF32, {5, 63}});
  ValueId codes = g.input("codes", {DType::kE4M3, {5, 64}});
  ValueId w64 = g.weight("w64", {DType::kF32, {64}});
  ValueId w63 = g.weight("w63", {DType::kF32, {63}});
  ValueId bf16_vector = g.weight("bf16_vector", {DType::kBF16, {64}});
  ValueId table = g.weight("table", {DType::kE4M3, {100, 64}});
  ValueId w3 = g.weight("w3", {DType::kE4M3, {3, 64, 32}});
};

struct BadShape {
  const char* message;
  void (*build)(ShapeGraph&);
};

TEST(InferRejects, NamesOperandExpectedAndFound) {
  const BadShape bad[] = {
      {"embed: ids: expected i32[T], found f32[5, 64]",
       [](ShapeGraph& s) { add_embed(s.g, s.x, s.table, {}); }},
      {"embed: table: expected a weight [V, H], found f32[64]",
       [](ShapeGraph& s) { add_embed(s.g, s.ints, s.w64, {}); }},
      {"embed: out: expected f32, bf16 or f16, found e4m3",
       [](ShapeGraph& s) { add_embed(s.g, s.ints, s.table, {DType::kE4M3}); }},
      {"gather_rows: x: expected f32, bf16 or f16 [T, H], found bf16[5, 3, 64]",
       [](ShapeGraph& s) { add_gather_rows(s.g, s.heads, s.ints); }},
      {"gather_rows: rows: expected i32[n], found f32[5, 64]",
       [](ShapeGraph& s) { add_gather_rows(s.g, s.x, s.x); }},
      {"cast: x: expected f32, bf16 or f16 of any rank, found e4m3[5, 64]",
       [](ShapeGraph& s) { add_cast(s.g, s.codes, {DType::kF32}); }},
      {"cast: out: expected f32, bf16 or f16, found i32",
       [](ShapeGraph& s) { add_cast(s.g, s.x, {DType::kI32}); }},
      {"concat: a: expected [T, A] or [T, h, A], found i32[5]",
       [](ShapeGraph& s) { add_concat(s.g, s.ints, s.ints); }},
      {"concat: b: expected leading dimensions and dtype of f32[5, 64], found e4m3[5, 64]",
       [](ShapeGraph& s) { add_concat(s.g, s.x, s.codes); }},
      {"rms_norm: weight: expected f32[64], found f32[63]",
       [](ShapeGraph& s) { add_rms_norm(s.g, s.x, s.w63, {}); }},
      {"rms_norm: weight: expected f32[64], found bf16[64]",
       [](ShapeGraph& s) { add_rms_norm(s.g, s.x, s.bf16_vector, {}); }},
      {"layer_norm: bias: expected f32[64], found f32[63]",
       [](ShapeGraph& s) { add_layer_norm(s.g, s.x, s.w64, s.w63, {}); }},
      {"residual_add: delta: expected f32, bf16 or f16 [5, 64], found f32[5, 63]",
       [](ShapeGraph& s) { add_residual_add(s.g, s.x, s.odd); }},
      {"add_rms_norm: delta: expected f32, bf16 or f16 [5, 64], found e4m3[5, 64]",
       [](ShapeGraph& s) { add_add_rms_norm(s.g, s.x, s.codes, s.w64, {}); }},
      {"rope: x: expected f32, bf16 or f16 [T, h, D] or [T, D], found e4m3[5, 64]",
       [](ShapeGraph& s) { add_rope(s.g, s.codes, s.ints, s.w64, {}); }},
      {"rope: positions: expected i32[5], found i32[4]",
       [](ShapeGraph& s) { add_rope(s.g, s.heads, s.four, s.w64, {}); }},
      {"rope: x: expected at least 128 dimensions from 0 on, found bf16[5, 3, 64]",
       [](ShapeGraph& s) { add_rope(s.g, s.heads, s.ints, s.w64, {}); }},
      {"batched_linear: w: expected a weight [3, N, 64], found e4m3[3, 64, 32]",
       [](ShapeGraph& s) { add_batched_linear(s.g, s.heads, s.w3, {}); }},
      {"batched_linear: x: expected f32, bf16 or f16 [T, h, K], found f32[5, 64]",
       [](ShapeGraph& s) { add_batched_linear(s.g, s.x, s.w3, {.w_is_kn = true}); }},
      {"hadamard: x: expected f32, bf16 or f16 [T, h, D] or [T, D] with D a power of two, found f32[5, 63]",
       [](ShapeGraph& s) { add_hadamard(s.g, s.odd); }},
      {"quantize_group: x: expected f32, bf16 or f16 [T, K] or [T, h, 32], found bf16[5, 3, 64]",
       [](ShapeGraph& s) { add_quantize_group(s.g, s.heads, {.group = 32}); }},
      {"quantize_group: group: expected at least 1, found 0",
       [](ShapeGraph& s) { add_quantize_group(s.g, s.x, {.group = 0}); }},
      {"silu_mul: x: expected f32, bf16 or f16 [T, 2 I], found f32[5, 63]",
       [](ShapeGraph& s) { add_silu_mul(s.g, s.odd); }},
  };
  for (const BadShape& shape : bad) {
    ShapeGraph s;
    shape.build(s);
    EXPECT_EQ(s.g.status().message(), shape.message);
    EXPECT_TRUE(s.g.nodes().empty());
  }
}

TEST(InferAccepts, StridedViewsAndGivesRowMajorResults) {
  ShapeGraph s;
  const ValueId half = s.g.slice(s.heads, 2, 8, 32);  // [5, 3, 32] with the strides of [5, 3, 64]
  const ValueId turned = add_rope(s.g, half, s.ints, s.g.weight("f", {DType::kF32, {16}}), {});
  const ValueId spread = add_hadamard(s.g, half);
  const ValueId latent = add_batched_linear(s.g, s.heads, s.w3, {.w_is_kn = true, .out = DType::kBF16});
  const NodeValues quantized = add_quantize_group(s.g, half, {.group = 32});
  const NodeValues short_group = add_quantize_group(s.g, s.odd, {.group = 32});
  ASSERT_TRUE(s.g.status().ok()) << s.g.status().message();
  for (ValueId value : {turned, spread, latent}) {
    EXPECT_EQ(s.g.desc(value).to_string(), "bf16[5, 3, 32]");
    EXPECT_TRUE(s.g.desc(value).contiguous());
  }
  EXPECT_EQ(s.g.desc(quantized[quantize_group_operand::kCodes]).to_string(), "e4m3[5, 3, 32]");
  EXPECT_EQ(s.g.desc(quantized[quantize_group_operand::kScales]).to_string(), "f32[5, 3]");
  EXPECT_EQ(s.g.desc(short_group[quantize_group_operand::kScales]).to_string(), "f32[5, 2]");
}

}  // namespace
}  // namespace tamis
