// `tamis parity op`: its options, and what it does with them. The program tamis_parity is the same command by
// itself.
#pragma once

#include <CLI/CLI.hpp>

#include "tests/parity/run.h"

namespace tamis::parity {

struct Arguments {
  Request request;
  std::string json_path, html_path, expected;
  bool verbose = false;
};

void add_options(CLI::App& command, Arguments& arguments);

// Prints the report as it comes. The exit code: 0 if something passed and nothing failed.
Result<int> run_command(const Arguments& arguments);

}  // namespace tamis::parity
