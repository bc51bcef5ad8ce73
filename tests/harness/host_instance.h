// A case made concrete in host memory: operands filled from the seed, weights as pieces of stored tensors
// with scales.
#pragma once

#include <memory>
#include <vector>

#include "core/backend/backend_api.h"
#include "tests/cases/case.h"

namespace tamis::harness {

class HostBuffer final : public Buffer {
 public:
  explicit HostBuffer(std::int64_t bytes) : Buffer(bytes), memory_(static_cast<std::size_t>(bytes) + 1) {}
  std::byte* host() override { return memory_.data(); }

 private:
  std::vector<std::byte> memory_;
};

struct HostInstance {
  std::vector<Tensor> operands;  // all host-visible; out operands have no buffer
  std::vector<std::unique_ptr<HostBuffer>> buffers;
  std::vector<std::unique_ptr<Weight>> weights;
  std::vector<std::unique_ptr<std::vector<WeightPiece>>> pieces;

  OpCall call(const OpDef& op, const cases::Case& test_case) const {
    return {&op, test_case.params.data(), operands};
  }
};

// The rows of the pieces that a weight operand is cut into. Fails where they are not those of the weight:
// whoever reads the pieces would write past the end.
Result<std::vector<std::int64_t>> rows_of_pieces(const cases::CaseOperand& operand);

// Infers the output descs and fills the inputs. Fails when the case itself is malformed.
Result<HostInstance> make_instance(const OpDef& op, const cases::Case& test_case, std::uint64_t seed);

}  // namespace tamis::harness
