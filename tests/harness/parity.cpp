#include "tests/harness/parity.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/ops/oracle/oracle.h"
#include "tests/harness/host_instance.h"

namespace tamis::harness {
namespace {

using cases::OperandResult;

constexpr std::int64_t kGuard = 256;  // sentinel bytes on either side of a buffer
constexpr std::uint8_t kSentinel = 0xc3;
constexpr std::uint8_t kPoison = 0xff;  // NaN in every float type, -1 in integers

// Device memory with guards.
struct Guarded {
  std::shared_ptr<Buffer> buffer;
  std::int64_t bytes = 0;
};

class Run {
 public:
  Run(Device& device, const OpDef& op, const cases::Case& test_case, const HostInstance& host)
      : device_(device), op_(op), case_(test_case), host_(host) {}

  // Uploads the operands; weights in the layout that the row asks for.
  Status prepare(const KernelRow& row);
  Status launch(const KernelRow& row);
  // Memory of operand i after the run, strides removed.
  Result<std::vector<std::byte>> result(std::size_t i);
  Status check_guards_and_inputs();
  OpCall call() const { return {&op_, case_.params.data(), operands_}; }

 private:
  Result<Guarded> guarded(std::int64_t bytes, std::uint8_t fill);
  Result<std::vector<std::byte>> download(const Guarded& memory);
  Status upload_weight(std::size_t i);
  Status pack_weight(std::size_t i, const KernelRow& row, const Layout& layout);
  Status check_guards(const Guarded& memory, const std::string& what);

  Device& device_;
  const OpDef& op_;
  const cases::Case& case_;
  const HostInstance& host_;
  std::unique_ptr<Queue> queue_;
  std::vector<Tensor> operands_;
  std::vector<Guarded> memory_;  // one per operand; empty for absent ones and for weights of rank >= 2
  std::vector<Guarded> weight_memory_;
  std::vector<std::unique_ptr<Weight>> weights_;
  std::vector<std::unique_ptr<std::vector<WeightPiece>>> pieces_;
  Guarded workspace_, step_;
};

Result<Guarded> Run::guarded(std::int64_t bytes, std::uint8_t fill) {
  Guarded memory;
  memory.bytes = bytes;
  TAMIS_ASSIGN_OR_RETURN(memory.buffer, device_.alloc(bytes + 2 * kGuard));
  TAMIS_RETURN_IF_ERROR(queue_->fill(*memory.buffer, 0, bytes + 2 * kGuard, kSentinel));
  TAMIS_RETURN_IF_ERROR(queue_->fill(*memory.buffer, kGuard, bytes, fill));
  return memory;
}

Result<std::vector<std::byte>> Run::download(const Guarded& memory) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(memory.buffer->bytes()));
  TAMIS_RETURN_IF_ERROR(queue_->download(bytes, *memory.buffer, 0));
  TAMIS_RETURN_IF_ERROR(queue_->sync());
  return bytes;
}

Status Run::upload_weight(std::size_t i) {
  const Weight& source = *host_.operands[i].weight;
  auto pieces = std::make_unique<std::vector<WeightPiece>>();
  for (WeightPiece piece : source.pieces) {
    for (Buffer** slot : {&piece.buffer, &piece.scale_buffer}) {
      if (*slot == nullptr) continue;
      TAMIS_ASSIGN_OR_RETURN(Guarded memory, guarded((*slot)->bytes(), 0));
      const auto bytes = static_cast<std::size_t>((*slot)->bytes());
      TAMIS_RETURN_IF_ERROR(queue_->upload(*memory.buffer, kGuard, {(*slot)->host(), bytes}));
      *slot = memory.buffer.get();
      weight_memory_.push_back(std::move(memory));
    }
    piece.offset += kGuard;
    piece.scale_offset += kGuard;
    pieces->push_back(piece);
  }
  auto weight = std::make_unique<Weight>(source);
  weight->pieces = *pieces;
  operands_[i].weight = weight.get();
  pieces_.push_back(std::move(pieces));
  weights_.push_back(std::move(weight));
  return {};
}

