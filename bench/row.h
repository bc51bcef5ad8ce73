// One line of the benchmark: a kernel row on a case, what was measured, and everything that is needed to know
// what the numbers belong to. Flat, so that every format carries all of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tamis::bench {

struct Row {
  // What ran.
  std::string op, case_name, kernel, shape, flush, accuracy;
  bool chosen = false;                        // the kernel row that the planner takes for this call
  std::int64_t tokens = 0, asked_tokens = 0;  // 0: the case has no token count
  // Times of one launch, in microseconds.
  std::int64_t repetitions = 0;
  double median_us = 0, mean_us = 0, stdev_us = 0, min_us = 0, p10_us = 0, p90_us = 0, max_us = 0;
  std::vector<double> samples_us;
  // What the op's definition counts, and the rates that follow from the median.
  double flops = 0, bytes = 0, tflops = 0, gbs = 0;
  // Ceilings measured in the same run (bench/roofline.h), and the floor that follows from them. 0: unknown.
  double copy_gbs = 0, read_gbs = 0, fma_tflops = 0, matrix_tflops = 0;
  std::string matrix_kernel;
  double memory_percent = 0, matrix_percent = 0, floor_us = 0, floor_percent = 0;
  // The machine. 0 or empty: it does not say.
  std::string commit, build, backend, device, driver, governor, rules, energy_source;
  std::int64_t cores = 0;
  double clock_before_mhz = 0, clock_after_mhz = 0, power_cap_w = 0, energy_mj = 0;  // mJ a launch
  std::string note;                                                                  // shrunk, experts hit
  std::string warnings;  // what else may have moved the times, separated by "; "
};

// Calls visit(name, field) for every field but the samples, in the order of columns.
template <class AnyRow, class Visitor>
void visit_fields(AnyRow& r, Visitor&& visit) {
  visit("op", r.op), visit("case", r.case_name), visit("kernel", r.kernel), visit("chosen", r.chosen);
  visit("shape", r.shape), visit("flush", r.flush), visit("accuracy", r.accuracy);
  visit("tokens", r.tokens), visit("asked_tokens", r.asked_tokens), visit("repetitions", r.repetitions);
  visit("median_us", r.median_us), visit("mean_us", r.mean_us), visit("stdev_us", r.stdev_us);
  visit("min_us", r.min_us), visit("p10_us", r.p10_us), visit("p90_us", r.p90_us), visit("max_us", r.max_us);
  visit("flops", r.flops), visit("bytes", r.bytes), visit("tflops", r.tflops), visit("gbs", r.gbs);
  visit("copy_gbs", r.copy_gbs), visit("read_gbs", r.read_gbs), visit("fma_tflops", r.fma_tflops),
      visit("matrix_tflops", r.matrix_tflops);
  visit("matrix_kernel", r.matrix_kernel);
  visit("memory_percent", r.memory_percent), visit("matrix_percent", r.matrix_percent);
  visit("floor_us", r.floor_us), visit("floor_percent", r.floor_percent);
  visit("commit", r.commit), visit("build", r.build), visit("backend", r.backend), visit("device", r.device);
  visit("driver", r.driver), visit("cores", r.cores), visit("governor", r.governor), visit("rules", r.rules);
  visit("clock_before_mhz", r.clock_before_mhz), visit("clock_after_mhz", r.clock_after_mhz);
  visit("power_cap_w", r.power_cap_w), visit("energy_mj", r.energy_mj);
  visit("energy_source", r.energy_source), visit("note", r.note), visit("warnings", r.warnings);
}

// The higher of the ceilings measured for memory, in GB/s, and for arithmetic, in TFLOPS; 0: unknown.
double memory_ceiling(const Row& row);
double arithmetic_ceiling(const Row& row);
std::string describe_ceilings(const Row& row);

// Fills the times and everything that follows from them; flops, bytes and ceilings are there already.
void set_samples(Row& row, std::vector<double> samples_us);

}  // namespace tamis::bench
