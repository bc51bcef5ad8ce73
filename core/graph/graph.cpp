#include "core/graph/graph.h"

#include <cstring>

namespace tamis {

void Graph::fail(Status status) {
  if (status_.ok()) status_ = label_.empty() ? std::move(status) : status.with_context(label_);
}

ValueId Graph::new_value(StorageKind kind, const std::string& name, const TensorDesc& desc) {
  storages_.push_back({kind, name, desc.span_bytes(), 0, false});
  values_.push_back({desc, static_cast<int>(storages_.size()) - 1, 0, 0});
  return static_cast<ValueId>(values_.size()) - 1;
}

ValueId Graph::input(const std::string& name, const TensorDesc& desc) {
  return new_value(StorageKind::kInput, name, desc);
}

ValueId Graph::weight(const std::string& name, const TensorDesc& desc) {
  return new_value(StorageKind::kWeight, name, desc);
}

ValueId Graph::state(const std::string& name, const TensorDesc& desc) {
  return new_value(StorageKind::kState, name, desc);
}

void Graph::mark_output(ValueId value, const std::string& name) {
  if (!status_.ok()) return;
  if (!valid(value)) return fail(internal_error("output {}: no such value", name));
  storages_[static_cast<std::size_t>(values_[static_cast<std::size_t>(value)].storage)].output = true;
  outputs_.emplace_back(name, value);
}

ValueId Graph::slice(ValueId value, int axis, std::int64_t begin, std::int64_t length) {
  if (!status_.ok()) return kNoValue;
  if (!valid(value)) {
    fail(internal_error("slice: no such value"));
    return kNoValue;
  }
  ValueInfo view = values_[static_cast<std::size_t>(value)];
  if (axis >= view.desc.rank || begin < 0 || length < 0 || begin + length > view.desc.dim(axis)) {
    fail(invalid_argument("slice [{}, {}) along axis {} of {}", begin, begin + length, axis,
                          view.desc.to_string()));
    return kNoValue;
  }
  view.offset += slice_offset_bytes(view.desc, axis, begin);
  view.desc = tamis::slice(view.desc, axis, length);
  values_.push_back(view);
  return static_cast<ValueId>(values_.size()) - 1;
}

ValueId Graph::reshape(ValueId value, std::initializer_list<std::int64_t> shape) {
  if (!status_.ok()) return kNoValue;
  if (!valid(value)) {
    fail(internal_error("reshape: no such value"));
    return kNoValue;
  }
  ValueInfo view = values_[static_cast<std::size_t>(value)];
  Result<TensorDesc> desc = tamis::reshape(view.desc, shape);
  if (!desc.ok()) {
    fail(desc.status());
    return kNoValue;
  }
  view.desc = *desc;
  values_.push_back(view);
  return static_cast<ValueId>(values_.size()) - 1;
}

Status Graph::check_operand(const OpDef& op, std::size_t i, ValueId value) const {
  const OperandDef& def = op.operands[i];
  if (value == kNoValue) {
    if (def.optional) return {};
    return invalid_argument("{}: {} is missing", op.name, def.name);
  }
  if (value == kNewValue) {
    if (def.role == Role::kOut) return {};
    return invalid_argument("{}: {} is not an output", op.name, def.name);
  }
  if (!valid(value)) return internal_error("{}: {}: no such value", op.name, def.name);
  const ValueInfo& info = values_[static_cast<std::size_t>(value)];
  const StorageInfo& where = storages_[static_cast<std::size_t>(info.storage)];
  if (info.version != where.version) {
    return invalid_argument("{}: {} reads version {} of {}, which version {} has overwritten", op.name,
                            def.name, info.version, where.name, where.version);
  }
  if (def.role == Role::kState && where.kind != StorageKind::kState) {
    return invalid_argument("{}: {} must be state", op.name, def.name);
  }
  if (def.role == Role::kOut) return invalid_argument("{}: {} must be a new value", op.name, def.name);
  return {};
}

Graph Graph::skeleton() const {
  Graph copy;
  copy.storages_ = storages_;
  for (StorageInfo& storage : copy.storages_) storage.version = 0;
  copy.values_ = values_;
  copy.outputs_ = outputs_;
  return copy;
}

void Graph::append(const Node& node) {
  for (std::size_t i = 0; i < node.operands.size(); ++i) {
    const Role role = node.op->operands[i].role;
    if (node.operands[i] < 0 || (role != Role::kState && role != Role::kInOut)) continue;
    ++storages_[static_cast<std::size_t>(value(node.operands[i]).storage)].version;
  }
  nodes_.push_back(node);
}

Status Graph::append_decomposed(const Node& node) {
  set_label(node.label);
  std::vector<ValueId> values = node.operands;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (node.op->operands[i].role == Role::kOut && values[i] >= 0) values[i] = kNewValue;
  }
  TAMIS_RETURN_IF_ERROR(node.op->decompose({*this, node.params.get(), values}));
  TAMIS_RETURN_IF_ERROR(status_);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (node.op->operands[i].role != Role::kOut || node.operands[i] < 0) continue;
    if (!valid(values[i]) || !desc(values[i]).same_shape(desc(node.operands[i])) ||
        value(values[i]).offset != 0) {
      return internal_error("{}: its decomposition gives no {}", node.op->name, node.op->operands[i].name);
    }
    const int old_storage = value(node.operands[i]).storage, new_storage = value(values[i]).storage;
    storages_[static_cast<std::size_t>(new_storage)].output |=
        storages_[static_cast<std::size_t>(old_storage)].output;
    for (ValueInfo& view : values_) {
      if (view.storage == old_storage) view.storage = new_storage;
    }
  }
  return {};
}

NodeValues Graph::add_node(const OpDef& op, const void* params, std::vector<ValueId> operands) {
  if (!status_.ok()) return {};
  if (operands.size() != op.operands.size()) {
    fail(internal_error("{}: {} operands given, {} declared", op.name, operands.size(), op.operands.size()));
    return {};
  }
  std::vector<TensorDesc> descs(operands.size());
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (Status bad = check_operand(op, i, operands[i]); !bad.ok()) {
      fail(bad);
      return {};
    }
    if (operands[i] >= 0) descs[i] = desc(operands[i]);
    if (operands[i] == kNewValue) descs[i].rank = kWanted;
  }
  if (Status bad = op.infer(params, descs); !bad.ok()) {
    fail(bad);
    return {};
  }
  std::vector<ValueId> results = operands;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (operands[i] == kNewValue) {
      operands[i] = results[i] = new_value(StorageKind::kIntermediate, "", descs[i]);
    } else if (operands[i] >= 0 &&
               (op.operands[i].role == Role::kState || op.operands[i].role == Role::kInOut)) {
      ValueInfo next = values_[static_cast<std::size_t>(operands[i])];
      next.version = ++storages_[static_cast<std::size_t>(next.storage)].version;
      values_.push_back(next);
      results[i] = static_cast<ValueId>(values_.size()) - 1;
    }
  }
  auto copy = std::make_unique<std::byte[]>(op.params_size);
  if (op.params_size > 0) std::memcpy(copy.get(), params, op.params_size);
  nodes_.push_back({&op, std::shared_ptr<const std::byte[]>(std::move(copy)), std::move(operands), label_});
  return NodeValues(std::move(results));
}

}  // namespace tamis
