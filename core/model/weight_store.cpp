#include "core/model/weight_store.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "core/base/ceil_div.h"
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

// How the row that reads operand `operand` of `call` wants it.
Layout wanted_layout(const KernelRow& row, const DeviceInfo& device, const OpCall& call,
                     std::size_t operand) {
  return row.weight_layout != nullptr ? row.weight_layout(device, call, operand) : Layout{};
}

bool is_stored(const Layout& layout) { return std::strcmp(layout.name, kStoredLayout) == 0; }

}  // namespace

Result<std::unique_ptr<WeightStore>> WeightStore::load(const WeightSet& set, Checkpoint& checkpoint,
                                                       Device& device, Device& host,
                                                       const LoadProgress& progress) {
  std::unique_ptr<WeightStore> store(new WeightStore(device, host));
  TAMIS_ASSIGN_OR_RETURN(store->queue_, device.create_queue());
  std::int64_t total = 0, done = 0;
  for (const auto& [name, spec] : set.all()) total += static_cast<std::int64_t>(weight_bytes(spec.desc));
  for (const auto& [name, spec] : set.all()) {
    TAMIS_RETURN_IF_ERROR(store->add(spec, checkpoint).with_context("weight " + name));
    done += static_cast<std::int64_t>(weight_bytes(spec.desc));
    if (progress) progress(done, total);
  }
  store->by_name_ = store->host_by_name_;
  TAMIS_RETURN_IF_ERROR(store->queue_->sync().with_context("weights"));
  return store;
}

// The mapping itself, or a copy: safetensors does not align tensors to their elements, and rows read whole
// elements.
Result<BufferRange> WeightStore::map(std::span<const std::byte> bytes, std::size_t alignment) {
  std::shared_ptr<Buffer> buffer;
  if (aligned(bytes.data(), alignment)) {
    TAMIS_ASSIGN_OR_RETURN(buffer, host_.import_host(bytes));
  } else {
    TAMIS_ASSIGN_OR_RETURN(buffer, host_.alloc(static_cast<std::int64_t>(bytes.size())));
    std::memcpy(buffer->host(), bytes.data(), bytes.size());
    owned_bytes_ += static_cast<std::int64_t>(bytes.size());
  }
  buffers_.push_back(std::move(buffer));
  return BufferRange{buffers_.back().get(), 0};
}

Result<BufferRange> WeightStore::upload(std::span<const std::byte> bytes) {
  TAMIS_ASSIGN_OR_RETURN(std::shared_ptr<Buffer> buffer,
                         device_.alloc(static_cast<std::int64_t>(bytes.size())));
  TAMIS_RETURN_IF_ERROR(queue_->upload(*buffer, 0, bytes));
  owned_bytes_ += static_cast<std::int64_t>(bytes.size());
  buffers_.push_back(std::move(buffer));
  return BufferRange{buffers_.back().get(), 0};
}

Result<WeightStore::Stored> WeightStore::host_tensor(const std::string& name, Checkpoint& checkpoint) {
  if (const auto it = host_tensors_.find(name); it != host_tensors_.end()) return it->second;
  TAMIS_ASSIGN_OR_RETURN(const CheckpointTensor* tensor, checkpoint.find(name));
  if (tensor == nullptr) return not_found("{}: tensor {} is missing", checkpoint.where(), name);
  Stored entry;
  entry.cols = tensor->shape.back();
  entry.data_bytes = static_cast<std::int64_t>(tensor->bytes.size());
  TAMIS_ASSIGN_OR_RETURN(entry.data, map(tensor->bytes, dtype_size(*tensor->dtype)));
  if (tensor->dtype == DType::kE4M3) {
    TAMIS_ASSIGN_OR_RETURN(const CheckpointTensor* scales, checkpoint.find_scales(*tensor));
    entry.scale_bytes = static_cast<std::int64_t>(scales->bytes.size());
    TAMIS_ASSIGN_OR_RETURN(entry.scales, map(scales->bytes, 4));
    entry.scale_stride = ceil_div(entry.cols, kWeightBlock);
  }
  return host_tensors_[name] = entry;
}

