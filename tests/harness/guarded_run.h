// One call of a kernel row on a device, made to find what the row must not do: every buffer stands between
// sentinels, outputs and workspace start poisoned, inputs must come back unchanged.
#pragma once

#include <memory>
#include <vector>

#include "core/backend/kernel_table.h"
#include "tests/harness/host_instance.h"

namespace tamis::harness {

// Memory of a tensor, row-major, strides removed.
std::vector<std::byte> pack(const TensorDesc& desc, std::byte* memory);

// How a row is run on a case.
struct GuardOptions {
  int runs = 2;  // 1: as the row asks, captured where it can be; more: compared, the first with full barriers
  // Outputs and workspace hold NaN before a run; false: what the device gave, for tools that find reads of
  // memory that nobody wrote.
  bool poison = true;
};

class GuardedRun {
 public:
  GuardedRun(Device& device, const OpDef& op, const cases::Case& test_case, const HostInstance& host,
             bool poison = true);

  // Uploads the operands, weights in the layout that the row asks for, and makes the workspace.
  Status prepare(const KernelRow& row);
  Status launch(const KernelRow& row);
  // The launch captured while the buffers hold poison, then replayed on the inputs: what a row read while it
  // was captured is wrong.
  Status capture_and_replay(const KernelRow& row);
  // The same once more on the same buffers, outputs and workspace poisoned again: a replay of the capture if
  // there is one. The workspace begins with other bytes every second time.
  Status repeat(const KernelRow& row);
  // Memory of operand i after the run, strides removed.
  Result<std::vector<std::byte>> result(std::size_t i);
  Status check_guards_and_inputs();

 private:
  // Device memory with guards.
  struct Guarded {
    std::shared_ptr<Buffer> buffer;
    std::int64_t bytes = 0;
  };
  // Uninitialised between the guards; then filled, or poisoned if the run is.
  Result<Guarded> guarded(std::int64_t bytes);
  Result<Guarded> filled(std::int64_t bytes, std::uint8_t value);
  Result<Guarded> poisoned(std::int64_t bytes);
  Status poison(const Guarded& memory, std::uint8_t value);
  Result<std::vector<std::byte>> download(const Guarded& memory);
  Status upload_operands();
  Status upload_weight(std::size_t i);
  Status pack_weight(std::size_t i, const KernelRow& row, const Layout& layout);
  Status make_scratch(const KernelRow& row);
  Status prepare_step(const KernelRow& row);
  Status check_guards(const Guarded& memory, const std::string& what);

  Device& device_;
  const OpDef& op_;
  const cases::Case& case_;
  const HostInstance& host_;
  bool poison_;
  std::int64_t guard_;  // sentinel bytes on either side of a buffer
  std::unique_ptr<Queue> queue_;
  std::vector<Tensor> operands_;
  OpCall call_;  // at one address: a capture may hold it
  Scratch scratch_;
  std::vector<Guarded> memory_;  // one per operand; empty for absent ones and for weights of rank >= 2
  std::vector<Guarded> weight_memory_;
  std::vector<std::unique_ptr<Weight>> weights_;
  std::vector<std::unique_ptr<std::vector<WeightPiece>>> pieces_;
  Guarded workspace_, step_;
  std::unique_ptr<Capture> capture_;
  int repeats_ = 0;
};

}  // namespace tamis::harness
