#include "tests/harness/guarded_run.h"

#include <cstring>

namespace tamis::harness {
namespace {

constexpr std::uint8_t kSentinel = 0xc3;
constexpr std::uint8_t kPoison = 0xff;       // NaN in every float type, -1 in integers
constexpr std::uint8_t kOtherPoison = 0x3c;  // a number in every type

}  // namespace

std::vector<std::byte> pack(const TensorDesc& desc, std::byte* memory) {
  const std::size_t size = dtype_size(desc.dtype);
  std::vector<std::byte> packed(static_cast<std::size_t>(desc.elements()) * size);
  cases::HostView view(desc, memory);
  for (std::int64_t e = 0; e < desc.elements(); ++e) {
    std::memcpy(packed.data() + static_cast<std::size_t>(e) * size, view.address(e), size);
  }
  return packed;
}

// Sentinels would hide reads beside a buffer from an emulated device, which guards its own allocations.
GuardedRun::GuardedRun(Device& device, const OpDef& op, const cases::Case& test_case,
                       const HostInstance& host, bool poison)
    : device_(device),
      op_(op),
      case_(test_case),
      host_(host),
      poison_(poison),
      guard_(device.info().backend.ends_with("-emu") ? 0 : 256) {}

Result<GuardedRun::Guarded> GuardedRun::guarded(std::int64_t bytes) {
  Guarded memory;
  memory.bytes = bytes;
  TAMIS_ASSIGN_OR_RETURN(memory.buffer, device_.alloc(bytes + 2 * guard_));
  TAMIS_RETURN_IF_ERROR(queue_->fill(*memory.buffer, 0, guard_, kSentinel));
  TAMIS_RETURN_IF_ERROR(queue_->fill(*memory.buffer, guard_ + bytes, guard_, kSentinel));
  return memory;
}

Result<GuardedRun::Guarded> GuardedRun::filled(std::int64_t bytes, std::uint8_t value) {
  TAMIS_ASSIGN_OR_RETURN(Guarded memory, guarded(bytes));
  TAMIS_RETURN_IF_ERROR(queue_->fill(*memory.buffer, guard_, bytes, value));
  return memory;
}

Status GuardedRun::poison(const Guarded& memory, std::uint8_t value) {
  if (!poison_ || memory.buffer == nullptr) return {};
  return queue_->fill(*memory.buffer, guard_, memory.bytes, value);
}

Result<GuardedRun::Guarded> GuardedRun::poisoned(std::int64_t bytes) {
  TAMIS_ASSIGN_OR_RETURN(Guarded memory, guarded(bytes));
  TAMIS_RETURN_IF_ERROR(poison(memory, kPoison));
  return memory;
}

// Between the guards.
Result<std::vector<std::byte>> GuardedRun::download(const Guarded& memory) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(memory.bytes));
  TAMIS_RETURN_IF_ERROR(queue_->download(bytes, *memory.buffer, guard_));
  TAMIS_RETURN_IF_ERROR(queue_->sync());
  return bytes;
}

Status GuardedRun::upload_weight(std::size_t i) {
  const Weight& source = *host_.operands[i].weight;
  auto pieces = std::make_unique<std::vector<WeightPiece>>();
  for (WeightPiece piece : source.pieces) {
    for (Buffer** slot : {&piece.buffer, &piece.scale_buffer}) {
      if (*slot == nullptr) continue;
      TAMIS_ASSIGN_OR_RETURN(Guarded memory, filled((*slot)->bytes(), 0));
      const auto bytes = static_cast<std::size_t>((*slot)->bytes());
      TAMIS_RETURN_IF_ERROR(queue_->upload(*memory.buffer, guard_, {(*slot)->host(), bytes}));
      *slot = memory.buffer.get();
      weight_memory_.push_back(std::move(memory));
    }
    piece.offset += guard_;
    piece.scale_offset += guard_;
    pieces->push_back(piece);
  }
  auto weight = std::make_unique<Weight>(source);
  weight->pieces = *pieces;
  operands_[i].weight = weight.get();
  pieces_.push_back(std::move(pieces));
  weights_.push_back(std::move(weight));
  return {};
}

Status GuardedRun::pack_weight(std::size_t i, const KernelRow& row, const Layout& layout) {
  auto weight = std::make_unique<Weight>(*host_.operands[i].weight);
  std::vector<std::byte> packed(static_cast<std::size_t>(layout.bytes));
  TAMIS_RETURN_IF_ERROR(row.pack(*weight, layout, packed));
  TAMIS_ASSIGN_OR_RETURN(Guarded memory, filled(layout.bytes, 0));
  TAMIS_RETURN_IF_ERROR(queue_->upload(*memory.buffer, guard_, packed));
  TAMIS_RETURN_IF_ERROR(queue_->sync());  // `packed` goes out of scope
  weight->layout = layout.name;
  weight->pieces = {};
  weight->packed = memory.buffer.get();
  weight->packed_offset = guard_;
  weight->packed_bytes = layout.bytes;
  weight->resident = true;
  weight_memory_.push_back(std::move(memory));
  operands_[i].weight = weight.get();
  weights_.push_back(std::move(weight));
  return {};
}

// In, state and rank-1 weight operands.
Status GuardedRun::upload_operands() {
  for (std::size_t i = 0; i < operands_.size(); ++i) {
    const Buffer* source = host_.operands[i].buffer;
    if (source == nullptr || memory_[i].buffer == nullptr) continue;
    const auto bytes = static_cast<std::size_t>(operands_[i].desc.span_bytes());
    TAMIS_RETURN_IF_ERROR(
        queue_->upload(*memory_[i].buffer, guard_, {host_.operands[i].buffer->host(), bytes}));
  }
  return {};
}

