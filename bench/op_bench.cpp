#include "bench/op_bench.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include "bench/environment.h"
#include "bench/statistics.h"
#include "core/backend/registry.h"

namespace tamis::bench {
namespace {

constexpr std::int64_t kMostCounts = 1000;
constexpr std::int64_t kWeightPoolBytes = 4ll << 30;
constexpr double kMemoryShare = 0.8;   // of what is free, for one case
constexpr double kBusyCores = 0.1;     // others' load from which a row carries a warning
constexpr double kSlowerClock = 0.95;  // of the clock before, from which a row carries a warning

Result<std::int64_t> parse_count(std::string_view text, std::string_view list) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1 || value > (1 << 30))
    return invalid_argument("{}: expected counts and ranges as in 1,8-64*2,100-130+10, found \"{}\"", list,
                            text);
  return value;
}

// FIRST-LAST, FIRST-LAST+STEP or FIRST-LAST*FACTOR.
Status add_range(std::string_view range, std::string_view list, std::vector<std::int64_t>& counts) {
  const std::size_t dash = range.find('-');
  TAMIS_ASSIGN_OR_RETURN(const std::int64_t first, parse_count(range.substr(0, dash), list));
  if (dash == std::string_view::npos) {
    counts.push_back(first);
    return {};
  }
  std::string_view rest = range.substr(dash + 1);
  const std::size_t sign = rest.find_first_of("+*");
  TAMIS_ASSIGN_OR_RETURN(const std::int64_t last, parse_count(rest.substr(0, sign), list));
  std::int64_t step = 1;
  const bool factor = sign != std::string_view::npos && rest[sign] == '*';
  if (sign != std::string_view::npos) {
    TAMIS_ASSIGN_OR_RETURN(step, parse_count(rest.substr(sign + 1), list));
  }
  if (last < first || (factor && step < 2)) return invalid_argument("{}: empty range \"{}\"", list, range);
  for (std::int64_t value = first; value <= last; value = factor ? value * step : value + step) {
    if (static_cast<std::int64_t>(counts.size()) >= kMostCounts)
      return invalid_argument("{}: more than {} counts", list, kMostCounts);
    counts.push_back(value);
  }
  return {};
}

bool names(const std::vector<std::string>& parts, std::string_view name) {
  return parts.empty() || std::any_of(parts.begin(), parts.end(), [&](const std::string& part) {
           return name.find(part) != std::string_view::npos;
         });
}

// The perf cases of an op, at the token counts asked for.
cases::CaseList perf_cases(const char* op, const OpOptions& options) {
  cases::CaseList list;
  std::set<std::string> seen;
  const auto add = [&](const cases::Case& c) {
    if (names(options.cases, c.name) && seen.insert(c.name).second) list.push_back(c);
  };
  for (const cases::Case& c : cases::find_cases(op)) {
    if (!c.perf || c.ceiling) continue;
    if (options.tokens.empty() || !c.at_tokens) {
      add(c);
      continue;
    }
    for (std::int64_t tokens : options.tokens) add(c.at_tokens(tokens));
  }
  return list;
}

// One device's run.
class DeviceRun {
 public:
  DeviceRun(const OpOptions& options, const OpReport& report, Device& device, const Backend& backend)
      : options_(options), report_(report), device_(device), backend_(backend), pool_(kWeightPoolBytes) {}

  Status start() {
    TAMIS_ASSIGN_OR_RETURN(queue_, device_.create_queue());
    bench_.emplace(Bench{device_, *queue_, pool_, options_.seed});
    describe_machine(device_.info(), machine_);
    sensor_ = open_sensor(device_.info());
    TAMIS_ASSIGN_OR_RETURN(flusher_, Flusher::make(*bench_));
    if (!options_.ceilings) return {};
    report_.message(fmt::format("{}: measuring ceilings", device_.info().name));
    TAMIS_ASSIGN_OR_RETURN(const Ceilings ceilings, measure_ceilings(*bench_, backend_.rows("linear")));
    ceilings.fill(machine_);
    report_.message("ceilings: " + describe_ceilings(machine_));
    return {};
  }

  void run_op(const OpDef& op, OpTotals& totals) {
    for (const cases::Case& test_case : perf_cases(op.name, options_)) {
      for (const KernelRow& row : backend_.rows(op.name)) {
        if (!names(options_.kernels, row.name)) continue;
        const Status status = run_row({op, test_case, row}, totals);
        if (status.ok()) continue;
        ++totals.failed;
        report_.message(fmt::format("FAIL {} on {}: {}", row.name, test_case.name, status.message()));
      }
    }
    data_.reset();
  }

