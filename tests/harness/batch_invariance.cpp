#include "tests/harness/batch_invariance.h"

#include <cstring>
#include <numeric>

#include "tests/harness/guarded_run.h"

namespace tamis::harness {
namespace {

bool per_token(const OpDef& op, std::size_t operand) { return (op.per_token >> operand & 1) != 0; }

// Tokens of the case; 0 if the op has no operands with a row per token.
std::int64_t count_tokens(const Subject& subject) {
  for (std::size_t i = 0; i < subject.host.operands.size(); ++i) {
    if (per_token(*subject.op, i) && subject.host.operands[i].present())
      return subject.host.operands[i].desc.dim(0);
  }
  return 0;
}

// Tokens of the case in another order, some of them left out or repeated.
struct Batch {
  const char* name;
  std::vector<std::int64_t> tokens;
};

std::vector<Batch> other_batches(const Subject& subject, std::int64_t tokens) {
  std::vector<Batch> batches;
  if (tokens > 1) batches.push_back({"alone", {tokens - 1}});
  std::vector<std::int64_t> all(static_cast<std::size_t>(tokens));
  std::iota(all.rbegin(), all.rend(), 0);
  if (tokens > 1) batches.push_back({"in the opposite order", all});
  // Tokens of one call write distinct slots.
  for (const OperandDef& operand : subject.op->operands) {
    if (operand.role == Role::kState) return batches;
  }
  all.insert(all.end(), all.begin(), all.end());
  batches.push_back({"twice in one batch", all});
  return batches;
}

// The rows of `tokens`, strides kept, so that what lies between rows is there, too.
Tensor gather(const Tensor& source, const std::vector<std::int64_t>& tokens, HostInstance& instance) {
  Tensor gathered = source;
  gathered.desc.dims[0] = static_cast<std::int64_t>(tokens.size());
  if (source.buffer == nullptr) return gathered;
  const auto row_bytes = static_cast<std::size_t>(slice(source.desc, 0, 1).span_bytes());
  instance.buffers.push_back(std::make_unique<HostBuffer>(gathered.desc.span_bytes()));
  gathered.buffer = instance.buffers.back().get();
  gathered.offset = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::int64_t from = slice_offset_bytes(source.desc, 0, tokens[i]);
    const std::int64_t to = slice_offset_bytes(source.desc, 0, static_cast<std::int64_t>(i));
    std::memcpy(gathered.buffer->host() + to, source.buffer->host() + source.offset + from, row_bytes);
  }
  return gathered;
}

// Operands without tokens are those of `subject`, which must outlive the result.
HostInstance gather_batch(const Subject& subject, const Batch& batch) {
  HostInstance instance;
  for (std::size_t i = 0; i < subject.host.operands.size(); ++i) {
    const Tensor& source = subject.host.operands[i];
    const bool rows = source.present() && per_token(*subject.op, i);
    instance.operands.push_back(rows ? gather(source, batch.tokens, instance) : source);
  }
  return instance;
}

Status compare_operand_rows(const OperandDef& operand, const Batch& batch, std::int64_t tokens,
                            const std::vector<std::byte>& whole, const std::vector<std::byte>& found) {
  const std::size_t row_bytes = whole.size() / static_cast<std::size_t>(tokens);
  for (std::size_t i = 0; i < batch.tokens.size(); ++i) {
    const auto token = static_cast<std::size_t>(batch.tokens[i]);
    if (std::memcmp(&found[i * row_bytes], &whole[token * row_bytes], row_bytes) == 0) continue;
    return internal_error("not batch-invariant: {}: token {} has other bits {}", operand.name, token,
                          batch.name);
  }
  return {};
}

Status check_batch(Device& device, const KernelRow& row, const Subject& subject, const OutputBytes& outputs,
                   const Batch& batch) {
  const OpDef& op = *subject.op;
  const HostInstance instance = gather_batch(subject, batch);
  const Reason reason = takes(device, row, instance.call(op, *subject.test_case));
  if (!reason.accepted())
    return internal_error("not batch-invariant: takes the case's tokens, but not {}: {}", batch.name,
                          reason.text());
  GuardedRun run(device, op, *subject.test_case, instance);
  TAMIS_RETURN_IF_ERROR(run.prepare(row));
  TAMIS_RETURN_IF_ERROR(run.launch(row).with_context(batch.name));
  TAMIS_RETURN_IF_ERROR(run.check_guards_and_inputs().with_context(batch.name));
  const std::int64_t tokens = count_tokens(subject);
  for (std::size_t i = 0; i < op.operands.size(); ++i) {
    if (op.operands[i].role != Role::kOut || !per_token(op, i) || outputs[i].empty()) continue;
    TAMIS_ASSIGN_OR_RETURN(const std::vector<std::byte> found, run.result(i));
    TAMIS_RETURN_IF_ERROR(compare_operand_rows(op.operands[i], batch, tokens, outputs[i], found));
  }
  return {};
}

}  // namespace

Status check_batch_invariance(Device& device, const KernelRow& row, const Subject& subject,
                              const OutputBytes& outputs) {
  if (row.numerics.invariance != Invariance::kBatch) return {};
  const std::int64_t tokens = count_tokens(subject);
  if (tokens == 0) return {};
  for (const Batch& batch : other_batches(subject, tokens))
    TAMIS_RETURN_IF_ERROR(check_batch(device, row, subject, outputs, batch));
  return {};
}

}  // namespace tamis::harness
