// tamis bench: measures kernels, layers and models, and compares such measurements. Builds without the tests
// have neither the cases nor this command's work; there it says so.
#include "apps/commands.h"
#ifdef TAMIS_BENCH
#include "apps/bench_commands.h"
#endif

namespace tamis::apps {

#ifdef TAMIS_BENCH

Status print_rows(const std::string& format,
                  const std::function<Result<bench::OpTotals>(const bench::OpReport&)>& measure) {
  TAMIS_ASSIGN_OR_RETURN(const bench::Format parsed, bench::parse_format(format));
  bench::RowWriter writer(parsed);
  const auto print = [](const std::string& text) {
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
  };
  const auto message = [](const std::string& text) { std::fprintf(stderr, "bench: %s\n", text.c_str()); };
  TAMIS_ASSIGN_OR_RETURN(const bench::OpTotals totals,
                         measure({[&](const bench::Row& row) { print(writer.add(row)); }, message}));
  print(writer.end());
  if (totals.failed > 0) return internal_error("{} of the measurements failed", totals.failed);
  if (totals.measured == 0) return not_found("nothing to measure: no perf case and row of these names");
  return {};
}

void add_bench(CLI::App& root, int& exit_code) {
  CLI::App* command = root.add_subcommand("bench", "Time kernels, layers and models; compare such timings");
  command->require_subcommand(1);
  add_bench_op(*command, exit_code);
  add_bench_layer(*command, exit_code);
  add_bench_model(*command, exit_code);
  add_bench_compare(*command, exit_code);
}

#else

void add_bench(CLI::App& root, int& exit_code) {
  CLI::App* command = root.add_subcommand("bench", "Time kernels (not in this build)");
  command->allow_extras();
  command->callback([&exit_code] {
    exit_code = report(unsupported("bench: this build has no benchmarks: configure with -DTAMIS_TESTS=ON"));
  });
}

#endif

}  // namespace tamis::apps