 private:
  struct Work {
    const OpDef& op;
    const cases::Case& test_case;
    const KernelRow& row;
  };

  // Data of the case, made again only when the case changes.
  Status set_case(const OpDef& op, const cases::Case& test_case) {
    const std::string key = fmt::format("{} {}", op.name, test_case.name);
    if (data_ != nullptr && key == data_key_) return {};
    data_.reset();
    TAMIS_ASSIGN_OR_RETURN(const double bytes, CallData::needed_bytes(op, test_case));
    const double free = static_cast<double>(device_.free_bytes());
    if (free > 0 && bytes > kMemoryShare * free)
      return out_of_memory("needs {:.1f} GB, {:.1f} GB are free", bytes * 1e-9, free * 1e-9);
    TAMIS_ASSIGN_OR_RETURN(data_, CallData::make(*bench_, op, test_case));
    data_key_ = key;
    return {};
  }

  // Seconds of one launch, after another one to warm up.
  Result<double> probe(const Work& work) {
    TAMIS_RETURN_IF_ERROR(set_case(work.op, work.test_case));
    TAMIS_ASSIGN_OR_RETURN(std::unique_ptr<Launcher> launcher, Launcher::make(*bench_, work.row, *data_));
    const auto launch = [&] { return launcher->launch(); };
    TAMIS_RETURN_IF_ERROR(time_once(*queue_, launch).status());
    return time_once(*queue_, launch);
  }

  // How many tokens of the case keep a launch within the limit, from launches over a 64th and a 16th of them.
  Result<std::int64_t> fitting_tokens(const Work& work) {
    const std::int64_t tokens = work.test_case.tokens;
    if (!work.test_case.at_tokens || tokens < 2) return tokens;
    std::vector<Probe> probes;
    for (std::int64_t divisor : {64, 16}) {
      const std::int64_t few = std::max<std::int64_t>(1, tokens / divisor);
      if (!probes.empty() && static_cast<double>(few) <= probes.back().tokens) break;
      const cases::Case small = work.test_case.at_tokens(few);
      TAMIS_ASSIGN_OR_RETURN(const double seconds, probe({work.op, small, work.row}));
      probes.push_back({static_cast<double>(few), seconds});
      if (predict(probes, static_cast<double>(tokens)) <= options_.longest_seconds) return tokens;
      if (seconds > options_.longest_seconds) break;
    }
    return shrink(probes, tokens, options_.longest_seconds);
  }

  Status run_row(const Work& work, OpTotals& totals) {
    TAMIS_RETURN_IF_ERROR(set_case(work.op, work.test_case));
    const RowChoice choice = choose_row(backend_.rows(work.op.name), device_.info(), data_->planned());
    if (!check_features(work.row.needs, device_.info()).accepted()) return {};
    if (work.row.accepts != nullptr && !work.row.accepts(device_.info(), data_->planned()).accepted())
      return {};
    Row row = machine_;
    row.op = work.op.name;
    row.case_name = work.test_case.name;
    row.kernel = work.row.name;
    row.accuracy = work.row.numerics.accuracy;
    row.chosen = choice.row == &work.row;
    if (options_.chosen_only && !row.chosen) return {};
    row.asked_tokens = work.test_case.tokens;
    TAMIS_ASSIGN_OR_RETURN(row.tokens, fitting_tokens(work));
    if (row.tokens == row.asked_tokens) return measure(work, row, totals);
    row.note = fmt::format("shrunk from {} to {} tokens", row.asked_tokens, row.tokens);
    const cases::Case small = work.test_case.at_tokens(row.tokens);
    return measure({work.op, small, work.row}, row, totals);
  }

  Status measure(const Work& work, Row row, OpTotals& totals) {
    TAMIS_RETURN_IF_ERROR(set_case(work.op, work.test_case));
    TAMIS_ASSIGN_OR_RETURN(std::unique_ptr<Launcher> launcher, Launcher::make(*bench_, work.row, *data_));
    row.shape = data_->shape();
    row.flops = work.op.flops(data_->planned());
    row.bytes = work.op.bytes(data_->planned());
    if (!data_->routing().empty())
      row.note += fmt::format("{}{}", row.note.empty() ? "" : ", ", data_->routing());
    for (const std::string& flush : options_.flush) {
      row.flush = flush;
      TAMIS_RETURN_IF_ERROR(measure_flush(*launcher, row));
      ++totals.measured;
      report_.row(row);
    }
    return {};
  }

