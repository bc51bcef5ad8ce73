// Rows as markdown, CSV, JSON and JSON lines; and read back from the last two.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bench/row.h"
#include "core/base/status.h"

namespace tamis::bench {

enum class Format { kMarkdown, kCsv, kJson, kJsonLines };
Result<Format> parse_format(const std::string& name);  // md, csv, json, jsonl

// Rows one by one, so that a long run shows what it has: begin, rows, end.
class RowWriter {
 public:
  explicit RowWriter(Format format) : format_(format) {}
  // The text that `row` adds; the first row of a device brings the head.
  std::string add(const Row& row);
  std::string end() const;

 private:
  Format format_;
  std::int64_t rows_ = 0;
  std::string device_, kind_;
};

// A JSON array of rows, or one object a line. Never crashes on what it is given: kCorruptData says where it
// is wrong.
Result<std::vector<Row>> read_rows(std::string_view text, const std::string& name);

// "1.23 ms", three digits.
std::string format_time(double microseconds);
// For a markdown cell and a CSV field.
std::string markdown_cell(const std::string& text);
std::string csv_field(const std::string& text);

}  // namespace tamis::bench
