// The subcommands of `tamis parity`.
#pragma once

#include <CLI/CLI.hpp>

namespace tamis::apps {

// Also what `tamis parity` does without a subcommand: it takes the same options.
void add_parity_op(CLI::App& parity, int& exit_code);
void add_parity_model(CLI::App& parity, int& exit_code);
void add_parity_layer(CLI::App& parity, int& exit_code);

}  // namespace tamis::apps
