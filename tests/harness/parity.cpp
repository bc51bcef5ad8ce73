#include "tests/harness/parity.h"

#include <algorithm>
#include <cstring>

#include "core/backend/queue_stats.h"
#include "core/ops/oracle/oracle.h"

namespace tamis::harness {
namespace {

using cases::OperandResult;

// Runs the oracle on a copy of the state, and fills `expected` of every written operand.
Status run_oracle(Subject& subject) {
  const OpDef& op = *subject.op;
  std::vector<Tensor> operands = subject.host.operands;
  std::vector<std::unique_ptr<HostBuffer>> copies;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (op.operands[i].role != Role::kState || !operands[i].present()) continue;
    const std::int64_t bytes = operands[i].desc.span_bytes();
    copies.push_back(std::make_unique<HostBuffer>(bytes));
    std::memcpy(copies.back()->host(), operands[i].buffer->host(), static_cast<std::size_t>(bytes));
    operands[i].buffer = copies.back().get();
  }
  const OpCall call{&op, subject.test_case->params.data(), operands};
  OracleCall oracle_call(call);
  const OracleFn oracle = find_oracle(op.name);
  if (oracle == nullptr) return internal_error("{}: no oracle", op.name);
  TAMIS_RETURN_IF_ERROR(oracle(oracle_call));
  subject.expected.resize(operands.size());
  for (std::size_t i = 0; i < operands.size(); ++i) {
    OperandResult& result = subject.expected[i];
    result.desc = operands[i].desc;
    if (!operands[i].present()) continue;
    if (op.operands[i].role == Role::kOut) result.expected = oracle_call.out(static_cast<int>(i));
    if (op.operands[i].role == Role::kState)
      result.expected_bytes = pack(operands[i].desc, operands[i].buffer->host() + operands[i].offset);
  }
  return {};
}

// FNV-1a, 64 bits.
void add_to_digest(std::uint64_t& digest, const std::byte* bytes, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i)
    digest = (digest ^ static_cast<std::uint64_t>(bytes[i])) * 0x100000001b3u;
}

// One run from fresh buffers to checked guards.
Status run_once(GuardedRun& run, const KernelRow& row, bool replay) {
  TAMIS_RETURN_IF_ERROR(run.prepare(row));
  TAMIS_RETURN_IF_ERROR(replay ? run.capture_and_replay(row) : run.launch(row));
  return run.check_guards_and_inputs();
}

Result<OutputBytes> outputs_of(GuardedRun& run, const Subject& subject) {
  OutputBytes outputs(subject.op->operands.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (!subject.written(i)) continue;
    TAMIS_ASSIGN_OR_RETURN(outputs[i], run.result(i));
  }
  return outputs;
}

// The first operand that differs.
const char* first_difference(const Subject& subject, const OutputBytes& a, const OutputBytes& b) {
  std::size_t operand = 0;
  while (a[operand] == b[operand]) ++operand;
  return subject.op->operands[operand].name;
}

struct Expectation {
  const OutputBytes& outputs;
  int runs;  // of the call, the two that gave them included
};

Status repeat_run(GuardedRun& run, const KernelRow& row, const Subject& subject, const Expectation& want) {
  for (int i = 2; i < want.runs; ++i) {
    TAMIS_RETURN_IF_ERROR(run.repeat(row));
    TAMIS_ASSIGN_OR_RETURN(const OutputBytes found, outputs_of(run, subject));
    if (found != want.outputs)
      return internal_error("{}: run {} of one call differs from the first",
                            first_difference(subject, found, want.outputs), i + 1);
  }
  return want.runs > 2 ? run.check_guards_and_inputs() : Status();
}

}  // namespace

bool Subject::written(std::size_t operand) const {
  const Role role = op->operands[operand].role;
  return (role == Role::kOut || role == Role::kState) && host.operands[operand].present();
}

std::uint64_t Subject::input_digest() const {
  std::uint64_t digest = 0xcbf29ce484222325u;
  for (const auto& buffer : host.buffers) add_to_digest(digest, buffer->host(), buffer->bytes());
  return digest;
}

std::string Subject::dtypes() const {
  std::string first, weight;
  for (std::size_t i = 0; i < op->operands.size(); ++i) {
    const TensorDesc& desc = host.operands[i].desc;
    if (!host.operands[i].present()) continue;
    const bool stored = op->operands[i].role == Role::kWeight && desc.rank >= 2;
    if (stored) weight = dtype_name(desc.dtype);
    if (!stored && first.empty() && is_float(desc.dtype)) first = dtype_name(desc.dtype);
  }
  if (first.empty()) first = weight.empty() ? "i32" : weight;
  return weight.empty() || weight == first ? first : first + "*" + weight;
}