Status GuardedRun::make_scratch(const KernelRow& row) {
  if (row.workspace != nullptr) {
    scratch_.workspace_bytes = row.workspace(device_.info(), call_);
    TAMIS_ASSIGN_OR_RETURN(workspace_, poisoned(scratch_.workspace_bytes));
    scratch_.workspace = workspace_.buffer.get();
    scratch_.workspace_offset = guard_;
  }
  if (row.step_bytes != nullptr) {
    scratch_.step_bytes = row.step_bytes(device_.info(), call_);
    TAMIS_ASSIGN_OR_RETURN(step_, poisoned(scratch_.step_bytes));
    scratch_.step = step_.buffer.get();
    scratch_.step_offset = guard_;
  }
  return {};
}

Status GuardedRun::prepare(const KernelRow& row) {
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
    TAMIS_ASSIGN_OR_RETURN(memory_[i], poisoned(tensor.desc.span_bytes()));
    tensor.buffer = memory_[i].buffer.get();
    tensor.offset = guard_;
  }
  TAMIS_RETURN_IF_ERROR(upload_operands());
  call_ = {&op_, case_.params.data(), operands_};
  return make_scratch(row);
}

Status GuardedRun::prepare_step(const KernelRow& row) {
  return row.prepare != nullptr ? row.prepare(*queue_, call_, scratch_) : Status();
}

Status GuardedRun::launch(const KernelRow& row) {
  TAMIS_RETURN_IF_ERROR(prepare_step(row));
  TAMIS_RETURN_IF_ERROR(row.launch(*queue_, call_, scratch_));
  return queue_->sync();
}

Status GuardedRun::capture_and_replay(const KernelRow& row) {
  for (const Guarded& memory : memory_) TAMIS_RETURN_IF_ERROR(poison(memory, kPoison));
  TAMIS_RETURN_IF_ERROR(queue_->sync());
  TAMIS_RETURN_IF_ERROR(queue_->begin_capture());
  const Status launched = row.launch(*queue_, call_, scratch_);
  Result<std::unique_ptr<Capture>> capture = queue_->end_capture();
  TAMIS_RETURN_IF_ERROR(launched);
  TAMIS_RETURN_IF_ERROR(capture.status());
  capture_ = std::move(*capture);
  TAMIS_RETURN_IF_ERROR(upload_operands());
  TAMIS_RETURN_IF_ERROR(prepare_step(row));
  TAMIS_RETURN_IF_ERROR(queue_->replay(*capture_));
  return queue_->sync();
}

Status GuardedRun::repeat(const KernelRow& row) {
  for (std::size_t i = 0; i < memory_.size(); ++i) {
    if (op_.operands[i].role == Role::kOut) TAMIS_RETURN_IF_ERROR(poison(memory_[i], kPoison));
  }
  TAMIS_RETURN_IF_ERROR(upload_operands());  // the state, which the run before changed, among them
  const std::uint8_t value = repeats_++ % 2 == 0 ? kOtherPoison : kPoison;
  TAMIS_RETURN_IF_ERROR(poison(workspace_, value));
  TAMIS_RETURN_IF_ERROR(poison(step_, value));
  TAMIS_RETURN_IF_ERROR(prepare_step(row));
  TAMIS_RETURN_IF_ERROR(capture_ != nullptr ? queue_->replay(*capture_)
                                            : row.launch(*queue_, call_, scratch_));
  return queue_->sync();
}

Result<std::vector<std::byte>> GuardedRun::result(std::size_t i) {
  TAMIS_ASSIGN_OR_RETURN(std::vector<std::byte> raw, download(memory_[i]));
  return pack(operands_[i].desc, raw.data());
}

Status GuardedRun::check_guards(const Guarded& memory, const std::string& what) {
  const auto guard = static_cast<std::size_t>(guard_);
  std::vector<std::byte> before(guard), behind(guard);
  TAMIS_RETURN_IF_ERROR(queue_->download(before, *memory.buffer, 0));
  TAMIS_RETURN_IF_ERROR(queue_->download(behind, *memory.buffer, guard_ + memory.bytes));
  TAMIS_RETURN_IF_ERROR(queue_->sync());
  for (std::size_t i = 0; i < guard; ++i) {
    if (before[i] != std::byte{kSentinel})
      return internal_error("{}: byte {} before the buffer was overwritten", what, guard - i);
    if (behind[i] != std::byte{kSentinel})
      return internal_error("{}: byte {} behind the buffer was overwritten", what, i);
  }
  return {};
}

Status GuardedRun::check_guards_and_inputs() {
  for (std::size_t i = 0; i < operands_.size(); ++i) {
    if (memory_[i].buffer == nullptr) continue;
    TAMIS_RETURN_IF_ERROR(check_guards(memory_[i], op_.operands[i].name));
    const bool constant = op_.operands[i].role == Role::kIn || op_.operands[i].role == Role::kWeight;
    if (!constant) continue;
    TAMIS_ASSIGN_OR_RETURN(std::vector<std::byte> raw, download(memory_[i]));
    const auto bytes = static_cast<std::size_t>(operands_[i].desc.span_bytes());
    if (bytes > 0 && std::memcmp(raw.data(), host_.operands[i].buffer->host(), bytes) != 0) {
      return internal_error("{}: an input was overwritten", op_.operands[i].name);
    }
  }
  for (const Guarded& memory : weight_memory_) TAMIS_RETURN_IF_ERROR(check_guards(memory, "weight"));
  if (workspace_.buffer != nullptr) TAMIS_RETURN_IF_ERROR(check_guards(workspace_, "workspace"));
  if (step_.buffer != nullptr) TAMIS_RETURN_IF_ERROR(check_guards(step_, "step state"));
  return {};
}

}  // namespace tamis::harness
