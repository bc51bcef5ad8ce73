// What a row marked Invariance::kBatch promises: the bits of a token's result do not depend on the tokens
// beside it, nor on its place among them, which in a kernel means on its tile.
#pragma once

#include "core/backend/kernel_table.h"
#include "tests/harness/parity.h"

namespace tamis::harness {

// Launches the row on other batches of the case's tokens (the last one alone, all in the opposite order, all
// twice) and compares bit for bit with `outputs`, which it gave for the case. An error names the batch, the
// operand and the token, or says that the row rejects the batch, after which another row would compute it.
// Rows of no such promise and ops without OpDef::per_token pass.
Status check_batch_invariance(Device& device, const KernelRow& row, const Subject& subject,
                              const OutputBytes& outputs);

}  // namespace tamis::harness
