#include "bench/row.h"

#include <algorithm>

#include <fmt/format.h>

#include "bench/statistics.h"

namespace tamis::bench {

double memory_ceiling(const Row& row) { return std::max(row.copy_gbs, row.read_gbs); }
double arithmetic_ceiling(const Row& row) { return std::max(row.fma_tflops, row.matrix_tflops); }

std::string describe_ceilings(const Row& row) {
  std::string text = fmt::format("copy {:.1f} GB/s", row.copy_gbs);
  if (row.read_gbs > 0) text += fmt::format(", read by all cores {:.1f} GB/s", row.read_gbs);
  if (row.fma_tflops > 0) text += fmt::format(", f32 multiply-add {:.3g} TFLOPS", row.fma_tflops);
  return text +
         fmt::format(", best linear row here {:.3g} TFLOPS ({})", row.matrix_tflops, row.matrix_kernel);
}

void set_samples(Row& row, std::vector<double> samples_us) {
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