  Status measure_flush(Launcher& launcher, Row& row) {
    const auto launch = [&] { return launcher.launch(); };
    std::function<Status()> before;
    if (row.flush == "cold") before = [&] { return flusher_->flush(); };
    const Reading start = sensor_ != nullptr ? sensor_->read() : Reading{};
    TAMIS_RETURN_IF_ERROR(time_once(*queue_, launch).status());  // warm-up
    const Repetitions repetitions{.least = options_.repetitions};
    TAMIS_ASSIGN_OR_RETURN(std::vector<double> samples, time_each(*queue_, launch, before, repetitions));
    for (double& sample : samples) sample *= 1e6;
    const Reading end = sensor_ != nullptr ? sensor_->read() : Reading{};
    set_samples(row, std::move(samples));
    row.clock_before_mhz = start.clock_mhz, row.clock_after_mhz = end.clock_mhz;
    row.power_cap_w = end.power_cap_w;
    // Flushes would count as the launch's energy.
    const bool energy = row.flush == "warm" && end.energy_mj > start.energy_mj;
    row.energy_mj = energy ? (end.energy_mj - start.energy_mj) / static_cast<double>(row.repetitions + 1) : 0;
    row.energy_source = energy ? end.energy_source : "";
    add_warnings(start, end, row);
    return {};
  }

  void add_warnings(const Reading& start, const Reading& end, Row& row) {
    std::vector<std::string> warnings = standing_warnings(row);
    if (const double cores = load_.other_cores(); cores >= 0) other_cores_ = cores;
    if (other_cores_ > kBusyCores) warnings.push_back(fmt::format("other load: {:.1f} cores", other_cores_));
    if (!end.throttling.empty()) warnings.push_back("throttled: " + end.throttling);
    if (end.clock_mhz > 0 && end.clock_mhz < kSlowerClock * start.clock_mhz)
      warnings.emplace_back("the clock fell while measuring");
    row.warnings.clear();
    for (const std::string& w : warnings)
      row.warnings += fmt::format("{}{}", row.warnings.empty() ? "" : "; ", w);
  }

  const OpOptions& options_;
  const OpReport& report_;
  Device& device_;
  const Backend& backend_;
  std::unique_ptr<Queue> queue_;
  WeightPool pool_;
  std::optional<Bench> bench_;
  Row machine_;
  std::unique_ptr<Sensor> sensor_;
  std::unique_ptr<Flusher> flusher_;
  LoadMeter load_;
  double other_cores_ = 0;  // of the last interval that was long enough to tell
  std::unique_ptr<CallData> data_;
  std::string data_key_;
};

Status check(const OpOptions& options) {
  for (const std::string& op : options.ops) {
    if (find_op(op.c_str()) == nullptr) return not_found("there is no op {}", op);
  }
  for (const std::string& flush : options.flush) {
    if (flush != "cold" && flush != "warm")
      return invalid_argument("flush: expected cold or warm, found {}", flush);
  }
  if (options.repetitions < 5 || options.repetitions > 100000)
    return invalid_argument("repetitions: expected 5 to 100000, found {}", options.repetitions);
  return {};
}

}  // namespace

Result<std::vector<std::int64_t>> parse_counts(const std::string& text) {
  std::vector<std::int64_t> counts;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t comma = rest.find(',');
    TAMIS_RETURN_IF_ERROR(add_range(rest.substr(0, comma), text, counts));
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  return counts;
}

Result<OpTotals> bench_ops(const OpOptions& options, const OpReport& report) {
  TAMIS_RETURN_IF_ERROR(check(options));
  OpTotals totals;
  for (const std::string& name : options.devices) {
    TAMIS_ASSIGN_OR_RETURN(const std::shared_ptr<Device> device, Registry::instance().device(name));
    const Backend* backend = Registry::instance().backend(device->info().backend);
    if (backend == nullptr) return not_found("{}: no backend {}", name, device->info().backend);
    DeviceRun run(options, report, *device, *backend);
    TAMIS_RETURN_IF_ERROR(run.start());
    for (const OpDef* op : all_ops()) {
      const bool asked = options.ops.empty() ||
                         std::find(options.ops.begin(), options.ops.end(), op->name) != options.ops.end();
      if (asked) run.run_op(*op, totals);
    }
  }
  return totals;
}

}  // namespace tamis::bench