Result<WeightStore::Stored> WeightStore::device_tensor(const std::string& name) {
  if (const auto it = device_tensors_.find(name); it != device_tensors_.end()) return it->second;
  Stored entry = host_tensors_.at(name);
  for (auto [range, bytes] : {std::pair(&entry.data, entry.data_bytes), {&entry.scales, entry.scale_bytes}}) {
    if (range->buffer == nullptr) continue;
    const std::span memory(range->buffer->host() + range->offset, static_cast<std::size_t>(bytes));
    TAMIS_ASSIGN_OR_RETURN(*range, upload(memory));
  }
  return device_tensors_[name] = entry;
}

Status WeightStore::add_vector(const WeightSpec& spec, Checkpoint& checkpoint) {
  const std::int64_t n = spec.desc.dim(0);
  TAMIS_ASSIGN_OR_RETURN(std::shared_ptr<Buffer> buffer, host_.alloc(n * 4));
  const std::span values(reinterpret_cast<float*>(buffer->host()), static_cast<std::size_t>(n));
  if (!spec.constant.empty()) {
    std::copy(spec.constant.begin(), spec.constant.end(), values.begin());
  } else {
    TAMIS_ASSIGN_OR_RETURN(const CheckpointTensor* tensor, checkpoint.find(spec.parts[0].tensor));
    if (tensor == nullptr)
      return not_found("{}: tensor {} is missing", checkpoint.where(), spec.parts[0].tensor);
    const std::size_t size = dtype_size(*tensor->dtype);
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = element(*tensor->dtype, tensor->bytes.data() + i * size);
  }
  host_vectors_[spec.name] = vectors_[spec.name] = {buffer.get(), 0};
  buffers_.push_back(std::move(buffer));
  owned_bytes_ += n * 4;
  if (&device_ == &host_) return {};
  TAMIS_ASSIGN_OR_RETURN(vectors_[spec.name], upload(std::as_bytes(values)));
  return {};
}

WeightPiece WeightStore::make_piece(const WeightPart& part, DType dtype, const Stored& source) {
  const auto size = static_cast<std::int64_t>(dtype_size(dtype));
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
  return piece;
}

Weight& WeightStore::keep(const TensorDesc& desc, std::vector<WeightPiece> pieces) {
  pieces_.push_back(std::make_unique<std::vector<WeightPiece>>(std::move(pieces)));
  weights_.push_back(std::make_unique<Weight>());
  weights_.back()->desc = desc;
  weights_.back()->pieces = *pieces_.back();
  return *weights_.back();
}

Status WeightStore::add(const WeightSpec& spec, Checkpoint& checkpoint) {
  if (spec.desc.rank == 1) return add_vector(spec, checkpoint);
  std::vector<WeightPiece> pieces;
  for (const WeightPart& part : spec.parts) {
    TAMIS_ASSIGN_OR_RETURN(const Stored source, host_tensor(part.tensor, checkpoint));
    pieces.push_back(make_piece(part, spec.desc.dtype, source));
  }
  host_by_name_[spec.name] = &keep(spec.desc, std::move(pieces));
  specs_[spec.name] = &spec;
  return {};
}

// On the host the mapping itself serves.
Status WeightStore::place_stored(const std::string& name) {
  const WeightSpec& spec = *specs_.at(name);
  std::vector<WeightPiece> pieces;
  for (const WeightPart& part : spec.parts) {
    TAMIS_ASSIGN_OR_RETURN(const Stored source,
                           &device_ == &host_ ? host_tensors_.at(part.tensor) : device_tensor(part.tensor));
    pieces.push_back(make_piece(part, spec.desc.dtype, source));
  }
  Weight& weight = keep(spec.desc, std::move(pieces));
  weight.resident = true;
  by_name_[name] = &weight;
  return {};
}

