// Declares the function of every line in commands.def, and what all commands share.
#pragma once

#include <CLI/CLI.hpp>

#include "core/base/status.h"

namespace tamis::apps {

#define COMMAND(name) void add_##name(CLI::App& root, int& exit_code);
#include "apps/commands.def"
#undef COMMAND

// Prints "tamis: <message>" on stderr when not ok. Returns the process exit code: 0 or 1.
int report(const Status& status);

// All of standard input; all of a file.
std::string read_stdin();
Result<std::string> read_file(const std::string& path);

}  // namespace tamis::apps
