// What lists of times say, when two of them differ, how a case is shrunk, and lists of counts.
#include <gtest/gtest.h>

#include "bench/counts.h"
#include "bench/op_bench.h"
#include "bench/row.h"
#include "bench/statistics.h"

namespace tamis::bench {
namespace {

Summary of(std::vector<double> values) { return summarize(values); }

TEST(BenchStatistics, OddAndEvenCounts) {
  const Summary odd = of({5, 1, 3});
  EXPECT_DOUBLE_EQ(odd.median, 3);
  EXPECT_DOUBLE_EQ(odd.mean, 3);
  EXPECT_DOUBLE_EQ(odd.stdev, 2);
  EXPECT_DOUBLE_EQ(odd.min, 1);
  EXPECT_DOUBLE_EQ(odd.max, 5);
  EXPECT_DOUBLE_EQ(of({4, 1, 3, 2}).median, 2.5);
}

TEST(BenchStatistics, OneAndNone) {
  const Summary one = of({7});
  EXPECT_DOUBLE_EQ(one.median, 7);
  EXPECT_DOUBLE_EQ(one.stdev, 0);
  EXPECT_DOUBLE_EQ(one.low, 7);
  EXPECT_DOUBLE_EQ(one.high, 7);
  EXPECT_DOUBLE_EQ(of({}).median, 0);
}

TEST(BenchStatistics, Quantiles) {
  const std::vector<double> sorted{0, 10, 20, 30, 40};
  EXPECT_DOUBLE_EQ(quantile(sorted, 0), 0);
  EXPECT_DOUBLE_EQ(quantile(sorted, 0.1), 4);
  EXPECT_DOUBLE_EQ(quantile(sorted, 0.5), 20);
  EXPECT_DOUBLE_EQ(quantile(sorted, 1), 40);
}

TEST(BenchNoise, EqualRunsDoNotDiffer) {
  const Summary a = of({100, 101, 99, 100, 102});
  EXPECT_FALSE(differs(a, a));
  EXPECT_FALSE(differs(a, of({101, 102, 100, 101, 103})));
}

TEST(BenchNoise, ASteadySmallShiftIsNone) {  // below what two runs of one program show
  EXPECT_FALSE(differs(of({100, 100, 100, 100, 100}), of({104, 104, 104, 104, 104})));
}

TEST(BenchNoise, ASteadyLargeShiftIsOneEitherWay) {
  const Summary a = of({100, 100, 101, 99, 100}), b = of({120, 121, 119, 120, 120});
  EXPECT_TRUE(differs(a, b));
  EXPECT_TRUE(differs(b, a));
}

TEST(BenchNoise, ALargeShiftInsideTheSpreadIsNone) {
  EXPECT_FALSE(differs(of({100, 150, 90, 160, 110}), of({140, 100, 170, 95, 150})));
}

TEST(BenchNoise, ShiftOfLessThanTwoDeviationsIsNone) {  // ranges apart, but one run is all over the place
  EXPECT_FALSE(differs(of({100, 100, 100, 100, 100}), of({110, 112, 160, 200, 111})));
}

TEST(BenchNoise, OneInterruptedLaunchHidesNothing) {
  EXPECT_TRUE(differs(of({100, 100, 101, 99, 100, 100, 100, 100, 100, 100, 100, 5000}),
                      of({150, 150, 151, 149, 150, 150, 150, 150, 150, 150, 150, 150})));
}

TEST(BenchNoise, WhatDriftsWithinARunDoesNotDifferBetweenRuns) {
  Summary a = of({100, 100, 101, 99, 100}), b = of({120, 121, 119, 120, 120});
  EXPECT_DOUBLE_EQ(noise(a, b), kBetweenRuns);
  a.drift = 0.15;
  EXPECT_DOUBLE_EQ(noise(a, b), 0.3);
  EXPECT_FALSE(differs(a, b));
}

TEST(BenchNoise, DriftIsBetweenTheFastestAndTheSlowestRound) {
  EXPECT_DOUBLE_EQ(drift_percent(std::vector<double>{110, 100, 120}), 20);
  EXPECT_DOUBLE_EQ(drift_percent(std::vector<double>{100}), 0);
}

TEST(BenchShrink, OneProbeIsInProportion) {
  const std::vector<Probe> probes{{1, 0.1}};
  EXPECT_DOUBLE_EQ(predict(probes, 64), 6.4);
  EXPECT_EQ(shrink(probes, 64, 2), 16);
}

TEST(BenchShrink, TwoProbesKnowTheFixedCost) {  // reading the weights, then little more a token
  const std::vector<Probe> probes{{2, 1.0}, {8, 1.06}};
  EXPECT_NEAR(predict(probes, 58), 1.56, 1e-9);
  EXPECT_EQ(shrink(probes, 58, 2), 58);
}

TEST(BenchShrink, NeverBelowOneTokenNorBelowTheLastProbe) {
  const std::vector<Probe> slow{{1, 50.0}}, noisy{{2, 1.0}, {8, 0.5}};
  EXPECT_EQ(shrink(slow, 1024, 2), 1);
  EXPECT_DOUBLE_EQ(predict(noisy, 128), 0.5);
  EXPECT_EQ(shrink({}, 128, 2), 128);
}

TEST(BenchCounts, ListsAndRanges) {
  const auto counts = parse_counts("1,8-64*2,100-130+10,5-7");
  ASSERT_TRUE(counts.ok());
  EXPECT_EQ(*counts, (std::vector<std::int64_t>{1, 8, 16, 32, 64, 100, 110, 120, 130, 5, 6, 7}));
  EXPECT_TRUE(parse_counts("")->empty());
}

TEST(BenchCounts, DepthsMayBeZero) {
  EXPECT_EQ(*parse_counts("0,8", 0), (std::vector<std::int64_t>{0, 8}));
  EXPECT_FALSE(parse_counts("0-8*2", 0).ok());
}

TEST(BenchCounts, RefusesWhatIsNone) {
  for (const char* text : {"x", "0", "-3", "1,,2", "8-4", "1-8*1", "1-8*", "1-", "1-99999",
                           "9999999999999999999", "1 2", "2-4-6"}) {
    EXPECT_FALSE(parse_counts(text).ok()) << text;
  }
}

TEST(BenchRow, RatesFollowFromTheMedian) {
  Row row;
  row.flops = 2e9, row.bytes = 1e6, row.copy_gbs = 10, row.read_gbs = 20, row.matrix_tflops = 1;
  set_samples(row, {4000, 3000, 5000});
  EXPECT_DOUBLE_EQ(row.tflops, 0.5);
  EXPECT_DOUBLE_EQ(row.gbs, 0.25);
  EXPECT_DOUBLE_EQ(row.floor_us, 2000);  // the matrix units' share; memory would take 50
  EXPECT_DOUBLE_EQ(row.floor_percent, 50);
  EXPECT_DOUBLE_EQ(row.memory_percent, 1.25);
  EXPECT_EQ(row.repetitions, 3);
}

TEST(BenchRow, UnknownCeilingsGiveNoPercentages) {
  Row row;
  row.flops = 2e9;
  set_samples(row, {4000});
  EXPECT_EQ(row.floor_us, 0);
  EXPECT_EQ(row.floor_percent, 0);
  EXPECT_EQ(row.matrix_percent, 0);
}

TEST(BenchOptions, RefusesNamesThatAreNone) {
  const OpReport quiet{[](const Row&) {}, [](const std::string&) {}};
  OpOptions options;
  options.ops = {"no_such_op"};
  EXPECT_FALSE(bench_ops(options, quiet).ok());
  options = {};
  options.flush = {"tepid"};
  EXPECT_FALSE(bench_ops(options, quiet).ok());
  options = {};
  options.repetitions = 4;
  EXPECT_FALSE(bench_ops(options, quiet).ok());
  options = {};
  options.devices = {"no_such_device"};
  EXPECT_FALSE(bench_ops(options, quiet).ok());
}

}  // namespace
}  // namespace tamis::bench
