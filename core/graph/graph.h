// The op graph of one step: values (typed views of storages) and nodes (ops with typed params), in execution
// order. Built once per step variant and bucket; shapes are upper bounds, what changes between steps is read
// on the device.
//
//   Graph g;
//   ValueId x = g.input("hidden", {DType::kF32, {17, 256}});
//   ValueId w = g.weight("layers.0.q_a", {DType::kE4M3, {128, 256}});
//   ValueId y = add_linear(g, x, w, {.act_quant = ActQuant::kNone, .out = DType::kF32});
//   if (!g.status().ok()) …                        // the first error of the whole build
//
// Errors are sticky: after the first one every call returns kNoValue and status() tells it, so that model
// builders read as plain data flow.
#pragma once

#include <deque>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "core/graph/op_def.h"

namespace tamis {

inline constexpr ValueId kNoValue = -1;   // an absent optional operand
inline constexpr ValueId kNewValue = -2;  // an output to be made

enum class StorageKind : std::uint8_t {
  kIntermediate,  // lives in the plan's arena between its first writer and last reader
  kInput,         // a step input: fixed address, written by the host before a run
  kWeight,
  kState,  // outlives the step: caches, counters
};

struct StorageInfo {
  StorageKind kind = StorageKind::kIntermediate;
  std::string name;        // of inputs, weights and states: how the executor binds memory
  std::int64_t bytes = 0;  // unused for weights
  int version = 0;         // latest
  bool output = false;     // read by the host after the run: stays alive to the end
};

struct ValueInfo {
  TensorDesc desc;
  int storage = -1;
  std::int64_t offset = 0;  // bytes into the storage
  int version = 0;          // of the storage that this value reads
};

struct Node {
  const OpDef* op = nullptr;
  std::shared_ptr<const std::byte[]> params;
  std::vector<ValueId> operands;  // kNoValue = absent
  std::string label;              // "layers.3.attention": where it stands in the model, for trace and explain
};

// The operand values of an added node: out entries are new values, state entries the new version.
class NodeValues {
 public:
  NodeValues() = default;
  explicit NodeValues(std::vector<ValueId> values) : values_(std::move(values)) {}
  ValueId operator[](int i) const {
    return values_.empty() ? kNoValue : values_[static_cast<std::size_t>(i)];
  }

 private:
  std::vector<ValueId> values_;
};

class Graph {
 public:
  ValueId input(const std::string& name, const TensorDesc& desc);
  ValueId weight(const std::string& name, const TensorDesc& desc);
  ValueId state(const std::string& name, const TensorDesc& desc);
  void mark_output(ValueId value, const std::string& name);

  // Views: no node, no copy.
  ValueId slice(ValueId value, int axis, std::int64_t begin, std::int64_t length);
  ValueId reshape(ValueId value, std::initializer_list<std::int64_t> shape);

  // Appends a node. `operands` has one entry per op->operands: a value, kNewValue for an output to make,
  // kNoValue for an absent optional one. A state entry takes the latest version and gives the next. Reading
  // an older version than the latest is an error: the writer would already have overwritten it.
  template <class P>
  NodeValues add(const OpDef& op, const P& params, std::initializer_list<ValueId> operands) {
    static_assert(std::is_trivially_copyable_v<P>);
    if (op.params_size != sizeof(P)) fail(internal_error("{}: wrong params struct", op.name));
    return add_node(op, &params, std::vector<ValueId>(operands));
  }
  NodeValues add_node(const OpDef& op, const void* params, std::vector<ValueId> operands);

  // Lowering: a copy of the values and storages without nodes; the planner then puts the nodes back one by
  // one, each as it is or as what its op decomposes into. A decomposition's outputs take the place of the
  // node's in every later view.
  Graph skeleton() const;
  void append(const Node& node);
  Status append_decomposed(const Node& node);
  // Takes the last nodes off again and puts them back one by one, versions untouched: the planner chooses
  // rows for the parts of a decomposition this way.
  void truncate(std::size_t nodes) { nodes_.resize(nodes); }
  void push_node(const Node& node) { nodes_.push_back(node); }

  // Label of the nodes added from here on.
  void set_label(std::string label) { label_ = std::move(label); }

  const Status& status() const { return status_; }
  void fail(Status status);

  const TensorDesc& desc(ValueId value) const { return values_[static_cast<std::size_t>(value)].desc; }
  const ValueInfo& value(ValueId value) const { return values_[static_cast<std::size_t>(value)]; }
  const StorageInfo& storage(int index) const { return storages_[static_cast<std::size_t>(index)]; }
  const std::deque<Node>& nodes() const { return nodes_; }
  const std::vector<ValueInfo>& values() const { return values_; }
  const std::vector<StorageInfo>& storages() const { return storages_; }
  // Values by the name given to mark_output.
  const std::vector<std::pair<std::string, ValueId>>& outputs() const { return outputs_; }

 private:
  ValueId new_value(StorageKind kind, const std::string& name, const TensorDesc& desc);
  Status check_operand(const OpDef& op, std::size_t i, ValueId value) const;
  bool valid(ValueId value) const { return value >= 0 && value < static_cast<int>(values_.size()); }

  std::vector<StorageInfo> storages_;
  std::vector<ValueInfo> values_;
  std::deque<Node> nodes_;
  std::vector<std::pair<std::string, ValueId>> outputs_;
  std::string label_;
  Status status_;
};

}  // namespace tamis
