#include "tests/parity/report.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace tamis::parity {
namespace {

template <class T>
void move_behind(std::vector<T>& all, std::vector<T>& more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

// The last summary that `same` takes, or a new one. Records of one row come case by case, those of other rows
// between them, so all summaries of the op are looked at.
template <class T, class Same>
T& find_or_add(std::vector<T>& all, const Same& same) {
  const auto it = std::find_if(all.begin(), all.end(), same);
  return it != all.end() ? *it : all.emplace_back();
}

void count_one(Verdict verdict, Totals& totals) {
  switch (verdict) {
    case Verdict::kPassed: ++totals.passed; break;
    case Verdict::kFailed: ++totals.failed; break;
    case Verdict::kSkipped: ++totals.skipped; break;
    case Verdict::kExpectedFailure: ++totals.expected_failures; break;
  }
}

}  // namespace

const char* verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPassed: return "passed";
    case Verdict::kFailed: return "failed";
    case Verdict::kSkipped: return "skipped";
    case Verdict::kExpectedFailure: return "expected failure";
  }
  return "";
}

void Report::append(Report part) {
  move_behind(cases, part.cases);
  move_behind(pairs, part.pairs);
  move_behind(problems, part.problems);
  move_behind(notes, part.notes);
}

Totals count(const Report& report) {
  Totals totals;
  for (const CaseRecord& record : report.cases) count_one(record.verdict, totals);
  totals.failed += static_cast<std::int64_t>(report.problems.size());
  for (const PairRecord& pair : report.pairs) {
    if (!pair.failure.empty()) ++totals.failed;
  }
  return totals;
}

std::vector<RowSummary> summarise_rows(const Report& report) {
  std::vector<RowSummary> rows;
  for (const CaseRecord& record : report.cases) {
    RowSummary& row = find_or_add(
        rows, [&](const RowSummary& r) { return r.row == record.row && r.device == record.device; });
    row.op = record.op;
    row.row = record.row;
    row.device = record.device;
    count_one(record.verdict, row.totals);
    if (record.worst > row.worst || row.worst_case.empty()) row.worst_case = record.case_name;
    row.worst = std::max(row.worst, record.worst);
    row.normalised = std::max(row.normalised, record.normalised);
  }
  return rows;
}

std::vector<PairSummary> summarise_pairs(const Report& report) {
  std::vector<PairSummary> pairs;
  for (const PairRecord& record : report.pairs) {
    PairSummary& pair = find_or_add(pairs, [&](const PairSummary& p) {
      return p.row_a == record.row_a && p.row_b == record.row_b && p.device_a == record.device_a &&
             p.device_b == record.device_b;
    });
    pair.op = record.op;
    pair.row_a = record.row_a;
    pair.row_b = record.row_b;
    pair.device_a = record.device_a;
    pair.device_b = record.device_b;
    ++pair.cases;
    pair.same_bits += record.same_bits ? 1 : 0;
    pair.failed += record.failure.empty() ? 0 : 1;
    pair.keys += record.keys;
    pair.worst = std::max(pair.worst, record.worst);
    pair.normalised = std::max(pair.normalised, record.normalised);
    pair.band = std::max(pair.band, record.band);
  }
  return pairs;
}

std::string repro(const CaseRecord& record, std::uint64_t seed) {
  return fmt::format("tamis parity op --op {} --row {} --case {} --seed {} --device {}", record.op,
                     record.row, record.number, seed, record.device);
}

std::string repro(const PairRecord& record, std::uint64_t seed) {
  return fmt::format("tamis parity op --op {} --case {} --seed {} --device {} {} {}", record.op,
                     record.number, seed, record.device_a, record.from_file ? "--against" : "--device",
                     record.device_b);
}

}  // namespace tamis::parity
