#include "tests/parity/command.h"

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "tests/parity/expected.h"
#include "tests/parity/formats.h"

namespace tamis::parity {
namespace {

Status write_text(const std::string& path, const std::string& text) {
  if (path.empty()) return {};
  std::ofstream out(path, std::ios::binary);
  out << text << std::flush;
  return out ? Status() : not_found("{}: cannot be written", path);
}

}  // namespace

void add_options(CLI::App& command, Arguments& arguments) {
  Request& request = arguments.request;
  command.add_option("--op", request.ops, "only these ops")->delimiter(',');
  command.add_option("--case", request.cases, "only these cases, by name or by number")->delimiter(',');
  command.add_option("--row", request.rows, "only these kernel rows")->delimiter(',');
  command
      .add_option("--device", request.devices,
                  "cpu, cuda, cuda:1, …; two are also compared with each other; default: every device")
      ->delimiter(',');
  command.add_option("--seed", request.seed, "of the cases' data")->capture_default_str();
  command
      .add_option(
          "--repeat", request.guard.runs,
          "how often every row runs on a case; all runs must give the same bits, so 1 shows nothing of "
          "missing barriers")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  command.add_flag(
      "!--no-poison", request.guard.poison,
      "leave outputs and workspace as the device gives them, for tools that find reads of memory "
      "that nobody wrote");
  command.add_option("--max-elements", request.max_elements,
                     "only cases whose inputs have no more elements together; 0: all");
  command.add_option("--save", request.save_path, "write the outputs of the device, for --against elsewhere");
  command.add_option("--against", request.against_path, "compare with a file that --save wrote");
  command.add_option("--json", arguments.json_path, "also write the report as JSON to this file");
  command.add_option("--html", arguments.html_path, "also write the report as a page to this file");
  command.add_option("--expected", arguments.expected,
                     "folder of <backend>.txt, what is known to be unsupported or to fail; none: nothing is "
                     "(default: tests/expected of the source tree around the program)");
  command.add_flag("--verbose", arguments.verbose, "say what was skipped and why");
}

Result<int> run_command(const Arguments& arguments) {
  Request request = arguments.request;
  if (arguments.expected.empty()) request.expected_folder = find_expected_folder();
  if (!arguments.expected.empty() && arguments.expected != "none") {
    if (!std::filesystem::is_directory(arguments.expected))
      return not_found("--expected {}: no such folder", arguments.expected);
    request.expected_folder = arguments.expected;
  }
  const auto print = [](const std::string& text) {
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
  };
  TAMIS_ASSIGN_OR_RETURN(const Report report, run_ops(request, [&](const Report& part) {
                           print(op_text(part, arguments.verbose));
                         }));
  print(summary_text(report, arguments.verbose));
  TAMIS_RETURN_IF_ERROR(write_text(arguments.json_path, report_json(report).dump(1) + "\n"));
  TAMIS_RETURN_IF_ERROR(write_text(arguments.html_path, report_html(report)));
  const Totals totals = count(report);
  return totals.failed == 0 && totals.passed > 0 ? 0 : 1;
}

}  // namespace tamis::parity
