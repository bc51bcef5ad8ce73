// The subcommands of `tamis bench`, each in a file of its own, and what they share.
#pragma once

#include <CLI/CLI.hpp>

#include "bench/formats.h"
#include "bench/op_bench.h"

namespace tamis::apps {

void add_bench_op(CLI::App& bench, int& exit_code);
void add_bench_layer(CLI::App& bench, int& exit_code);
void add_bench_model(CLI::App& bench, int& exit_code);
void add_bench_compare(CLI::App& bench, int& exit_code);

// Rows to standard output in `format` as they come, messages to standard error.
Status print_rows(const std::string& format,
                  const std::function<Result<bench::OpTotals>(const bench::OpReport&)>& measure);

}  // namespace tamis::apps
