#include "bench/roofline.h"

#include <algorithm>
#include <map>

#include "bench/environment.h"
#include "bench/host_peak.h"
#include "bench/statistics.h"
#include "bench/step_overhead.h"
#include "core/ops/gather_rows/gather_rows.h"

namespace tamis::bench {
namespace {

constexpr double kLongSeconds = 0.5;  // a ceiling's launch that would take longer is left out
constexpr std::int64_t kCopyBytes = 1ll << 30;
constexpr Repetitions kCeilingRepetitions{.least = 5, .enough_seconds = 0};

Status queue_copy_rate(const Bench& bench, Ceilings& ceilings) {
  const bool cpu = bench.device.info().backend == "cpu";
  const std::int64_t wanted =
      cpu ? std::max<std::int64_t>(4 * last_level_cache_bytes(), 256ll << 20) : kCopyBytes;
  const std::int64_t bytes = affordable_bytes(bench.device, wanted);
  TAMIS_ASSIGN_OR_RETURN(std::shared_ptr<Buffer> from, bench.device.alloc(bytes));
  TAMIS_ASSIGN_OR_RETURN(std::shared_ptr<Buffer> to, bench.device.alloc(bytes));
  TAMIS_RETURN_IF_ERROR(bench.queue.fill(*from, 0, bytes, 1));
  TAMIS_RETURN_IF_ERROR(bench.queue.fill(*to, 0, bytes, 2));
  const auto copy = [&] { return bench.queue.copy(*to, 0, *from, 0, bytes); };
  TAMIS_ASSIGN_OR_RETURN(std::vector<double> seconds, time_each(bench.queue, copy, {}, kCeilingRepetitions));
  ceilings.copy_gbs = 2.0 * static_cast<double>(bytes) / summarize(seconds).min * 1e-9;
  ceilings.copy_kernel = "queue";
  return {};
}

struct RowRun {
  double flops = 0, bytes = 0, seconds = 0;
};

// Seconds 0: the row does not take the case.
Result<RowRun> time_row(const Bench& bench, const KernelRow& row, const cases::Case& test_case,
                        std::int64_t repetitions) {
  const OpDef& op = *find_op(row.op);
  TAMIS_ASSIGN_OR_RETURN(std::unique_ptr<CallData> data, CallData::make(bench, op, test_case));
  if (row.accepts != nullptr && !row.accepts(bench.device.info(), data->planned()).accepted())
    return RowRun{};
  TAMIS_ASSIGN_OR_RETURN(std::unique_ptr<Launcher> launcher, Launcher::make(bench, row, *data));
  const auto launch = [&] { return launcher->launch(); };
  TAMIS_RETURN_IF_ERROR(time_once(bench.queue, launch).status());  // warm-up
  TAMIS_ASSIGN_OR_RETURN(std::vector<double> seconds,
                         time_each(bench.queue, launch, {}, {.least = repetitions, .enough_seconds = 0}));
  return RowRun{op.flops(data->planned()), op.bytes(data->planned()), summarize(seconds).min};
}

// A copy by the kernels of gather_rows, of as much as the queue copies.
Status row_copy_rate(const Bench& bench, std::span<const KernelRow> rows, Ceilings& ceilings) {
  for (const cases::Case& listed : cases::find_cases("gather_rows")) {
    if (!listed.ceiling) continue;
    const auto halves = static_cast<double>(2 * affordable_bytes(bench.device, kCopyBytes));
    TAMIS_ASSIGN_OR_RETURN(const double needed, CallData::needed_bytes(op::gather_rows, listed));
    const auto tokens = static_cast<std::int64_t>(halves / needed * static_cast<double>(listed.tokens));
    const cases::Case copy = listed.at_tokens(std::max<std::int64_t>(1, tokens));
    for (const KernelRow& row : rows) {
      if (!check_features(row.needs, bench.device.info()).accepted()) continue;
      TAMIS_ASSIGN_OR_RETURN(const RowRun run, time_row(bench, row, copy, kCeilingRepetitions.least));
      const double gbs = run.seconds > 0 ? run.bytes / run.seconds * 1e-9 : 0.0;
      if (gbs <= ceilings.copy_gbs) continue;
      ceilings.copy_gbs = gbs;
      ceilings.copy_kernel = row.name;
    }
  }
  return {};
}

// The products get larger: a row that would now take too long, or is far from the best, is out.
Status matrix_rate(const Bench& bench, std::span<const KernelRow> rows, Ceilings& ceilings) {
  std::map<std::string, RowRun> last;  // by row and dtype
  for (const cases::Case& test_case : cases::find_cases("linear")) {
    if (!test_case.ceiling) continue;
    for (const KernelRow& row : rows) {
      if (!check_features(row.needs, bench.device.info()).accepted()) continue;
      const std::string key = fmt::format("{}, {}", row.name, dtype_name(test_case.operands[0].desc.dtype));
      if (const auto found = last.find(key); found != last.end()) {
        const RowRun& before = found->second;
        const bool slow = 8 * before.seconds > kLongSeconds;  // sides double from one size to the next
        if (before.seconds <= 0 || slow || before.flops / before.seconds < 0.3e12 * ceilings.matrix_tflops)
          continue;
      }
      TAMIS_ASSIGN_OR_RETURN(const double needed, CallData::needed_bytes(*find_op(row.op), test_case));
      if (static_cast<double>(affordable_bytes(bench.device, 1ll << 40)) * 4 < needed) continue;
      TAMIS_ASSIGN_OR_RETURN(const RowRun run, time_row(bench, row, test_case, 3));
      last[key] = run;
      const double tflops = run.seconds > 0 ? run.flops / run.seconds * 1e-12 : 0.0;
      if (tflops <= ceilings.matrix_tflops) continue;
      ceilings.matrix_tflops = tflops;
      ceilings.matrix_kernel = fmt::format("{} {}", row.name, test_case.name);
    }
  }
  return {};
}

}  // namespace

void Ceilings::fill(Row& row) const {
  row.copy_gbs = copy_gbs;
  row.copy_kernel = copy_kernel;
  row.read_gbs = read_gbs;
  row.fma_tflops = fma_tflops;
  row.matrix_tflops = matrix_tflops;
  row.matrix_kernel = matrix_kernel;
  row.step_us = step_us;
}

Result<Ceilings> measure_ceilings(const Bench& bench, const Backend& backend) {
  Ceilings ceilings;
  TAMIS_RETURN_IF_ERROR(queue_copy_rate(bench, ceilings));
  if (bench.device.info().backend == "cpu") {
    ceilings.read_gbs = host_read_gbs(bench.device.info().units);
    ceilings.fma_tflops = host_fma_tflops(bench.device.info().units);
  } else {
    TAMIS_RETURN_IF_ERROR(row_copy_rate(bench, backend.rows("gather_rows"), ceilings));
  }
  TAMIS_ASSIGN_OR_RETURN(const double step, step_overhead_seconds(bench, backend.rows("residual_add")));
  ceilings.step_us = step * 1e6;
  TAMIS_RETURN_IF_ERROR(matrix_rate(bench, backend.rows("linear"), ceilings));
  return ceilings;
}

}  // namespace tamis::bench
