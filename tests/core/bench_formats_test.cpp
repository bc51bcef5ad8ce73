// Rows written and read back, and files that are none.
#include <algorithm>

#include <gtest/gtest.h>

#include <fmt/format.h>

#include "bench/formats.h"

namespace tamis::bench {
namespace {

Row sample_row() {
  Row row;
  row.op = "linear", row.case_name = "o_proj_t1", row.kernel = "cpu.linear.openblas", row.chosen = true;
  row.shape = "bf16[1, 8] -> bf16[1, 4]", row.flush = "cold", row.accuracy = "f32";
  row.tokens = 16, row.asked_tokens = 1024, row.flops = 64, row.bytes = 1e12;
  row.copy_gbs = 29.25, row.matrix_tflops = 0.0448, row.device = "a, \"b\" | c", row.cores = 2;
  row.note = "shrunk from 1024 tokens", row.warnings = "other load: 1.0 cores";
  set_samples(row, {1.25, 1.5, 1.125, 2000.7, 1.0 / 3});
  return row;
}

std::string written(Format format, int rows) {
  RowWriter writer(format);
  std::string text;
  for (int i = 0; i < rows; ++i) text += writer.add(sample_row());
  return text + writer.end();
}

std::string fields_of(const Row& row) {
  std::string text;
  visit_fields(row,
               [&](const char* name, const auto& field) { text += fmt::format("{}={}\n", name, field); });
  return text;
}

TEST(BenchFormats, JsonAndJsonLinesComeBackWhole) {
  for (Format format : {Format::kJson, Format::kJsonLines}) {
    for (int count : {1, 3}) {
      const auto rows = read_rows(written(format, count), "x");
      ASSERT_TRUE(rows.ok()) << rows.status().message();
      ASSERT_EQ(rows->size(), static_cast<std::size_t>(count));
      for (const Row& row : *rows) {
        EXPECT_EQ(fields_of(row), fields_of(sample_row()));
        EXPECT_EQ(row.samples_us, sample_row().samples_us);
      }
    }
  }
}

TEST(BenchFormats, NoRowsIsStillAList) {
  const auto rows = read_rows(written(Format::kJson, 0), "x");
  ASSERT_TRUE(rows.ok());
  EXPECT_TRUE(rows->empty());
}

TEST(BenchFormats, CsvHasOneFieldPerColumn) {
  const std::string text = written(Format::kCsv, 1);
  const auto fields = [](const std::string& line) {
    int count = 1;
    bool quoted = false;
    for (char c : line) {
      if (c == '"') quoted = !quoted;
      if (c == ',' && !quoted) ++count;
    }
    return count;
  };
  const std::size_t end = text.find('\n');
  ASSERT_NE(end, std::string::npos);
  EXPECT_EQ(fields(text.substr(0, end)), fields(text.substr(end + 1)));
  EXPECT_NE(text.find("\"a, \"\"b\"\" | c\""), std::string::npos);
}

TEST(BenchFormats, MarkdownHasOneCellPerColumn) {
  const std::string text = written(Format::kMarkdown, 1);
  std::vector<std::string> table;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (text[at] == '|') table.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  ASSERT_EQ(table.size(), 3u);
  const auto bars = [](const std::string& line) { return std::count(line.begin(), line.end(), '|'); };
  EXPECT_EQ(bars(table[0]), bars(table[1]));
  EXPECT_EQ(bars(table[0]), bars(table[2]));
  EXPECT_EQ(markdown_cell("a|b\nc"), "a\\|b c");
}

TEST(BenchFormats, BrokenFilesAreRefusedWithTheirName) {
  const std::string good = written(Format::kJson, 2), line = written(Format::kJsonLines, 1);
  std::vector<std::string> broken{"",
                                  "  \n",
                                  "{",
                                  "null",
                                  "7",
                                  "[7]",
                                  "[[]]",
                                  "[{}]",
                                  "{\"op\": \"linear\"}",
                                  "[" + line + "] x",
                                  std::string(100000, '['),
                                  std::string("\xff\xfe\x00[", 4)};
  const std::pair<const char*, const char*> wrong[] = {{"op", "7"},
                                                       {"op", "\"\""},
                                                       {"median_us", "\"fast\""},
                                                       {"median_us", "-1"},
                                                       {"median_us", "0"},
                                                       {"median_us", "1e999"},
                                                       {"tokens", "1.5"},
                                                       {"samples_us", "3"},
                                                       {"samples_us", "[\"a\"]"},
                                                       {"samples_us", "[-1]"},
                                                       {"samples_us", "[[[[[[1]]]]]]"},
                                                       {"chosen", "\"yes\""}};
  for (const auto& [name, value] : wrong) {
    std::string fields = fmt::format("\"{}\": {}", name, value);
    for (const char* needed : {"op", "case", "kernel"}) {
      if (std::string(needed) != name) fields += fmt::format(", \"{}\": \"x\"", needed);
    }
    if (std::string("median_us") != name) fields += ", \"median_us\": 1";
    broken.push_back(fmt::format("[{{{}}}]", fields));
  }
  EXPECT_TRUE(read_rows(R"([{"op": "x", "case": "x", "kernel": "x", "median_us": 1}])", "x").ok());
  for (const std::string& text : broken) {
    const auto rows = read_rows(text, "broken.json");
    ASSERT_FALSE(rows.ok()) << text.substr(0, 60);
    EXPECT_NE(rows.status().message().find("broken.json"), std::string::npos) << rows.status().message();
  }
}

TEST(BenchFormats, EveryCutOfAFileIsRefusedOrRead) {
  const std::string good = written(Format::kJson, 1);
  for (std::size_t length = 0; length + 2 < good.size(); length += 7) {
    EXPECT_FALSE(read_rows(std::string_view(good).substr(0, length), "cut").ok()) << length;
  }
}

TEST(BenchFormats, Names) {
  EXPECT_TRUE(parse_format("jsonl").ok());
  EXPECT_FALSE(parse_format("xml").ok());
  EXPECT_EQ(format_time(12.345), "12.3 us");
  EXPECT_EQ(format_time(12345), "12.3 ms");
  EXPECT_EQ(format_time(2.5e6), "2.5 s");
}

}  // namespace
}  // namespace tamis::bench