Status Run::pack_weight(std::size_t i, const KernelRow& row, const Layout& layout) {
  auto weight = std::make_unique<Weight>(*host_.operands[i].weight);
  std::vector<std::byte> packed(static_cast<std::size_t>(layout.bytes));
  TAMIS_RETURN_IF_ERROR(row.pack(*weight, layout, packed));
  TAMIS_ASSIGN_OR_RETURN(Guarded memory, guarded(layout.bytes, 0));
  TAMIS_RETURN_IF_ERROR(queue_->upload(*memory.buffer, kGuard, packed));
  TAMIS_RETURN_IF_ERROR(queue_->sync());  // `packed` goes out of scope
  weight->layout = layout.name;
  weight->pieces = {};
  weight->packed = memory.buffer.get();
  weight->packed_offset = kGuard;
  weight->packed_bytes = layout.bytes;
  weight->resident = true;
  weight_memory_.push_back(std::move(memory));
  operands_[i].weight = weight.get();
  weights_.push_back(std::move(weight));
  return {};
}

Status Run::prepare(const KernelRow& row) {
  TAMIS_ASSIGN_OR_RETURN(queue_, device_.create_queue());
  operands_ = host_.operands;
  memory_.resize(operands_.size());
  for (std::size_t i = 0; i < operands_.size(); ++i) {
    Tensor& tensor = operands_[i];
    if (!tensor.present()) continue;
    if (tensor.weight != nullptr) {
      Layout layout;
      if (row.weight_layout != nullptr) layout = row.weight_layout(device_.info(), host_.call(op_, case_), i);
      const bool as_stored = std::strcmp(layout.name, kStoredLayout) == 0;
      TAMIS_RETURN_IF_ERROR(as_stored ? upload_weight(i) : pack_weight(i, row, layout));
      continue;
    }
    TAMIS_ASSIGN_OR_RETURN(memory_[i], guarded(tensor.desc.span_bytes(), kPoison));
    if (tensor.buffer != nullptr) {
      const auto bytes = static_cast<std::size_t>(tensor.desc.span_bytes());
      TAMIS_RETURN_IF_ERROR(queue_->upload(*memory_[i].buffer, kGuard, {tensor.buffer->host(), bytes}));
    }
    tensor.buffer = memory_[i].buffer.get();
    tensor.offset = kGuard;
  }
  return {};
}

Status Run::launch(const KernelRow& row) {
  const OpCall op_call = call();
  Scratch scratch;
  if (row.workspace != nullptr) {
    scratch.workspace_bytes = row.workspace(device_.info(), op_call);
    TAMIS_ASSIGN_OR_RETURN(workspace_, guarded(scratch.workspace_bytes, kPoison));
    scratch.workspace = workspace_.buffer.get();
    scratch.workspace_offset = kGuard;
  }
  if (row.step_bytes != nullptr) {
    scratch.step_bytes = row.step_bytes(device_.info(), op_call);
    TAMIS_ASSIGN_OR_RETURN(step_, guarded(scratch.step_bytes, kPoison));
    scratch.step = step_.buffer.get();
    scratch.step_offset = kGuard;
  }
  if (row.prepare != nullptr) TAMIS_RETURN_IF_ERROR(row.prepare(*queue_, op_call, scratch));
  TAMIS_RETURN_IF_ERROR(row.launch(*queue_, op_call, scratch));
  return queue_->sync();
}

// The elements row-major, strides removed.
std::vector<std::byte> pack(const TensorDesc& desc, std::byte* memory) {
  const std::size_t size = dtype_size(desc.dtype);
  std::vector<std::byte> packed(static_cast<std::size_t>(desc.elements()) * size);
  cases::HostView view(desc, memory);
  for (std::int64_t e = 0; e < desc.elements(); ++e) {
    std::memcpy(packed.data() + static_cast<std::size_t>(e) * size, view.address(e), size);
  }
  return packed;
}

Result<std::vector<std::byte>> Run::result(std::size_t i) {
  TAMIS_ASSIGN_OR_RETURN(std::vector<std::byte> raw, download(memory_[i]));
  return pack(operands_[i].desc, raw.data() + kGuard);
}

