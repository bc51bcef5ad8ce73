#include "core/model/weight_store.h"

#include <cstring>

#include "core/numeric/float16.h"

namespace tamis {
namespace {

float element(DType dtype, const std::byte* address) {
  if (dtype == DType::kF32) {
    float value;
    std::memcpy(&value, address, 4);
    return value;
  }
  std::uint16_t code;
  std::memcpy(&code, address, 2);
  return dtype == DType::kBF16 ? numeric::bf16_to_float(code) : numeric::f16_to_float(code);
}

bool aligned(const std::byte* address, std::size_t alignment) {
  return reinterpret_cast<std::uintptr_t>(address) % alignment == 0;
}

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace

Result<std::unique_ptr<WeightStore>> WeightStore::load(const WeightSet& set, Checkpoint& checkpoint,
                                                       Device& device, const LoadProgress& progress) {
  std::unique_ptr<WeightStore> store(new WeightStore(device));
  TAMIS_ASSIGN_OR_RETURN(store->queue_, device.create_queue());
  std::int64_t total = 0, done = 0;
  for (const auto& [name, spec] : set.all()) total += static_cast<std::int64_t>(weight_bytes(spec.desc));
  for (const auto& [name, spec] : set.all()) {
    TAMIS_RETURN_IF_ERROR(store->add(spec, checkpoint).with_context("weight " + name));
    done += static_cast<std::int64_t>(weight_bytes(spec.desc));
    if (progress) progress(done, total);
  }
  TAMIS_RETURN_IF_ERROR(store->queue_->sync());
  return store;
}

// Host memory that the device reads in place, or a copy. safetensors does not align tensors to their
// elements; rows read whole elements, so a misaligned tensor is copied, too.
Result<BufferRange> WeightStore::place(std::span<const std::byte> bytes, std::size_t alignment) {
  if (aligned(bytes.data(), alignment)) {
    Result<std::shared_ptr<Buffer>> imported = device_.import_host(bytes);
    if (imported.ok()) {
      buffers_.push_back(*imported);
      return BufferRange{buffers_.back().get(), 0};
    }
    if (imported.status().code() != StatusCode::kUnsupported) return imported.status();
  }
  TAMIS_ASSIGN_OR_RETURN(std::shared_ptr<Buffer> buffer,
                         device_.alloc(static_cast<std::int64_t>(bytes.size())));
  TAMIS_RETURN_IF_ERROR(queue_->upload(*buffer, 0, bytes));
  owned_bytes_ += static_cast<std::int64_t>(bytes.size());
  buffers_.push_back(std::move(buffer));
  return BufferRange{buffers_.back().get(), 0};
}

Result<WeightStore::Stored> WeightStore::stored(const std::string& name, Checkpoint& checkpoint) {
  if (const auto it = tensors_.find(name); it != tensors_.end()) return it->second;
  TAMIS_ASSIGN_OR_RETURN(const CheckpointTensor* tensor, checkpoint.find(name));
  if (tensor == nullptr) return not_found("{}: tensor {} is missing", checkpoint.where(), name);
  Stored entry;
  entry.dtype = *tensor->dtype;
  entry.cols = tensor->shape.back();
  TAMIS_ASSIGN_OR_RETURN(entry.data, place(tensor->bytes, dtype_size(entry.dtype)));
  if (entry.dtype == DType::kE4M3) {
    TAMIS_ASSIGN_OR_RETURN(const CheckpointTensor* scales, checkpoint.find_scales(*tensor));
    TAMIS_ASSIGN_OR_RETURN(entry.scales, place(scales->bytes, 4));
    entry.scale_stride = ceil_div(entry.cols, kWeightBlock);
  }
  return tensors_[name] = entry;
}

Status WeightStore::add_vector(const WeightSpec& spec, Checkpoint& checkpoint) {
  std::vector<float> values = spec.constant;
  if (values.empty()) {
    TAMIS_ASSIGN_OR_RETURN(const CheckpointTensor* tensor, checkpoint.find(spec.parts[0].tensor));
    if (tensor == nullptr)
      return not_found("{}: tensor {} is missing", checkpoint.where(), spec.parts[0].tensor);
    const std::size_t size = dtype_size(*tensor->dtype);
    values.resize(static_cast<std::size_t>(spec.desc.dim(0)));
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = element(*tensor->dtype, tensor->bytes.data() + i * size);
  }
  const auto bytes = std::as_bytes(std::span(values));
  TAMIS_ASSIGN_OR_RETURN(std::shared_ptr<Buffer> buffer,
                         device_.alloc(static_cast<std::int64_t>(bytes.size())));
  TAMIS_RETURN_IF_ERROR(queue_->upload(*buffer, 0, bytes));
  TAMIS_RETURN_IF_ERROR(queue_->sync());  // `values` goes out of scope
  owned_bytes_ += static_cast<std::int64_t>(bytes.size());
  vectors_[spec.name] = {buffer.get(), 0};
  buffers_.push_back(std::move(buffer));
  return {};
}

Status WeightStore::add(const WeightSpec& spec, Checkpoint& checkpoint) {
  if (spec.desc.rank == 1) return add_vector(spec, checkpoint);
  auto pieces = std::make_unique<std::vector<WeightPiece>>();
  const auto size = static_cast<std::int64_t>(dtype_size(spec.desc.dtype));
  for (const WeightPart& part : spec.parts) {
    TAMIS_ASSIGN_OR_RETURN(const Stored source, stored(part.tensor, checkpoint));
    WeightPiece piece;
    piece.buffer = source.data.buffer;
    piece.offset = source.data.offset + (part.first_row * source.cols + part.first_col) * size;
    piece.rows = part.rows;
    piece.row_stride = source.cols;
    piece.scale_buffer = source.scales.buffer;
    piece.scale_offset = source.scales.offset;
    piece.scale_stride = source.scale_stride;
    piece.first_row = part.first_row;
    piece.first_col = part.first_col;
    pieces->push_back(piece);
  }
  auto weight = std::make_unique<Weight>();
  weight->desc = spec.desc;
  weight->pieces = *pieces;
  by_name_[spec.name] = weight.get();
  weights_[spec.name] = std::move(weight);
  pieces_.push_back(std::move(pieces));
  return {};
}

Status WeightStore::pack(const std::string& name, const KernelRow& row, const Layout& layout) {
  Weight& weight = *weights_.at(name);
  if (!layout_fits(layout.bytes, weight.desc)) {
    return internal_error("{}: layout {} takes {} bytes for {} stored: over the 1.05 that is promised",
                          row.name, layout.name, layout.bytes, weight_bytes(weight.desc));
  }
  std::vector<std::byte> packed(static_cast<std::size_t>(layout.bytes));
  TAMIS_RETURN_IF_ERROR(row.pack(weight, layout, packed));
  TAMIS_ASSIGN_OR_RETURN(std::shared_ptr<Buffer> buffer, device_.alloc(layout.bytes));
  TAMIS_RETURN_IF_ERROR(queue_->upload(*buffer, 0, packed));
  TAMIS_RETURN_IF_ERROR(queue_->sync());
  weight.layout = layout.name;
  weight.packed = buffer.get();
  weight.packed_bytes = layout.bytes;
  weight.pieces = {};
  owned_bytes_ += layout.bytes;
  buffers_.push_back(std::move(buffer));
  return {};
}

Status WeightStore::pack_layouts(const std::vector<const Plan*>& plans, const DeviceInfo& device) {
  for (const Plan* plan : plans) {
    for (std::size_t i = 0; i < plan->nodes().size(); ++i) {
      const PlannedNode& planned = plan->nodes()[i];
      if (planned.on_host || planned.choice.row->weight_layout == nullptr) continue;
      const PlanCall call = plan->unbound_call(i);
      const Layout layout = planned.choice.row->weight_layout(device, call.call);
      if (std::strcmp(layout.name, kStoredLayout) == 0) continue;
      for (std::size_t o = 0; o < planned.node->operands.size(); ++o) {
        const bool is_weight =
            planned.node->op->operands[o].role == Role::kWeight && planned.node->operands[o] >= 0;
        if (!is_weight || plan->graph().desc(planned.node->operands[o]).rank < 2) continue;
        const std::string& name =
            plan->graph().storage(plan->graph().value(planned.node->operands[o]).storage).name;
        const auto it = weights_.find(name);
        if (it == weights_.end() || !it->second->stored()) continue;
        TAMIS_RETURN_IF_ERROR(pack(name, *planned.choice.row, layout).with_context(name));
      }
    }
  }
  return {};
}

void WeightStore::bind(Bindings& bindings) const {
  for (const auto& [name, weight] : by_name_) bindings.weights[name] = weight;
  for (const auto& [name, range] : vectors_) bindings.buffers[name] = range;
}

}  // namespace tamis
