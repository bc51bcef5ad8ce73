// A composite op against its decomposition, bit for bit: the planner may swap one for the other and nothing
// changes.
#pragma once

#include <map>

#include "tests/core/indexer_support.h"
#include "tests/harness/host_instance.h"

namespace tamis::test {

// The decomposition of one call as a graph, on copies of the call's operands.
class Decomposed {
 public:
  Decomposed(CpuRunner& runner, const OpCall& call)
      : runner_(runner), values_(call.operands.size(), kNoValue) {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const Tensor& operand = call.operands[i];
      const Role role = call.op->operands[i].role;
      if (!operand.present() || role == Role::kOut) continue;
      const std::string name = call.op->operands[i].name;
      values_[i] = role == Role::kState    ? graph_.state(name, operand.desc)
                   : role == Role::kWeight ? graph_.weight(name, operand.desc)
                                           : graph_.input(name, operand.desc);
      Tensor copy = runner_.tensor(operand.desc);
      std::memcpy(copy.buffer->host(), operand.buffer->host(),
                  static_cast<std::size_t>(operand.desc.span_bytes()));
      storages_[graph_.value(values_[i]).storage] = copy.buffer;
    }
    status_ = call.op->decompose({graph_, call.params, values_});
  }

  const Status& status() const { return status_; }

  void run(const char* family) {
    for (const Node& node : graph_.nodes()) {
      std::vector<Tensor> operands;
      for (ValueId value : node.operands) operands.push_back(value == kNoValue ? Tensor{} : at(value));
      runner_.run({node.op, node.params.get(), operands}, family);
    }
  }

  Tensor operand(std::size_t i) { return at(values_[i]); }

 private:
  Tensor at(ValueId id) {
    const ValueInfo& value = graph_.value(id);
    Buffer*& memory = storages_[value.storage];
    if (memory == nullptr) memory = runner_.poisoned(value.desc).buffer;
    Tensor tensor;
    tensor.desc = value.desc;
    tensor.buffer = memory;
    tensor.offset = value.offset;
    return tensor;
  }

  CpuRunner& runner_;
  Graph graph_;
  std::vector<ValueId> values_;
  std::map<int, Buffer*> storages_;
  Status status_;
};

// Runs both on the data of a parity case; every output and state must come out the same. Nothing for a case
// of the benchmarks, which is too big.
inline void expect_equals_decomposition(const OpDef& op, const cases::Case& test_case, const char* family) {
  if (test_case.perf) return;
  SCOPED_TRACE(fmt::format("{} {} {}", op.name, test_case.name, family));
  Result<harness::HostInstance> host = harness::make_instance(op, test_case, 3);
  ASSERT_TRUE(host.ok()) << host.status().message();
  CpuRunner runner;
  Decomposed parts(runner, host->call(op, test_case));
  ASSERT_TRUE(parts.status().ok()) << parts.status().message();
  std::vector<Tensor> operands = host->operands;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (op.operands[i].role == Role::kOut && operands[i].present())
      operands[i] = runner.poisoned(operands[i].desc);
  }
  runner.run({&op, test_case.params.data(), operands}, family);
  parts.run(family);
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const Role role = op.operands[i].role;
    if (!operands[i].present() || (role != Role::kOut && role != Role::kState)) continue;
    EXPECT_EQ(memory_of(operands[i]), memory_of(parts.operand(i))) << op.operands[i].name;
  }
}

}  // namespace tamis::test