Status Run::check_guards(const Guarded& memory, const std::string& what) {
  TAMIS_ASSIGN_OR_RETURN(std::vector<std::byte> raw, download(memory));
  for (std::int64_t i = 0; i < kGuard; ++i) {
    const std::int64_t after = kGuard + memory.bytes + i;
    if (raw[static_cast<std::size_t>(i)] != std::byte{kSentinel}) {
      return internal_error("{}: byte {} before the buffer was overwritten", what, kGuard - i);
    }
    if (raw[static_cast<std::size_t>(after)] != std::byte{kSentinel}) {
      return internal_error("{}: byte {} behind the buffer was overwritten", what, i);
    }
  }
  return {};
}

Status Run::check_guards_and_inputs() {
  for (std::size_t i = 0; i < operands_.size(); ++i) {
    if (memory_[i].buffer == nullptr) continue;
    TAMIS_RETURN_IF_ERROR(check_guards(memory_[i], op_.operands[i].name));
    const bool constant = op_.operands[i].role == Role::kIn || op_.operands[i].role == Role::kWeight;
    if (!constant) continue;
    TAMIS_ASSIGN_OR_RETURN(std::vector<std::byte> raw, download(memory_[i]));
    const auto bytes = static_cast<std::size_t>(operands_[i].desc.span_bytes());
    if (bytes > 0 && std::memcmp(raw.data() + kGuard, host_.operands[i].buffer->host(), bytes) != 0) {
      return internal_error("{}: an input was overwritten", op_.operands[i].name);
    }
  }
  for (const Guarded& memory : weight_memory_) TAMIS_RETURN_IF_ERROR(check_guards(memory, "weight"));
  if (workspace_.buffer != nullptr) TAMIS_RETURN_IF_ERROR(check_guards(workspace_, "workspace"));
  if (step_.buffer != nullptr) TAMIS_RETURN_IF_ERROR(check_guards(step_, "step state"));
  return {};
}

// Runs the oracle on a copy of the state, and fills `expected` of every written operand.
Status run_oracle(const OpDef& op, const cases::Case& test_case, const HostInstance& host,
                  std::vector<OperandResult>& results) {
  std::vector<Tensor> operands = host.operands;
  std::vector<std::unique_ptr<HostBuffer>> copies;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (op.operands[i].role != Role::kState || !operands[i].present()) continue;
    const std::int64_t bytes = operands[i].desc.span_bytes();
    copies.push_back(std::make_unique<HostBuffer>(bytes));
    std::memcpy(copies.back()->host(), operands[i].buffer->host(), static_cast<std::size_t>(bytes));
    operands[i].buffer = copies.back().get();
  }
  const OpCall call{&op, test_case.params.data(), operands};
  OracleCall oracle_call(call);
  const OracleFn oracle = find_oracle(op.name);
  if (oracle == nullptr) return internal_error("{}: no oracle", op.name);
  TAMIS_RETURN_IF_ERROR(oracle(oracle_call));
  for (std::size_t i = 0; i < operands.size(); ++i) {
    results[i].desc = operands[i].desc;
    if (!operands[i].present()) continue;
    if (op.operands[i].role == Role::kOut) results[i].expected = oracle_call.out(static_cast<int>(i));
    if (op.operands[i].role == Role::kState) {
      results[i].expected_bytes = pack(operands[i].desc, operands[i].buffer->host() + operands[i].offset);
    }
  }
  return {};
}

std::string compare_floats(const OpDef& op, const char* name, const OperandResult& result, double* worst) {
  const std::size_t size = dtype_size(result.desc.dtype);
  double squares = 0;
  std::size_t finite = 0;
  for (double e : result.expected) {
    if (!std::isfinite(e)) continue;
    squares += e * e;
    ++finite;
  }
  const double rms = finite > 0 ? std::sqrt(squares / static_cast<double>(finite)) : 0.0;
  const double allowed = allowed_error(op.tolerance, result.desc.dtype);
  for (std::size_t i = 0; i < result.expected.size(); ++i) {
    const double want = result.expected[i];
    const double got = load_element(result.desc.dtype, result.actual.data() + i * size);
    if (std::isnan(want) && std::isnan(got)) continue;
    if (!std::isfinite(want) ? want == got : got == want) continue;
    const double error = std::fabs(got - want) / (std::fabs(want) + rms);
    if (error <= allowed) {
      *worst = std::max(*worst, error);
      continue;
    }
    return fmt::format("{}[{}]: expected {}, found {} (error {:.3g}, allowed {:.3g})", name, i, want, got,
                       error, allowed);
  }
  return {};
}

}  // namespace

