#include "bench/op_bench.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>

#include "bench/energy.h"
#include "bench/machine.h"
#include "bench/observer.h"
#include "bench/statistics.h"
#include "core/backend/registry.h"

namespace tamis::bench {
namespace {

// Weights that cases share; a GPU has room for two layouts of all experts.
std::int64_t weight_pool_bytes(const Device& device) {
  constexpr std::int64_t kLeast = 4ll << 30;
  return device.info().backend == "cpu" ? kLeast : std::max(kLeast, device.free_bytes() / 2);
}
constexpr double kMemoryShare = 0.8;     // of what is free, for one case
constexpr double kEnoughSeconds = 0.05;  // of launches, over all rounds

bool names(const std::vector<std::string>& parts, std::string_view name) {
  return parts.empty() || std::any_of(parts.begin(), parts.end(), [&](const std::string& part) {
           return name.find(part) != std::string_view::npos;
         });
}

// The perf cases of an op, at the token counts asked for. Large ones are for GPUs; a case that is named, or
// whose token count is, runs anywhere.
cases::CaseList perf_cases(const char* op, const OpOptions& options, bool cpu) {
  const bool small_too = options.grid != Grid::kLarge;
  const bool large_too = options.grid == Grid::kLarge || options.grid == Grid::kAll ||
                         (options.grid == Grid::kAuto && (!cpu || !options.cases.empty()));
  cases::CaseList list;
  std::set<std::string> seen;
  const auto add = [&](const cases::Case& c) {
    if (names(options.cases, c.name) && seen.insert(c.name).second) list.push_back(c);
  };
  for (const cases::Case& c : cases::find_cases(op)) {
    if (!c.perf || c.ceiling || !(c.large ? large_too : small_too)) continue;
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
      : options_(options),
        report_(report),
        device_(device),
        backend_(backend),
        pool_(weight_pool_bytes(device)),
        observer_(device.info()) {}

  Status start() {
    TAMIS_ASSIGN_OR_RETURN(queue_, device_.create_queue());
    bench_.emplace(Bench{device_, *queue_, pool_, options_.seed});
    TAMIS_ASSIGN_OR_RETURN(machine_, describe_run(*bench_, backend_, options_.ceilings, report_.message));
    TAMIS_ASSIGN_OR_RETURN(flusher_, Flusher::make(*bench_));
    return {};
  }

  // Every row in every round, so that a row's times come from different moments. A row is reported when its
  // last round is over.
  void run_op(const OpDef& op, OpTotals& totals) {
    const cases::CaseList list = perf_cases(op.name, options_, device_.info().backend == "cpu");
    std::vector<Pending> pending;
    for (const cases::Case& test_case : list) {
      for (const KernelRow& row : backend_.rows(op.name)) {
        if (!names(options_.kernels, row.name)) continue;
        const std::size_t before = pending.size();
        const Status status = add_pending({op, test_case, row}, pending);
        if (!status.ok()) fail(row.name, test_case.name, status, totals);
        if (pending.size() > before) end_round(pending.back(), 1, totals);
      }
    }
    for (std::int64_t round = 2; round <= options_.rounds; ++round) {
      for (Pending& one : pending) {
        if (!one.status.ok()) continue;
        measure_round(one);
        end_round(one, round, totals);
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

  // A kernel row on a case whose rounds are under way; one report a flush mode.
  struct Pending {
    const OpDef& op;
    cases::Case test_case;
    const KernelRow& kernel;
    std::vector<Row> rows;
    std::vector<std::vector<std::vector<double>>> samples_us;  // by flush mode and round
    Status status;
  };

  void fail(const char* row, const std::string& test_case, const Status& status, OpTotals& totals) {
    ++totals.failed;
    report_.message(fmt::format("FAIL {} on {}: {}", row, test_case, status.message()));
  }

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

  // Whether the row takes the case; its operands are made.
  Result<bool> takes(const Work& work) {
    TAMIS_RETURN_IF_ERROR(set_case(work.op, work.test_case));
    if (!check_features(work.row.needs, device_.info()).accepted()) return false;
    return work.row.accepts == nullptr || work.row.accepts(device_.info(), data_->planned()).accepted();
  }

  // How many tokens of the case keep a launch within the limit, from launches over a 64th and a 16th of them.
  // All of them where the row does not take so few.
  Result<std::int64_t> fitting_tokens(const Work& work) {
    const std::int64_t tokens = work.test_case.tokens;
    if (!work.test_case.at_tokens || tokens < 2) return tokens;
    std::vector<Probe> probes;
    for (std::int64_t divisor : {64, 16}) {
      const std::int64_t few = std::max<std::int64_t>(1, tokens / divisor);
      if (!probes.empty() && static_cast<double>(few) <= probes.back().tokens) break;
      const cases::Case fewer = work.test_case.at_tokens(few);
      const Work small{work.op, fewer, work.row};
      TAMIS_ASSIGN_OR_RETURN(const bool taken, takes(small));
      if (!taken) return tokens;
      TAMIS_ASSIGN_OR_RETURN(const double seconds, probe(small));
      probes.push_back({static_cast<double>(few), seconds});
      if (predict(probes, static_cast<double>(tokens)) <= options_.longest_seconds) return tokens;
      if (seconds > options_.longest_seconds) break;
    }
    return shrink(probes, tokens, options_.longest_seconds);
  }

  // The first round of a row, if the row takes the case.
  Status add_pending(const Work& work, std::vector<Pending>& pending) {
    TAMIS_ASSIGN_OR_RETURN(const bool taken, takes(work));
    if (!taken) return {};
    const RowChoice choice = choose_row(backend_.rows(work.op.name), device_.info(), data_->planned());
    Row row = machine_;
    row.op = work.op.name;
    row.case_name = work.test_case.name;
    row.kernel = work.row.name;
    row.accuracy = work.row.numerics.accuracy;
    row.chosen = choice.row == &work.row;
    if (options_.chosen_only && !row.chosen) return {};
    row.asked_tokens = work.test_case.tokens;
    TAMIS_ASSIGN_OR_RETURN(row.tokens, fitting_tokens(work));
    cases::Case sized = work.test_case;
    if (row.tokens != row.asked_tokens) {
      row.note = fmt::format("shrunk from {} to {} tokens", row.asked_tokens, row.tokens);
      sized = work.test_case.at_tokens(row.tokens);
    }
    Pending one{work.op, std::move(sized), work.row, {}, {}, {}};
    one.rows.assign(options_.flush.size(), row);
    one.samples_us.resize(options_.flush.size());
    measure_round(one);
    pending.push_back(std::move(one));
    return {};
  }

  void measure_round(Pending& one) { one.status = try_round(one); }

  // Reports what is known of the row: that it failed, how the round went, or all of it.
  void end_round(const Pending& one, std::int64_t round, OpTotals& totals) {
    if (!one.status.ok()) return fail(one.kernel.name, one.test_case.name, one.status, totals);
    for (std::size_t f = 0; f < one.rows.size(); ++f) {
      if (round < options_.rounds) {
        report_.message(fmt::format("{} on {}, {}: {:.4g} us in round {} of {}", one.kernel.name,
                                    one.test_case.name, one.rows[f].flush,
                                    summarize(one.samples_us[f].back()).median, round, options_.rounds));
        continue;
      }
      Row row = one.rows[f];
      set_rounds(row, one.samples_us[f]);
      ++totals.measured;
      report_.row(row);
    }
  }

  Status try_round(Pending& one) {
    TAMIS_RETURN_IF_ERROR(set_case(one.op, one.test_case));
    TAMIS_ASSIGN_OR_RETURN(std::unique_ptr<Launcher> launcher, Launcher::make(*bench_, one.kernel, *data_));
    for (std::size_t f = 0; f < options_.flush.size(); ++f) {
      Row& row = one.rows[f];
      row.flush = options_.flush[f];
      if (one.samples_us[f].empty()) describe_call(one, row);
      TAMIS_ASSIGN_OR_RETURN(std::vector<double> samples, measure_flush(*launcher, row));
      one.samples_us[f].push_back(std::move(samples));
    }
    return {};
  }

  void describe_call(const Pending& one, Row& row) {
    row.shape = data_->shape();
    row.flops = one.op.flops(data_->planned());
    row.bytes = one.op.bytes(data_->planned());
    if (!data_->routing().empty())
      row.note += fmt::format("{}{}", row.note.empty() ? "" : ", ", data_->routing());
  }

  // A GPU that had nothing to do while weights were made on the host has to find its clocks again: on an
  // H100, launches of 180 us took 400 to 750 us at first, and 0.3 s of them alone did not do.
  Status warm_up(const std::function<Status()>& launch, const std::function<Status()>& before) {
    using Clock = std::chrono::steady_clock;
    constexpr std::chrono::duration<double> kIdle{0.1}, kWaking{1.0};
    const bool idle = device_.info().backend != "cpu" && Clock::now() - last_launch_ > kIdle;
    const auto begin = Clock::now();
    do {
      if (idle && before) TAMIS_RETURN_IF_ERROR(before());
      TAMIS_RETURN_IF_ERROR(time_once(*queue_, launch).status());
    } while (idle && Clock::now() - begin < kWaking);
    return {};
  }

  Result<std::vector<double>> measure_flush(Launcher& launcher, Row& row) {
    const auto launch = [&] { return launcher.launch(); };
    std::function<Status()> before;
    if (row.flush == "cold") before = [&] { return flusher_->flush(); };
    const std::string warnings = row.warnings;
    observer_.begin();
    TAMIS_RETURN_IF_ERROR(warm_up(launch, before));
    const Repetitions repetitions{.least = (options_.repetitions + options_.rounds - 1) / options_.rounds,
                                  .enough_seconds = kEnoughSeconds / static_cast<double>(options_.rounds)};
    TAMIS_ASSIGN_OR_RETURN(std::vector<double> samples, time_each(*queue_, launch, before, repetitions));
    last_launch_ = std::chrono::steady_clock::now();
    for (double& sample : samples) sample *= 1e6;
    observer_.end(row);
    if (row.warnings.empty()) row.warnings = warnings;  // of an earlier round
    const bool energy = options_.energy == Energy::kAll || (options_.energy == Energy::kChosen && row.chosen);
    if (energy && row.energy_mj == 0) {
      const EnergyWork work{launch, before, summarize(samples).median * 1e-6};
      TAMIS_ASSIGN_OR_RETURN(const Reading reading, measure_energy(*queue_, observer_, work));
      row.energy_mj = reading.energy_mj;
      row.energy_source = reading.energy_source;
    }
    return samples;
  }

  const OpOptions& options_;
  const OpReport& report_;
  Device& device_;
  const Backend& backend_;
  std::unique_ptr<Queue> queue_;
  WeightPool pool_;
  std::optional<Bench> bench_;
  Row machine_;
  std::unique_ptr<Flusher> flusher_;
  Observer observer_;
  std::unique_ptr<CallData> data_;
  std::string data_key_;
  std::chrono::steady_clock::time_point last_launch_;  // of a measurement
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
  if (options.rounds < 1 || options.rounds > 100)
    return invalid_argument("rounds: expected 1 to 100, found {}", options.rounds);
  return {};
}

}  // namespace

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
