// Every composite op, taken apart: the nodes of its decomposition run one by one on the CPU backend's rows,
// on every parity case of the op, and must give what the op's oracle gives. So a backend without a row for a
// composite computes the same function as one with it.
#include <gtest/gtest.h>

#include <cstring>

#include "core/backend/registry.h"
#include "core/graph/graph.h"
#include "core/ops/oracle/oracle.h"
#include "tests/harness/compare.h"
#include "tests/harness/host_instance.h"

namespace tamis {
namespace {

using cases::Case;
using cases::OperandResult;
using harness::HostBuffer;
using harness::HostInstance;

// The graph of one decomposition over the operands of a case, in host memory.
class Decomposed {
 public:
  Decomposed(const OpDef& op, const Case& test_case, HostInstance& host)
      : op_(op), case_(test_case), host_(host) {}

  Status build();
  Status run(Device& device, const Backend& backend);
  // What operand i holds after the run.
  std::vector<std::byte> result(std::size_t i) const;

 private:
  ValueId add_operand(std::size_t i);
  Tensor tensor(ValueId value);

  const OpDef& op_;
  const Case& case_;
  HostInstance& host_;
  Graph graph_;
  std::vector<ValueId> values_;
  std::vector<Tensor> storages_;  // memory of each storage: buffer, or weight
};

ValueId Decomposed::add_operand(std::size_t i) {
  const Tensor& operand = host_.operands[i];
  if (!operand.present()) return kNoValue;
  const std::string name = op_.operands[i].name;
  switch (op_.operands[i].role) {
    case Role::kOut: return kNewValue;
    case Role::kWeight: return graph_.weight(name, operand.desc);
    case Role::kState: return graph_.state(name, operand.desc);
    default: return graph_.input(name, operand.desc);
  }
}

Status Decomposed::build() {
  for (std::size_t i = 0; i < host_.operands.size(); ++i) {
    values_.push_back(add_operand(i));
    if (values_.back() < 0) continue;
    storages_.resize(static_cast<std::size_t>(graph_.value(values_.back()).storage) + 1);
    storages_.back() = host_.operands[i];
  }
  TAMIS_RETURN_IF_ERROR(op_.decompose({graph_, case_.params.data(), values_}));
  storages_.resize(graph_.storages().size());
  for (std::size_t i = 0; i < storages_.size(); ++i) {
    if (storages_[i].present()) continue;
    host_.buffers.push_back(std::make_unique<HostBuffer>(graph_.storage(static_cast<int>(i)).bytes));
    storages_[i].buffer = host_.buffers.back().get();
    std::memset(storages_[i].buffer->host(), 0xff, static_cast<std::size_t>(storages_[i].buffer->bytes()));
  }
  return graph_.status();
}

Tensor Decomposed::tensor(ValueId value) {
  if (value < 0) return {};
  const ValueInfo& info = graph_.value(value);
  Tensor tensor = storages_[static_cast<std::size_t>(info.storage)];
  tensor.desc = info.desc;
  tensor.offset += info.offset;
  return tensor;
}

Status Decomposed::run(Device& device, const Backend& backend) {
  TAMIS_ASSIGN_OR_RETURN(std::unique_ptr<Queue> queue, device.create_queue());
  for (const Node& node : graph_.nodes()) {
    std::vector<Tensor> operands;
    for (ValueId value : node.operands) operands.push_back(tensor(value));
    const OpCall call{node.op, node.params.get(), operands};
    const RowChoice choice = choose_row(backend.rows(node.op->name), device.info(), call);
    if (choice.row == nullptr) return unsupported("{}", describe_rejections(call, choice));
    const KernelRow& row = *choice.row;
    const std::int64_t bytes = row.workspace != nullptr ? row.workspace(device.info(), call) : 0;
    HostBuffer workspace(bytes);
    TAMIS_RETURN_IF_ERROR(row.launch(*queue, call, {.workspace = &workspace, .workspace_bytes = bytes}));
    TAMIS_RETURN_IF_ERROR(queue->sync());
  }
  return {};
}

std::vector<std::byte> Decomposed::result(std::size_t i) const {
  const ValueInfo& info = graph_.value(values_[i]);
  const Tensor& storage = storages_[static_cast<std::size_t>(info.storage)];
  const cases::HostView view(info.desc, storage.buffer->host() + storage.offset + info.offset);
  const std::size_t size = dtype_size(info.desc.dtype);
  std::vector<std::byte> packed(static_cast<std::size_t>(view.size()) * size);
  for (std::int64_t flat = 0; flat < view.size(); ++flat) {
    std::memcpy(packed.data() + static_cast<std::size_t>(flat) * size, view.address(flat), size);
  }
  return packed;
}

// The oracle's outcome, on an instance of its own (it changes states in place).
std::vector<OperandResult> expected(const OpDef& op, const Case& test_case, HostInstance& host) {
  const OpCall call = host.call(op, test_case);
  OracleCall oracle_call(call);
  const Status status = find_oracle(op.name)(oracle_call);
  EXPECT_TRUE(status.ok()) << status.message();
  std::vector<OperandResult> results(op.operands.size());
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Tensor& operand = host.operands[i];
    results[i].desc = operand.desc;
    if (!operand.present()) continue;
    if (op.operands[i].role == Role::kOut) results[i].expected = oracle_call.out(static_cast<int>(i));
    if (op.operands[i].role != Role::kState) continue;
    const cases::HostView view(operand.desc, operand.buffer->host() + operand.offset);
    for (std::int64_t flat = 0; flat < view.size(); ++flat) {
      const std::byte* element = view.address(flat);
      results[i].expected_bytes.insert(results[i].expected_bytes.end(), element,
                                       element + dtype_size(operand.desc.dtype));
    }
  }
  return results;
}

// Empty if the decomposition does what the oracle does.
std::string compare(const OpDef& op, const Case& test_case, Device& device, const Backend& backend) {
  Result<HostInstance> host = harness::make_instance(op, test_case, 1),
                       oracle_host = harness::make_instance(op, test_case, 1);
  if (!host.ok() || !oracle_host.ok()) return host.status().message();
  std::vector<OperandResult> results = expected(op, test_case, *oracle_host);
  Decomposed decomposed(op, test_case, *host);
  if (Status s = decomposed.build(); !s.ok()) return s.message();
  if (Status s = decomposed.run(device, backend); !s.ok()) return s.message();
  for (std::size_t i = 0; i < results.size(); ++i) {
    const bool written = op.operands[i].role == Role::kOut || op.operands[i].role == Role::kState;
    if (!written || results[i].desc.rank == 0) continue;
    results[i].actual = decomposed.result(i);
    double worst = 0;
    if (test_case.compare) continue;
    std::string difference = harness::compare_operand(op, static_cast<int>(i), results[i], &worst);
    if (!difference.empty()) return difference;
  }
  return test_case.compare ? test_case.compare(host->call(op, test_case), results) : std::string();
}

TEST(Decomposition, EqualsTheComposite) {
  const Backend* backend = Registry::instance().backend("cpu");
  ASSERT_NE(backend, nullptr);
  Result<std::shared_ptr<Device>> device = Registry::instance().device("cpu");
  ASSERT_TRUE(device.ok());
  int composites = 0;
  for (const OpDef* op : all_ops()) {
    if (op->decompose == nullptr) continue;
    ++composites;
    for (const Case& test_case : cases::find_cases(op->name)) {
      if (test_case.perf) continue;
      EXPECT_EQ(compare(*op, test_case, **device, *backend), "") << op->name << " " << test_case.name;
    }
  }
  EXPECT_GT(composites, 0);
}

}  // namespace
}  // namespace tamis
