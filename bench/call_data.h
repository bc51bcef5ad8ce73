// The operands of a perf case in device memory. Random data is made once for a block of rows and repeated: a
// benchmark's weights are gigabytes, and what is in them matters little once it is not constant.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/backend/backend_api.h"
#include "core/backend/kernel_table.h"
#include "tests/cases/case.h"

namespace tamis::bench {

// A weight on the device in one layout, with what its pieces point to.
struct DeviceWeight {
  Weight weight;
  std::vector<WeightPiece> pieces;
  std::vector<std::shared_ptr<Buffer>> buffers;
  std::int64_t bytes = 0;
};

// Weights that were made already, so that every token count and every row of a case shares them. Forgets all
// when a new one would pass the limit.
class WeightPool {
 public:
  explicit WeightPool(std::int64_t limit_bytes) : limit_(limit_bytes) {}
  std::shared_ptr<DeviceWeight> find(const std::string& key) const;
  void add(const std::string& key, const std::shared_ptr<DeviceWeight>& weight);

 private:
  std::int64_t limit_, bytes_ = 0;
  std::map<std::string, std::shared_ptr<DeviceWeight>> weights_;
};

// Where operands are made.
struct Bench {
  Device& device;
  Queue& queue;
  WeightPool& weights;
  std::uint64_t seed = 1;
};

class CallData {
 public:
  // Uploads the inputs and makes room for the outputs; weights come with a row.
  static Result<std::unique_ptr<CallData>> make(const Bench& bench, const OpDef& op,
                                                const cases::Case& test_case);
  // What rows are asked about before their weights are packed: descs, and weights as stored, without memory.
  OpCall planned() const { return {&op_, case_.params.data(), planned_}; }
  // Weights in the layout that `row` asks for.
  Status set_weights(const Bench& bench, const KernelRow& row);
  OpCall call() const { return {&op_, case_.params.data(), operands_}; }
  // "bf16[128, 16384] e4m3[7168, 16384] -> bf16[128, 7168]".
  std::string shape() const;
  // "57 of 64 experts hit" for calls that route tokens to experts, else empty.
  const std::string& routing() const { return routing_; }
  // Device memory of inputs, outputs and weights as stored, before anything is allocated.
  static Result<double> needed_bytes(const OpDef& op, const cases::Case& test_case);

 private:
  CallData(const OpDef& op, const cases::Case& test_case) : op_(op), case_(test_case) {}
  Status add_operand(const Bench& bench, std::size_t i);
  Status plan_weight(std::size_t i);
  void count_experts(std::size_t i, const std::byte* host);

  const OpDef& op_;
  const cases::Case case_;
  std::vector<Tensor> operands_, planned_;
  std::vector<std::shared_ptr<Buffer>> buffers_;
  std::vector<std::unique_ptr<DeviceWeight>> plans_;
  std::vector<std::shared_ptr<DeviceWeight>> weights_;  // keeps what operands_ point to
  std::string routing_;
};

}  // namespace tamis::bench
