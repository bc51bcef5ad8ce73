// One line of the benchmark: what ran, what was measured, and everything that is needed to know what the
// numbers belong to. Flat, so that every format carries all of it. `op` tells the kinds apart: the name of an
// op for a kernel row on a case; kLayerRow, kProjectionRow, kModelRow for the others.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tamis::bench {

inline constexpr const char* kLayerRow = "layer";            // one decoder layer, or embedding and head
inline constexpr const char* kProjectionRow = "projection";  // a model's speed, computed from layer rows
inline constexpr const char* kModelRow = "model";            // a checkpoint, measured

// The part of an op in a step.
struct Share {
  std::string op, kernel;
  double us = 0, percent = 0;
};

struct Row {
  // What ran. Rows that are not of an op have no kernel; `kernels` names all that took part.
  std::string op, case_name, kernel, shape, flush, accuracy;
  bool chosen = false;                        // the kernel row that the planner takes for this call
  std::int64_t tokens = 0, asked_tokens = 0;  // 0: the case has no token count
  // Of layers and models. Tokens of each sequence: `prompt` new ones in a step, `generated` one by one,
  // `depth` cached before.
  std::string model, kernels;
  std::int64_t batch = 0, prompt = 0, generated = 0, depth = 0;
  double tokens_per_second = 0, tokens_per_second_stdev = 0;  // of all sequences together
  double first_token_us =
      0;  // from the prompt to its first drawn token: median over sequences and repetitions
  std::vector<Share> shares;  // of the step, node by node; largest first
  std::int64_t device_bytes = 0,
               host_peak_bytes = 0;  // weights, caches and arena; the process at its largest
  // Times of one launch, in microseconds.
  std::int64_t repetitions = 0;
  double median_us = 0, mean_us = 0, stdev_us = 0, min_us = 0, p10_us = 0, p90_us = 0, max_us = 0;
  std::vector<double> samples_us;
  std::vector<double> rounds_us;  // medians of the rounds, taken at different times of the run
  double drift_percent = 0;       // between the fastest and the slowest round
  // What the op's definition counts, and the rates that follow from the median.
  double flops = 0, bytes = 0, tflops = 0, gbs = 0;
  // Ceilings measured in the same run (bench/roofline.h), and the floor that follows from them. 0: unknown.
  double copy_gbs = 0, read_gbs = 0, fma_tflops = 0, matrix_tflops = 0;
  std::string copy_kernel, matrix_kernel;  // what reached them
  double step_us = 0;  // of a captured step that does nothing; no ceiling, but measured with them
  double memory_percent = 0, matrix_percent = 0, floor_us = 0, floor_percent = 0;
  // The machine. 0 or empty: it does not say.
  std::string commit, build, backend, device, driver, governor, rules, energy_source;
  std::int64_t cores = 0;
  double reference_us = 0;  // a fixed piece of work, timed around this row (CPU only)
  double clock_before_mhz = 0, clock_after_mhz = 0, power_cap_w = 0, energy_mj = 0;  // mJ a launch
  std::string note;                                                                  // shrunk, experts hit
  std::string warnings;  // what else may have moved the times, separated by "; "
};

inline bool is_op(const Row& row) {
  return row.op != kLayerRow && row.op != kProjectionRow && row.op != kModelRow;
}

// Calls visit(name, field) for every field but the lists, in the order of columns.
template <class AnyRow, class Visitor>
void visit_fields(AnyRow& r, Visitor&& visit) {
  visit("op", r.op), visit("case", r.case_name), visit("kernel", r.kernel), visit("chosen", r.chosen);
  visit("shape", r.shape), visit("flush", r.flush), visit("accuracy", r.accuracy);
  visit("tokens", r.tokens), visit("asked_tokens", r.asked_tokens);
  visit("model", r.model), visit("batch", r.batch), visit("prompt", r.prompt);
  visit("generated", r.generated), visit("depth", r.depth), visit("repetitions", r.repetitions);
  visit("median_us", r.median_us), visit("mean_us", r.mean_us), visit("stdev_us", r.stdev_us);
  visit("min_us", r.min_us), visit("p10_us", r.p10_us), visit("p90_us", r.p90_us), visit("max_us", r.max_us);
  visit("drift_percent", r.drift_percent);
  visit("tokens_per_second", r.tokens_per_second);
  visit("tokens_per_second_stdev", r.tokens_per_second_stdev), visit("first_token_us", r.first_token_us);
  visit("device_bytes", r.device_bytes), visit("host_peak_bytes", r.host_peak_bytes);
  visit("flops", r.flops), visit("bytes", r.bytes), visit("tflops", r.tflops), visit("gbs", r.gbs);
  visit("copy_gbs", r.copy_gbs), visit("copy_kernel", r.copy_kernel), visit("read_gbs", r.read_gbs),
      visit("fma_tflops", r.fma_tflops), visit("matrix_tflops", r.matrix_tflops);
  visit("matrix_kernel", r.matrix_kernel), visit("step_us", r.step_us);
  visit("memory_percent", r.memory_percent), visit("matrix_percent", r.matrix_percent);
  visit("floor_us", r.floor_us), visit("floor_percent", r.floor_percent);
  visit("commit", r.commit), visit("build", r.build), visit("backend", r.backend), visit("device", r.device);
  visit("driver", r.driver), visit("cores", r.cores), visit("governor", r.governor), visit("rules", r.rules);
  visit("clock_before_mhz", r.clock_before_mhz), visit("clock_after_mhz", r.clock_after_mhz);
  visit("reference_us", r.reference_us);
  visit("power_cap_w", r.power_cap_w), visit("energy_mj", r.energy_mj);
  visit("energy_source", r.energy_source), visit("kernels", r.kernels), visit("note", r.note),
      visit("warnings", r.warnings);
}

// The higher of the ceilings measured for memory, in GB/s, and for arithmetic, in TFLOPS; 0: unknown.
double memory_ceiling(const Row& row);
double arithmetic_ceiling(const Row& row);
std::string describe_ceilings(const Row& row);

// Fills the times and everything that follows from them; flops, bytes and ceilings are there already. Rounds
// were measured at different times; their samples are taken together.
void set_rounds(Row& row, const std::vector<std::vector<double>>& rounds_us);
inline void set_samples(Row& row, const std::vector<double>& samples_us) { set_rounds(row, {samples_us}); }
// The rate of `tokens` tokens over each sample.
void set_rate(Row& row, double tokens);
// "moe_experts 61 %, linear 20 %, …", the largest ones.
std::string describe_shares(const Row& row);

}  // namespace tamis::bench
