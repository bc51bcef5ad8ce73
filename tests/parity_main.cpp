// tamis_parity: every kernel row x every case x every device, against the oracles. One repro line per
// failure; says what was skipped and why with --verbose.
#include <cstdio>
#include <map>

#include <CLI/CLI.hpp>

#include "core/backend/registry.h"
#include "tests/harness/parity.h"

namespace {

struct Options {
  std::string op, case_name, row, device;
  std::uint64_t seed = 1;
  bool verbose = false;
};

struct Totals {
  int passed = 0, failed = 0, skipped = 0;
};

void run_row(tamis::Device& device, const tamis::KernelRow& row, const Options& options, Totals& totals) {
  const tamis::OpDef& op = *tamis::find_op(row.op);
  const tamis::cases::CaseList cases = tamis::cases::find_cases(row.op);
  Totals mine;
  double worst = 0;
  std::map<std::string, int> skips;
  for (const auto& test_case : cases) {
    if (test_case.perf || (!options.case_name.empty() && test_case.name != options.case_name)) continue;
    const auto result = tamis::harness::run_parity(device, row, op, test_case, options.seed);
    if (result.skipped) {
      ++mine.skipped;
      ++skips[result.skip_reason];
    } else if (result.failure.empty()) {
      ++mine.passed;
      worst = std::max(worst, result.worst_error);
    } else {
      ++mine.failed;
      std::printf("FAIL %s: %s\n  repro: tamis_parity --op %s --row %s --case %s --seed %llu --device %s\n",
                  row.name, result.failure.c_str(), row.op, row.name, test_case.name.c_str(),
                  static_cast<unsigned long long>(options.seed), device.info().backend.c_str());
    }
  }
  std::printf("%-40s %4d passed %3d failed %3d skipped  worst error %.2g\n", row.name, mine.passed,
              mine.failed, mine.skipped, worst);
  if (options.verbose) {
    for (const auto& [reason, count] : skips) std::printf("    skipped %d: %s\n", count, reason.c_str());
  }
  totals.passed += mine.passed;
  totals.failed += mine.failed;
  totals.skipped += mine.skipped;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Runs every kernel row of every device on every case and compares with the double-precision oracles."};
  Options options;
  app.add_option("--op", options.op, "only this op");
  app.add_option("--case", options.case_name, "only this case");
  app.add_option("--row", options.row, "only this kernel row");
  app.add_option("--device", options.device, "only this backend, or this device of it: cuda, cuda:1");
  app.add_option("--seed", options.seed, "seed of the case data")->capture_default_str();
  app.add_flag("--verbose", options.verbose, "say what was skipped and why");
  CLI11_PARSE(app, argc, argv);

  if (!options.device.empty()) {
    if (const auto device = tamis::Registry::instance().device(options.device); !device.ok()) {
      std::fprintf(stderr, "%s\n", device.status().message().c_str());
      return 1;
    }
  }
  Totals totals;
  for (const tamis::BackendRecord& record : tamis::Registry::instance().backends()) {
    for (std::size_t i = 0; i < record.devices.size(); ++i) {
      if (!options.device.empty() && options.device != record.name &&
          options.device != fmt::format("{}:{}", record.name, i))
        continue;
      const auto& device = record.devices[i];
      for (const tamis::OpDef* op : tamis::all_ops()) {
        if (!options.op.empty() && options.op != op->name) continue;
        for (const tamis::KernelRow& row : record.backend->rows(op->name)) {
          if (options.row.empty() || options.row == row.name) run_row(*device, row, options, totals);
        }
      }
    }
  }
  std::printf("%d passed, %d failed, %d skipped\n", totals.passed, totals.failed, totals.skipped);
  return totals.failed == 0 && totals.passed > 0 ? 0 : 1;
}
