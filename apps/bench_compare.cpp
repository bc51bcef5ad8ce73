// tamis bench compare.
#ifdef TAMIS_BENCH
#include <cstdio>
#include <fstream>
#include <memory>

#include "apps/bench_commands.h"
#include "apps/commands.h"
#include "bench/compare.h"

namespace tamis::apps {
namespace {

struct CompareArguments {
  std::vector<std::string> files;
  std::string format = "md", html;
};

Status run_compare(const CompareArguments& arguments) {
  if (arguments.format != "md" && arguments.format != "csv")
    return invalid_argument("format: expected md or csv, found {}", arguments.format);
  std::vector<bench::RowFile> files;
  for (const std::string& name : arguments.files) {
    TAMIS_ASSIGN_OR_RETURN(const std::string text, read_file(name));
    TAMIS_ASSIGN_OR_RETURN(std::vector<bench::Row> rows, bench::read_rows(text, name));
    files.push_back({name, std::move(rows)});
  }
  const bench::CompareResult result = bench::compare(files);
  const std::string text =
      arguments.format == "csv" ? bench::compare_csv(files, result) : bench::compare_markdown(files, result);
  std::fputs(text.c_str(), stdout);
  if (arguments.html.empty()) return {};
  std::ofstream out(arguments.html, std::ios::binary);
  out << bench::compare_html(files, result) << std::flush;
  if (!out) return invalid_argument("{}: cannot be written", arguments.html);
  return {};
}

}  // namespace

void add_bench_compare(CLI::App& bench, int& exit_code) {
  CLI::App* command = bench.add_subcommand("compare", "Say where runs of bench op differ beyond their noise");
  const auto arguments = std::make_shared<CompareArguments>();
  command->add_option("files", arguments->files, "json or jsonl of bench op; the first is the base")
      ->required();
  command->add_option("-o,--output", arguments->format, "md or csv")->capture_default_str();
  command->add_option("--html", arguments->html, "also write a page with plots to this file");
  command->callback([arguments, &exit_code] { exit_code = report(run_compare(*arguments)); });
}

}  // namespace tamis::apps
#endif
