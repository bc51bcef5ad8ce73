// Parity: runs a kernel row on a device and compares it with the oracle. Buffers stand between sentinels;
// outputs and workspace start poisoned; inputs must come back unchanged; a second run and all after it must
// give the same bits, and where the row may be captured they are replays of a capture made with other inputs.
// The first run has a barrier behind every command on devices that have such a mode, the others have not.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/backend/backend_api.h"
#include "core/backend/kernel_table.h"
#include "tests/cases/case.h"
#include "tests/harness/compare.h"
#include "tests/harness/guarded_run.h"
#include "tests/harness/host_instance.h"

namespace tamis::harness {

// What a call wrote: per operand row-major memory, empty for operands that are not written.
using OutputBytes = std::vector<std::vector<std::byte>>;

// A case made concrete, with the oracle's answer: made once, every row of every device is held to it.
struct Subject {
  const OpDef* op = nullptr;
  const cases::Case* test_case = nullptr;
  HostInstance host;
  std::vector<cases::OperandResult> expected;  // `actual` empty

  OpCall call() const { return host.call(*op, *test_case); }
  bool written(std::size_t operand) const;
  // Of the operands: two machines compare only what was computed from the same inputs. Params are left out,
  // as the gaps between their fields hold anything.
  std::uint64_t input_digest() const;
  // "f32", or "bf16*e4m3" where the weights' dtype is another one.
  std::string dtypes() const;
};

// The case must outlive the result. An error: the case is malformed, or the oracle refuses it.
Result<Subject> make_subject(const OpDef& op, const cases::Case& test_case, std::uint64_t seed);

// Why the row does not take the call on this device, or accepted.
Reason takes(const Device& device, const KernelRow& row, const OpCall& call);

// Runs the row as often as the options say. An error names what it did wrong, whatever the numbers.
Result<OutputBytes> run_guarded(Device& device, const KernelRow& row, const Subject& subject,
                                const GuardOptions& options = {});

struct Judgement {
  std::string failure;  // empty: within the contract
  // Over the float operands. Where the case compares in its own way, what is allowed is not one number.
  double worst = 0, normalised = 0;
  double allowed = -1;  // of the operand with the worst error; -1: the case's own comparison
};

// Outputs held to the oracle.
Judgement judge(const Subject& subject, const OutputBytes& outputs);

}  // namespace tamis::harness
