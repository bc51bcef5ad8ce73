#include "tests/harness/run_op.h"

#include "core/backend/registry.h"
#include "core/ops/oracle/oracle.h"
#include "tests/harness/host_instance.h"

namespace tamis::harness {
namespace {

const KernelRow* find_row(const Backend& backend, const std::string& name, const std::string& op) {
  for (const KernelRow& row : backend.rows(op.c_str())) {
    if (name == row.name) return &row;
  }
  return nullptr;
}

// Gives every output of the instance memory.
void allocate_outputs(const OpDef& op, HostInstance& instance) {
  for (std::size_t i = 0; i < op.operands.size(); ++i) {
    Tensor& tensor = instance.operands[i];
    if (op.operands[i].role != Role::kOut || !tensor.present()) continue;
    instance.buffers.push_back(std::make_unique<HostBuffer>(tensor.desc.span_bytes()));
    tensor.buffer = instance.buffers.back().get();
  }
}

}  // namespace

Result<Outputs> run_row(const std::string& row_name, const cases::Case& test_case, std::uint64_t seed) {
  const std::size_t first_dot = row_name.find('.'), last_dot = row_name.rfind('.');
  const std::string backend = row_name.substr(0, first_dot);
  const std::string op_name = row_name.substr(first_dot + 1, last_dot - first_dot - 1);
  const OpDef* op = find_op(op_name.c_str());
  const Backend* rows = Registry::instance().backend(backend);
  const KernelRow* row = op != nullptr && rows != nullptr ? find_row(*rows, row_name, op_name) : nullptr;
  if (row == nullptr) return not_found("no kernel row {}", row_name);
  TAMIS_ASSIGN_OR_RETURN(std::shared_ptr<Device> device, Registry::instance().device(backend));
  TAMIS_ASSIGN_OR_RETURN(std::unique_ptr<Queue> queue, device->create_queue());
  TAMIS_ASSIGN_OR_RETURN(HostInstance instance, make_instance(*op, test_case, seed));
  allocate_outputs(*op, instance);
  const OpCall call = instance.call(*op, test_case);
  if (Reason why = row->accepts(device->info(), call); !why.accepted())
    return unsupported("{}: {}", row_name, why.text());
  Scratch scratch;
  scratch.workspace_bytes = row->workspace != nullptr ? row->workspace(device->info(), call) : 0;
  HostBuffer workspace(scratch.workspace_bytes);
  scratch.workspace = &workspace;
  TAMIS_RETURN_IF_ERROR(row->launch(*queue, call, scratch));
  TAMIS_RETURN_IF_ERROR(queue->sync());
  Outputs outputs(op->operands.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Tensor& tensor = instance.operands[i];
    if (op->operands[i].role != Role::kOut || !tensor.present()) continue;
    const cases::HostView view(tensor.desc, tensor.buffer->host());
    for (std::int64_t flat = 0; flat < view.size(); ++flat) outputs[i].push_back(view.get(flat));
  }
  return outputs;
}

Result<Outputs> run_oracle(const std::string& op_name, const cases::Case& test_case, std::uint64_t seed) {
  const OpDef* op = find_op(op_name.c_str());
  const OracleFn oracle = find_oracle(op_name.c_str());
  if (op == nullptr || oracle == nullptr) return not_found("no op {}", op_name);
  TAMIS_ASSIGN_OR_RETURN(HostInstance instance, make_instance(*op, test_case, seed));
  const OpCall call = instance.call(*op, test_case);
  OracleCall oracle_call(call);
  TAMIS_RETURN_IF_ERROR(oracle(oracle_call));
  Outputs outputs(op->operands.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const TensorDesc& desc = instance.operands[i].desc;
    if (op->operands[i].role != Role::kOut || desc.rank == 0) continue;
    for (double value : oracle_call.out(static_cast<int>(i)))
      outputs[i].push_back(round_to(desc.dtype, value));
  }
  return outputs;
}

}  // namespace tamis::harness
