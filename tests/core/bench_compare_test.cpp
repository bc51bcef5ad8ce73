// Which rows of two runs meet, which of them must not be compared, what is said of the others, and that the
// page needs nothing from elsewhere.
#include <gtest/gtest.h>

#include "bench/compare.h"
#include "bench/row.h"

namespace tamis::bench {
namespace {

Row row_of(const std::string& kernel, double microseconds, bool chosen = true) {
  Row row;
  row.op = "linear", row.case_name = "o_proj_t1", row.kernel = kernel, row.chosen = chosen;
  row.shape = "bf16[1, 8] e4m3[4, 8] -> bf16[1, 4]", row.flush = "cold", row.accuracy = "f32";
  row.flops = 64, row.bytes = 128, row.copy_gbs = 10, row.matrix_tflops = 1;
  set_samples(row, {microseconds, microseconds * 1.01, microseconds * 0.99, microseconds, microseconds});
  return row;
}

std::vector<RowFile> two(const std::vector<Row>& a, const std::vector<Row>& b) {
  return {{"a.json", a}, {"b.json", b}};
}

Comparison only_line(const std::vector<RowFile>& files) {
  const CompareResult result = compare(files);
  EXPECT_EQ(result.lines.size(), 1u);
  return result.lines.empty() ? Comparison{} : result.lines.front();
}

TEST(BenchCompare, OneRunAgainstItselfShowsNoDifference) {
  const std::vector<Row> rows{row_of("cpu.linear.openblas", 100), row_of("cpu.linear.portable", 300, false)};
  const auto files = two(rows, rows);
  const CompareResult result = compare(files);
  ASSERT_EQ(result.lines.size(), 2u);
  for (const Comparison& line : result.lines) {
    EXPECT_EQ(line.verdict, Verdict::kSame);
    EXPECT_DOUBLE_EQ(line.ratio, 1);
    EXPECT_EQ(line.base->kernel, line.other->kernel);
  }
  EXPECT_TRUE(result.unmatched.empty());
}

TEST(BenchCompare, SaysWhichWayItWent) {
  const auto faster = two({row_of("k", 100)}, {row_of("k", 50)}),
             slower = two({row_of("k", 100)}, {row_of("k", 200)});
  EXPECT_EQ(only_line(faster).verdict, Verdict::kFaster);
  EXPECT_EQ(only_line(slower).verdict, Verdict::kSlower);
}

TEST(BenchCompare, SaysWhereTheNoiseWouldHideADifference) {
  Row quiet = row_of("k", 100), noisy = quiet;
  set_samples(noisy, {60, 70, 100, 130, 140});
  EXPECT_EQ(only_line(two({quiet}, {quiet})).why, "");
  const Comparison line = only_line(two({quiet}, {noisy}));
  EXPECT_EQ(line.verdict, Verdict::kSame);
  EXPECT_GT(line.noise, 0.5);
  EXPECT_EQ(line.why, "the noise would hide any smaller difference");
}

TEST(BenchCompare, ADifferenceUnderAWarningIsUnclear) {
  Row disturbed = row_of("k", 200);
  disturbed.warnings = "other load: 1.0 cores";
  const auto files = two({row_of("k", 100)}, {disturbed});
  EXPECT_EQ(only_line(files).verdict, Verdict::kUnclear);
  EXPECT_EQ(only_line(files).why, "other load: 1.0 cores");
  const auto same = two({disturbed}, {disturbed});
  EXPECT_EQ(only_line(same).verdict, Verdict::kSame);
}

TEST(BenchCompare, ADifferenceOnAMachineThatMovedIsUnclear) {
  Row before = row_of("k", 100), after = row_of("k", 200);
  before.device = after.device = "a CPU", before.reference_us = 1000, after.reference_us = 1500;
  EXPECT_EQ(only_line(two({before}, {after})).verdict, Verdict::kUnclear);
  EXPECT_NE(only_line(two({before}, {after})).why.find("the machine itself"), std::string::npos);
  after.device = "another CPU";
  EXPECT_EQ(only_line(two({before}, {after})).verdict, Verdict::kSlower);
}

Row model_row(const std::string& test, double microseconds) {
  Row row = row_of("", microseconds);
  row.op = kModelRow, row.case_name = "tiny " + test, row.shape = "tiny: 4 layers", row.accuracy = "";
  row.flops = row.bytes = 0;
  set_rate(row, 100);
  return row;
}

TEST(BenchCompare, RowsOfModelsMeetByTest) {
  const auto files = two({model_row("pp512", 100), model_row("tg128", 300)},
                         {model_row("tg128", 600), model_row("pp512", 101)});
  const CompareResult result = compare(files);
  ASSERT_EQ(result.lines.size(), 2u);
  EXPECT_EQ(result.lines[0].verdict, Verdict::kSame);
  EXPECT_EQ(result.lines[1].verdict, Verdict::kSlower);
  Row other = model_row("pp512", 100);
  other.shape = "tiny: 4 layers, fp8 cache";
  EXPECT_EQ(only_line(two({model_row("pp512", 100)}, {other})).verdict, Verdict::kRefused);
}

TEST(BenchCompare, RefusesWhatIsNotTheSameMeasurement) {
  const Row base = row_of("k", 100);
  const auto why = [&](auto change) {
    Row other = base;
    change(other);
    const auto files = two({base}, {other});
    const Comparison line = only_line(files);
    EXPECT_EQ(line.verdict, Verdict::kRefused);
    EXPECT_EQ(line.ratio, 0);
    return line.why;
  };
  EXPECT_NE(why([](Row& r) { r.shape = "bf16[2, 8] e4m3[4, 8] -> bf16[2, 4]"; }).find("shape: "),
            std::string::npos);
  EXPECT_EQ(why([](Row& r) {
              r.shape = "bf16[2, 8] e4m3[4, 8] -> bf16[2, 4]";
              r.tokens = 2;
            }),
            "shape: 0 tokens against 2");
  EXPECT_NE(why([](Row& r) { r.shape = "f16[1, 8] e4m3[4, 8] -> f16[1, 4]"; }).find("dtypes: "),
            std::string::npos);
  EXPECT_EQ(why([](Row& r) { r.flush = "warm"; }), "flush: cold against warm");
  EXPECT_EQ(why([](Row& r) { r.accuracy = "bf16"; }), "accuracy class: f32 against bf16");
}

TEST(BenchCompare, MeetsTheRowOfTheSameFlush) {
  Row cold = row_of("k", 100), warm = row_of("k", 60);
  warm.flush = "warm";
  const auto files = two({cold, warm}, {warm, cold});
  const CompareResult result = compare(files);
  ASSERT_EQ(result.lines.size(), 2u);
  for (const Comparison& line : result.lines) EXPECT_EQ(line.base->flush, line.other->flush);
}

TEST(BenchCompare, AnotherDevicesChosenRowMeetsTheChosenOne) {
  const std::vector<Row> cpu{row_of("cpu.linear.openblas", 100), row_of("cpu.linear.portable", 300, false)};
  const std::vector<Row> cuda{row_of("cuda.linear.portable", 9, false), row_of("cuda.linear.wgmma", 1)};
  const auto files = two(cpu, cuda);
  const CompareResult result = compare(files);
  ASSERT_EQ(result.lines.size(), 1u);
  EXPECT_EQ(result.lines[0].base->kernel, "cpu.linear.openblas");
  EXPECT_EQ(result.lines[0].other->kernel, "cuda.linear.wgmma");
  EXPECT_EQ(result.unmatched.size(), 2u);
}

TEST(BenchCompare, AKernelThatBothRunsHaveStandsInForNoOther) {
  // The planner changed its mind: portable was chosen, now openblas is. Each still meets itself.
  const auto files =
      two({row_of("x", 100), row_of("y", 200, false)}, {row_of("x", 100, false), row_of("y", 200)});
  const CompareResult result = compare(files);
  ASSERT_EQ(result.lines.size(), 2u);
  for (const Comparison& line : result.lines) EXPECT_EQ(line.base->kernel, line.other->kernel);
}

TEST(BenchCompare, CasesOfOneRunAloneAreListed) {
  Row other = row_of("k", 100);
  other.case_name = "q_b_t1";
  const CompareResult result = compare(two({row_of("k", 100)}, {other}));
  EXPECT_TRUE(result.lines.empty());
  EXPECT_EQ(result.unmatched.size(), 2u);
}

TEST(BenchCompare, NoFilesAndNoRows) {
  EXPECT_TRUE(compare({}).lines.empty());
  const auto files = two({}, {});
  const CompareResult result = compare(files);
  EXPECT_TRUE(result.lines.empty());
  EXPECT_FALSE(compare_markdown(files, result).empty());
  EXPECT_NE(compare_html(files, result).find("</html>"), std::string::npos);
}

TEST(BenchCompare, TextsSayTheVerdict) {
  const auto files = two({row_of("k", 100)}, {row_of("k", 50)});
  const CompareResult result = compare(files);
  const std::string markdown = compare_markdown(files, result), csv = compare_csv(files, result);
  EXPECT_NE(markdown.find("| 0.500 |"), std::string::npos) << markdown;
  EXPECT_NE(markdown.find("1 faster"), std::string::npos) << markdown;
  EXPECT_NE(csv.find(",faster,"), std::string::npos) << csv;
}

TEST(BenchHtml, NeedsNothingFromElsewhereAndEscapes) {
  Row hostile = row_of("<script src=//x>alert(1)</script>", 100);
  hostile.device = "a \"GPU\" & <b>";
  hostile.note = "'quoted'";
  const auto files = two({hostile}, {row_of("<script src=//x>alert(1)</script>", 300)});
  const std::string html = compare_html(files, compare(files));
  for (const char* forbidden : {"http://", "https://", "<script", "<link", "src=\"", "url(", "@import"}) {
    EXPECT_EQ(html.find(forbidden), std::string::npos) << forbidden;
  }
  EXPECT_NE(html.find("a &quot;GPU&quot; &amp; &lt;b&gt;"), std::string::npos);
  EXPECT_NE(html.find("<circle"), std::string::npos);
  EXPECT_NE(html.find("<polyline"), std::string::npos);
  EXPECT_NE(html.find("<rect"), std::string::npos);
  EXPECT_EQ(html.find("nan"), std::string::npos);
}

TEST(BenchHtml, RowsWithoutFlopsOrCeilingsAreNotPlotted) {
  Row copy = row_of("k", 100);
  copy.flops = copy.tflops = 0, copy.copy_gbs = copy.matrix_tflops = 0;
  const auto files = two({copy}, {copy});
  const std::string html = compare_html(files, compare(files));
  EXPECT_EQ(html.find("<circle"), std::string::npos);
  EXPECT_EQ(html.find("inf"), std::string::npos);
}

}  // namespace
}  // namespace tamis::bench
