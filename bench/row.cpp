#include "bench/row.h"

#include <algorithm>

#include <fmt/format.h>

#include "bench/statistics.h"
#include "bench/step_overhead.h"

namespace tamis::bench {

double memory_ceiling(const Row& row) { return std::max(row.copy_gbs, row.read_gbs); }
double arithmetic_ceiling(const Row& row) { return std::max(row.fma_tflops, row.matrix_tflops); }

std::string describe_ceilings(const Row& row) {
  std::string text = fmt::format("copy {:.1f} GB/s", row.copy_gbs);
  if (!row.copy_kernel.empty()) text += fmt::format(" ({})", row.copy_kernel);
  if (row.read_gbs > 0) text += fmt::format(", read by all cores {:.1f} GB/s", row.read_gbs);
  if (row.fma_tflops > 0) text += fmt::format(", f32 multiply-add {:.3g} TFLOPS", row.fma_tflops);
  text += fmt::format(", best linear row here {:.3g} TFLOPS ({})", row.matrix_tflops, row.matrix_kernel);
  return row.step_us > 0 ? text + fmt::format(", {} empty launches in {:.3g} us", kStepLaunches, row.step_us)
                         : text;
}

std::string describe_shares(const Row& row) {
  constexpr std::size_t kMost = 6;
  std::string text;
  double rest = 0;
  for (std::size_t i = 0; i < row.shares.size(); ++i) {
    const Share& share = row.shares[i];
    if (i >= kMost) rest += share.percent;
    if (i < kMost) text += fmt::format("{}{} {:.1f} %", i == 0 ? "" : ", ", share.op, share.percent);
  }
  return row.shares.size() > kMost ? text + fmt::format(", others {:.1f} %", rest) : text;
}

void set_rate(Row& row, double tokens) {
  std::vector<double> rates;
  for (double us : row.samples_us) rates.push_back(us > 0 ? tokens / us * 1e6 : 0.0);
  const Summary s = summarize(rates);
  row.tokens_per_second = s.median;
  row.tokens_per_second_stdev = s.stdev;
}

void set_rounds(Row& row, const std::vector<std::vector<double>>& rounds_us) {
  std::vector<double> samples_us;
  row.rounds_us.clear();
  for (const std::vector<double>& round : rounds_us) {
    if (round.empty()) continue;
    samples_us.insert(samples_us.end(), round.begin(), round.end());
    row.rounds_us.push_back(summarize(round).median);
  }
  row.drift_percent = drift_percent(row.rounds_us);
  const Summary s = summarize(samples_us);
  row.repetitions = static_cast<std::int64_t>(samples_us.size());
  row.median_us = s.median, row.mean_us = s.mean, row.stdev_us = s.stdev, row.min_us = s.min;
  row.p10_us = s.low, row.p90_us = s.high, row.max_us = s.max;
  row.samples_us = std::move(samples_us);
  const auto percent = [](double part, double whole) { return whole > 0 ? 100 * part / whole : 0.0; };
  const double seconds = s.median * 1e-6, memory_gbs = memory_ceiling(row),
               most_tflops = arithmetic_ceiling(row);
  row.tflops = seconds > 0 ? row.flops / seconds * 1e-12 : 0;
  row.gbs = seconds > 0 ? row.bytes / seconds * 1e-9 : 0;
  row.memory_percent = percent(row.gbs, memory_gbs);
  row.matrix_percent = percent(row.tflops, most_tflops);
  row.floor_us = std::max(memory_gbs > 0 ? row.bytes / memory_gbs * 1e-3 : 0,
                          most_tflops > 0 ? row.flops / most_tflops * 1e-6 : 0);
  row.floor_percent = percent(row.floor_us, s.median);
}

}  // namespace tamis::bench
