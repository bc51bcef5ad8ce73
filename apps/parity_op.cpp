// tamis parity op: kernel rows against the oracles, and devices against each other. Builds without the tests
// have no cases; there it says so.
#include <memory>

#include "apps/commands.h"
#include "apps/parity.h"
#ifdef TAMIS_PARITY
#include "tests/parity/command.h"
#endif

namespace tamis::apps {

constexpr const char* kOpHelp = "Every kernel row on every case, against the oracles and between devices";

#ifdef TAMIS_PARITY

namespace {

void run(const parity::Arguments& arguments, int& exit_code) {
  const Result<int> result = run_command(arguments);
  exit_code = result.ok() ? *result : report(result.status());
}

}  // namespace

void add_parity_op(CLI::App& parity, int& exit_code) {
  const auto arguments = std::make_shared<parity::Arguments>();
  CLI::App* command = parity.add_subcommand("op", kOpHelp);
  add_options(*command, *arguments);
  command->callback([arguments, &exit_code] { run(*arguments, exit_code); });
  add_options(parity, *arguments);
  parity.callback([&parity, arguments, &exit_code] {
    if (parity.get_subcommands().empty()) run(*arguments, exit_code);
  });
}

#else

void add_parity_op(CLI::App& parity, int& exit_code) {
  CLI::App* command = parity.add_subcommand("op", kOpHelp);
  command->allow_extras();
  command->callback([&exit_code] {
    exit_code = report(unsupported("parity op: this build has no cases: configure with -DTAMIS_TESTS=ON"));
  });
}

#endif

}  // namespace tamis::apps
