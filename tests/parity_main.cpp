// tamis_parity: `tamis parity op` by itself.
#include <cstdio>

#include "tests/parity/command.h"

int main(int argc, char** argv) {
  CLI::App app{
      "Runs every kernel row of every device on every case and compares with the double-precision oracles."};
  tamis::parity::Arguments arguments;
  add_options(app, arguments);
  CLI11_PARSE(app, argc, argv);
  const tamis::Result<int> result = run_command(arguments);
  if (!result.ok()) std::fprintf(stderr, "tamis_parity: %s\n", result.status().message().c_str());
  return result.ok() ? *result : 1;
}
