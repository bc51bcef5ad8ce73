// The perf cases of all ops as bench takes them, and a short run on the CPU.
#include <set>

#include <gtest/gtest.h>

#include "bench/call_data.h"
#include "bench/op_bench.h"

namespace tamis::bench {
namespace {

TEST(BenchCases, ShapesFitAndNamesAreUnique) {
  for (const OpDef* op : all_ops()) {
    std::set<std::string> names;
    for (const cases::Case& c : cases::find_cases(op->name)) {
      if (!c.perf) continue;
      EXPECT_TRUE(names.insert(c.name).second) << op->name << " " << c.name;
      const Result<double> bytes = CallData::needed_bytes(*op, c);
      ASSERT_TRUE(bytes.ok()) << bytes.status().message();
      EXPECT_LT(*bytes, c.large ? 40e9 : 4e9) << op->name << " " << c.name;
      if (c.at_tokens) {
        EXPECT_EQ(c.at_tokens(c.tokens).name, c.name);
        EXPECT_NE(c.at_tokens(c.tokens + 1).name, c.name) << op->name;
      }
    }
  }
}

TEST(BenchCases, EveryOpHasSomeForAnyDevice) {
  for (const OpDef* op : all_ops()) {
    int timed = 0;
    for (const cases::Case& c : cases::find_cases(op->name))
      timed += c.perf && !c.ceiling && !c.large ? 1 : 0;
    EXPECT_GT(timed, 0) << op->name;
  }
}

struct Outcome {
  std::vector<Row> rows;
  std::vector<std::string> messages;
  Result<OpTotals> totals = OpTotals{};
};

Outcome run(OpOptions options) {
  Outcome result;
  options.ceilings = false;
  result.totals = bench_ops(options, {[&](const Row& row) { result.rows.push_back(row); },
                                      [&](const std::string& text) { result.messages.push_back(text); }});
  return result;
}

TEST(BenchOp, RowsOfTheCpu) {
  OpOptions options;
  options.ops = {"rms_norm"};
  options.chosen_only = true;
  options.tokens = {1, 3};
  options.flush = {"cold", "warm"};
  const Outcome result = run(options);
  ASSERT_TRUE(result.totals.ok()) << result.totals.status().message();
  EXPECT_EQ(result.totals->failed, 0);
  ASSERT_EQ(result.rows.size(), 4u);  // two token counts, both flush modes
  for (const Row& row : result.rows) {
    EXPECT_EQ(row.kernel.find("cpu.rms_norm."), 0u);
    EXPECT_TRUE(row.chosen);
    EXPECT_GE(row.repetitions, 5);
    EXPECT_GT(row.median_us, 0);
    EXPECT_GT(row.bytes, 0);
    EXPECT_EQ(row.tokens, row.asked_tokens);
    EXPECT_FALSE(row.commit.empty());
    EXPECT_EQ(row.floor_percent, 0);  // no ceilings
  }
  EXPECT_EQ(result.rows[0].shape, "bf16[1, 7168] f32[7168] -> bf16[1, 7168]");
}

TEST(BenchOp, ShrinksAndSaysSo) {
  OpOptions options;
  options.ops = {"rms_norm"};
  options.chosen_only = true;
  options.tokens = {64};
  options.longest_seconds = 1e-9;
  const Outcome result = run(options);
  ASSERT_EQ(result.rows.size(), 1u);
  EXPECT_EQ(result.rows[0].tokens, 1);
  EXPECT_EQ(result.rows[0].asked_tokens, 64);
  EXPECT_EQ(result.rows[0].case_name, "hidden_t64");
  EXPECT_EQ(result.rows[0].note, "shrunk from 64 to 1 tokens");
  EXPECT_EQ(result.rows[0].shape, "bf16[1, 7168] f32[7168] -> bf16[1, 7168]");
}

TEST(BenchOp, ChosenRowsAndNamesSelect) {
  OpOptions options;
  options.ops = {"mha_prefill"};
  options.cases = {"t512_h8"};
  options.chosen_only = true;
  EXPECT_EQ(run(options).rows.size(), 1u);
  options.chosen_only = false;
  options.kernels = {"portable"};
  const Outcome portable = run(options);
  ASSERT_EQ(portable.rows.size(), 1u);
  EXPECT_EQ(portable.rows[0].kernel, "cpu.mha_prefill.portable");
  options.cases = {"no such case"};
  EXPECT_TRUE(run(options).rows.empty());
}

}  // namespace
}  // namespace tamis::bench
