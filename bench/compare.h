// `tamis bench compare`: joins the rows of several runs and says where they differ by more than their noise.
#pragma once

#include <string>
#include <vector>

#include "bench/row.h"

namespace tamis::bench {

struct RowFile {
  std::string name;
  std::vector<Row> rows;
};

enum class Verdict {
  kSame,    // inside the noise (bench/statistics.h)
  kFaster,  // the other run is
  kSlower,
  kUnclear,  // outside the noise, but a warning of one of the rows or the machine itself may be why
  kRefused,  // not the same measurement
};
const char* verdict_name(Verdict verdict);

// A row of the first file beside the row of another file that answers it.
struct Comparison {
  std::size_t file = 1;  // of `other`
  const Row* base = nullptr;
  const Row* other = nullptr;
  double ratio = 0;  // median time of other / median time of base; 0 where refused
  double noise =
      0;  // a smaller difference, as a share of the smaller median, says nothing (bench/statistics.h)
  Verdict verdict = Verdict::kRefused;
  std::string why;  // of refusals and unclear ones; what to doubt of others
};

struct CompareResult {
  std::vector<Comparison> lines;
  std::vector<std::string> unmatched;  // "only in a.json: linear o_proj_t1 cpu.linear.openblas"
};

// The first file is what the others are compared with. A row meets the row of the same op, case and kernel;
// where the other run has other kernels (another device), the row that the planner takes meets its like.
// Results point into `files`.
CompareResult compare(const std::vector<RowFile>& files);

// Why two rows must not be compared; empty: they may.
std::string refusal(const Row& base, const Row& other);

std::string compare_markdown(const std::vector<RowFile>& files, const CompareResult& result);
std::string compare_csv(const std::vector<RowFile>& files, const CompareResult& result);
// One page that needs nothing else: a roofline plot of all rows, bars of the joined ones, the tables.
std::string compare_html(const std::vector<RowFile>& files, const CompareResult& result);

}  // namespace tamis::bench