Result<Subject> make_subject(const OpDef& op, const cases::Case& test_case, std::uint64_t seed) {
  Subject subject;
  subject.op = &op;
  subject.test_case = &test_case;
  TAMIS_ASSIGN_OR_RETURN(subject.host, make_instance(op, test_case, seed));
  TAMIS_RETURN_IF_ERROR(run_oracle(subject));
  return subject;
}

Reason takes(const Device& device, const KernelRow& row, const OpCall& call) {
  if (Reason missing = check_features(row.needs, device.info()); !missing.accepted()) return missing;
  return row.accepts != nullptr ? row.accepts(device.info(), call) : accept();
}

namespace {

// While it lives, a device that can records a barrier behind every command.
class FullBarriers {
 public:
  explicit FullBarriers(Device& device) : stats_(static_cast<QueueStats*>(device.extension(kQueueStats))) {
    if (stats_ != nullptr) before_ = stats_->full_barriers.exchange(true);
  }
  ~FullBarriers() {
    if (stats_ != nullptr) stats_->full_barriers = before_;
  }
  FullBarriers(const FullBarriers&) = delete;
  FullBarriers& operator=(const FullBarriers&) = delete;

 private:
  QueueStats* stats_;
  bool before_ = false;
};

Status run_with_full_barriers(Device& device, GuardedRun& run, const KernelRow& row) {
  const FullBarriers barriers(device);
  return run_once(run, row, false);
}

}  // namespace

Result<OutputBytes> run_guarded(Device& device, const KernelRow& row, const Subject& subject,
                                const GuardOptions& options) {
  const auto make = [&] {
    return GuardedRun(device, *subject.op, *subject.test_case, subject.host, options.poison);
  };
  GuardedRun first = make();
  if (options.runs == 1) {
    TAMIS_RETURN_IF_ERROR(run_once(first, row, row.capturable));
    return outputs_of(first, subject);
  }
  GuardedRun second = make();
  TAMIS_RETURN_IF_ERROR(run_with_full_barriers(device, first, row));
  TAMIS_ASSIGN_OR_RETURN(OutputBytes outputs, outputs_of(first, subject));
  const Status again = run_once(second, row, row.capturable);
  if (!again.ok()) return row.capturable ? again.with_context("captured and replayed") : again;
  TAMIS_ASSIGN_OR_RETURN(const OutputBytes repeated, outputs_of(second, subject));
  if (repeated != outputs) {
    const char* name = first_difference(subject, repeated, outputs);
    if (row.capturable) {  // which of the two: not deterministic, or stale?
      GuardedRun third = make();
      TAMIS_RETURN_IF_ERROR(run_once(third, row, false));
      TAMIS_ASSIGN_OR_RETURN(const OutputBytes direct, outputs_of(third, subject));
      if (direct == outputs)
        return internal_error(
            "{}: the replay of a capture differs from a direct run: it kept something from before the "
            "inputs came",
            name);
    }
    return internal_error("{}: two runs of one call differ", name);  // or a barrier is missing
  }
  TAMIS_RETURN_IF_ERROR(repeat_run(second, row, subject, {outputs, options.runs}));
  return outputs;
}

Judgement judge(const Subject& subject, const OutputBytes& outputs) {
  Judgement verdict;
  std::vector<OperandResult> results = subject.expected;
  const bool own = static_cast<bool>(subject.test_case->compare);
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (!subject.written(i)) continue;
    results[i].actual = outputs[i];
    const FloatError error = operand_error(results[i]);
    if (is_float(results[i].desc.dtype) && (verdict.allowed < 0 || error.worst > verdict.worst) && !own)
      verdict.allowed = allowed_error(subject.op->tolerance, results[i].desc.dtype);
    verdict.worst = std::max(verdict.worst, error.worst);
    verdict.normalised = std::max(verdict.normalised, error.normalised);
    double ignored = 0;
    if (!own && verdict.failure.empty())
      verdict.failure = compare_operand(*subject.op, static_cast<int>(i), results[i], &ignored);
  }
  if (own) verdict.failure = subject.test_case->compare(subject.call(), results);
  return verdict;
}

}  // namespace tamis::harness