std::string compare_operand(const OpDef& op, int operand, const OperandResult& result, double* worst) {
  const char* name = op.operands[static_cast<std::size_t>(operand)].name;
  const std::size_t size = dtype_size(result.desc.dtype);
  if (!result.expected_bytes.empty() && is_float(result.desc.dtype)) {  // a float cache: compare as values
    OperandResult values = result;
    values.expected.resize(result.actual.size() / size);
    for (std::size_t i = 0; i < values.expected.size(); ++i) {
      values.expected[i] = load_element(result.desc.dtype, result.expected_bytes.data() + i * size);
    }
    return compare_floats(op, name, values, worst);
  }
  if (!result.expected_bytes.empty()) {
    for (std::size_t i = 0; i < result.actual.size(); ++i) {
      if (result.actual[i] != result.expected_bytes[i]) {
        return fmt::format("{}: byte {}: expected {:#04x}, found {:#04x}", name, i,
                           static_cast<int>(result.expected_bytes[i]), static_cast<int>(result.actual[i]));
      }
    }
    return {};
  }
  if (is_float(result.desc.dtype)) return compare_floats(op, name, result, worst);
  for (std::size_t i = 0; i < result.expected.size(); ++i) {
    const double got = load_element(result.desc.dtype, result.actual.data() + i * size);
    if (got != result.expected[i])
      return fmt::format("{}[{}]: expected {}, found {}", name, i, result.expected[i], got);
  }
  return {};
}

ParityResult run_parity(Device& device, const KernelRow& row, const OpDef& op, const cases::Case& test_case,
                        std::uint64_t seed) {
  const auto failed = [](std::string why) { return ParityResult{.failure = std::move(why)}; };
  Result<HostInstance> host = make_instance(op, test_case, seed);
  if (!host.ok()) return failed(host.status().message());
  Reason missing = check_features(row.needs, device.info());
  if (!missing.accepted()) return {.skipped = true, .skip_reason = missing.text()};
  Run first(device, op, test_case, *host), second(device, op, test_case, *host);
  if (row.accepts != nullptr) {
    if (Reason why = row.accepts(device.info(), host->call(op, test_case)); !why.accepted())
      return {.skipped = true, .skip_reason = why.text()};
  }
  for (Run* run : {&first, &second}) {
    if (Status s = run->prepare(row); !s.ok()) return failed(s.message());
    if (Status s = run->launch(row); !s.ok()) return failed(s.message());
    if (Status s = run->check_guards_and_inputs(); !s.ok()) return failed(s.message());
  }
  std::vector<OperandResult> results(op.operands.size());
  if (Status s = run_oracle(op, test_case, *host, results); !s.ok()) return failed(s.message());
  ParityResult outcome;
  for (std::size_t i = 0; i < op.operands.size(); ++i) {
    const bool written = op.operands[i].role == Role::kOut || op.operands[i].role == Role::kState;
    if (!written || !host->operands[i].present()) continue;
    Result<std::vector<std::byte>> a = first.result(i), b = second.result(i);
    if (!a.ok() || !b.ok()) return failed("download failed");
    if (*a != *b) return failed(fmt::format("{}: two runs of one call differ", op.operands[i].name));
    results[i].actual = std::move(*a);
    if (test_case.compare) continue;
    std::string difference = compare_operand(op, static_cast<int>(i), results[i], &outcome.worst_error);
    if (!difference.empty()) return failed(std::move(difference));
  }
  if (test_case.compare) outcome.failure = test_case.compare(host->call(op, test_case), results);
  return outcome;
}

}  // namespace tamis::harness
