// tamis: the command line. Each subcommand is a file of its own (commands.def); this one wires them together.
#include <cstdio>
#include <string_view>

#include <CLI/CLI.hpp>

#include "apps/commands.h"
#include "core/base/log.h"
#include "core/base/settings.h"

namespace {

tamis::LogLevel threshold_from_settings() {
  const std::string level = tamis::settings::log_level();
  if (level == "error") return tamis::LogLevel::kError;
  if (level == "info") return tamis::LogLevel::kInfo;
  if (level == "debug") return tamis::LogLevel::kDebug;
  return tamis::LogLevel::kWarn;
}

}  // namespace

int main(int argc, char** argv) {
  tamis::set_log_sink(
      [](tamis::LogLevel, std::string_view line) {
        std::fprintf(stderr, "tamis: %.*s\n", static_cast<int>(line.size()), line.data());
      },
      threshold_from_settings());

  CLI::App app{"tamis runs models with DeepSeek Sparse Attention on NVIDIA, AMD, Vulkan and CPU devices."};
  app.require_subcommand(1);
  int exit_code = 0;
#define COMMAND(name) tamis::apps::add_##name(app, exit_code);
#include "apps/commands.def"
#undef COMMAND
  CLI11_PARSE(app, argc, argv);
  return exit_code;
}
