// tamis parity: whether two devices, or two machines, compute the same: kernel rows, one layer, whole models.
#include "apps/parity.h"

#include "apps/commands.h"

namespace tamis::apps {

void add_parity(CLI::App& root, int& exit_code) {
  CLI::App* parity =
      root.add_subcommand("parity", "Check that kernels, devices and machines compute the same");
  parity->require_subcommand(0, 1);
  add_parity_op(*parity, exit_code);
  add_parity_layer(*parity, exit_code);
  add_parity_model(*parity, exit_code);
}

}  // namespace tamis::apps