Status WeightStore::pack(const std::string& name, const KernelRow& row, const Layout& layout) {
  const Weight& stored = *host_by_name_.at(name);
  if (!layout_fits(layout.bytes, stored.desc)) {
    return internal_error("{}: layout {} takes {} bytes for {} stored: over the 1.05 that is promised",
                          row.name, layout.name, layout.bytes, weight_bytes(stored.desc));
  }
  std::vector<std::byte> packed(static_cast<std::size_t>(layout.bytes));
  TAMIS_RETURN_IF_ERROR(row.pack(stored, layout, packed));
  TAMIS_ASSIGN_OR_RETURN(const BufferRange range, upload(packed));
  Weight& weight = keep(stored.desc, {});
  weight.layout = layout.name;
  weight.packed = range.buffer;
  weight.packed_offset = range.offset;
  weight.packed_bytes = layout.bytes;
  weight.resident = true;
  by_name_[name] = &weight;
  return {};
}

Status WeightStore::make_weight_resident(const std::string& name, const KernelRow& row, const OpCall& call,
                                         std::size_t operand) {
  const Layout layout = wanted_layout(row, device_.info(), call, operand);
  return is_stored(layout) ? place_stored(name) : pack(name, row, layout);
}

std::vector<PlannedWeight> device_weights(const Plan& plan, const DeviceInfo& device) {
  std::vector<PlannedWeight> weights;
  std::unordered_set<std::string> seen;
  for (std::size_t i = 0; i < plan.nodes().size(); ++i) {
    const PlannedNode& planned = plan.nodes()[i];
    if (planned.on_host) continue;
    const Node& node = *planned.node;
    for (std::size_t o = 0; o < node.operands.size(); ++o) {
      if (node.operands[o] < 0 || node.op->operands[o].role != Role::kWeight) continue;
      const auto& value = plan.graph().value(node.operands[o]);
      const std::string& name = plan.graph().storage(value.storage).name;
      if (value.desc.rank < 2 || !seen.insert(name).second) continue;
      const Layout layout = wanted_layout(*planned.choice.row, device, plan.unbound_call(i).call, o);
      const bool packed = !is_stored(layout);
      const auto stored_bytes = static_cast<std::int64_t>(weight_bytes(value.desc));
      weights.push_back({name, i, o, packed ? layout.bytes : stored_bytes, packed});
    }
  }
  return weights;
}

Result<bool> WeightStore::make_resident(const Plan& plan, const LoadProgress& progress) {
  const std::vector<PlannedWeight> wanted = device_weights(plan, device_.info());
  std::int64_t total = 0, done = 0;
  const auto is_missing = [&](const PlannedWeight& weight) {
    const auto it = by_name_.find(weight.name);
    return it != by_name_.end() && specs_.count(weight.name) != 0 && !it->second->resident;
  };
  for (const PlannedWeight& weight : wanted) total += is_missing(weight) ? weight.bytes : 0;
  for (const PlannedWeight& weight : wanted) {
    if (!is_missing(weight)) continue;
    const PlanCall call = plan.unbound_call(weight.node);
    TAMIS_RETURN_IF_ERROR(
        make_weight_resident(weight.name, *plan.nodes()[weight.node].choice.row, call.call, weight.operand)
            .with_context("weight " + weight.name));
    done += weight.bytes;
    if (progress) progress(done, total);
  }
  if (done > 0) TAMIS_RETURN_IF_ERROR(queue_->sync().with_context("weights"));
  return done > 0;
}

void WeightStore::bind(Bindings& bindings) const {
  for (const auto& [name, weight] : by_name_) bindings.weights[name] = weight;
  for (const auto& [name, weight] : host_by_name_) bindings.host_weights[name] = weight;
  for (const auto& [name, range] : vectors_) bindings.buffers[name] = range;
  for (const auto& [name, range] : host_vectors_) bindings.host_vectors[name] = range;
}

}  // namespace tamis
