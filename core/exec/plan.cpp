// Planning: rows, fallbacks, segments, memory. Running is in run.cpp.
#include "core/exec/plan.h"

#include <algorithm>
#include <cstring>

#include "core/base/log.h"
#include "core/exec/memory_plan.h"

namespace tamis {
namespace {

// Offsets suit every backend's binding alignment (Vulkan's minStorageBufferOffsetAlignment is at most 256).
constexpr std::int64_t kArenaAlignment = 256;

// Whether two nodes' prepare() would see the same thing: it may read params, shapes and step inputs, nothing
// else.
bool same_step_state(const Graph& graph, const Node& a, const Node& b) {
  if (a.op != b.op || std::memcmp(a.params.get(), b.params.get(), a.op->params_size) != 0) return false;
  for (std::size_t i = 0; i < a.operands.size(); ++i) {
    if ((a.operands[i] < 0) != (b.operands[i] < 0)) return false;
    if (a.operands[i] < 0) continue;
    if (!graph.desc(a.operands[i]).same_shape(graph.desc(b.operands[i]))) return false;
    const bool is_input = graph.storage(graph.value(a.operands[i]).storage).kind == StorageKind::kInput;
    if (is_input && a.operands[i] != b.operands[i]) return false;
  }
  return true;
}

std::vector<Tensor> unbound_operands(const Graph& graph, const Node& node, const PlanTarget& target) {
  std::vector<Tensor> operands(node.operands.size());
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (node.operands[i] < 0) continue;
    operands[i].desc = graph.desc(node.operands[i]);
    const StorageInfo& storage = graph.storage(graph.value(node.operands[i]).storage);
    if (target.weights == nullptr || storage.kind != StorageKind::kWeight || operands[i].desc.rank < 2)
      continue;
    if (const auto it = target.weights->find(storage.name); it != target.weights->end())
      operands[i].weight = it->second;
  }
  return operands;
}

RowPreferences preferences_for(const PlanOptions& options, const char* op) {
  RowPreferences preferences;
  preferences.invariance = options.invariance;
  if (const auto it = options.kernels.find(op); it != options.kernels.end())
    preferences.forced_row = it->second;
  if (const auto it = options.families.find(op); it != options.families.end())
    preferences.family = it->second;
  return preferences;
}

}  // namespace

const char* fallback_name(Fallback fallback) {
  switch (fallback) {
    case Fallback::kNone: return "none";
    case Fallback::kDecomposed: return "decomposed";
    case Fallback::kHostRow: return "cpu row with copies";
  }
  return "unknown";
}

Result<std::unique_ptr<Plan>> Plan::create(const Graph& graph, const PlanTarget& target,
                                           const PlanOptions& options) {
  TAMIS_RETURN_IF_ERROR(graph.status());
  std::unique_ptr<Plan> plan(new Plan);
  plan->target_ = target;
  plan->options_ = options;
  plan->graph_ = graph.skeleton();
  TAMIS_RETURN_IF_ERROR(plan->choose_rows(graph));
  plan->cut_segments();
  plan->lay_out_memory();
  plan->stats_.nodes = static_cast<int>(plan->planned_.size());
  return plan;
}

Status Plan::choose_rows(const Graph& source) {
  for (const Node& node : source.nodes()) TAMIS_RETURN_IF_ERROR(place(node, false));
  return {};
}

PlanCall Plan::unbound_call(std::size_t index) const {
  const Node& node = *planned_[index].node;
  PlanCall result{unbound_operands(graph_, node, target_), {}};
  result.call = {node.op, node.params.get(), result.operands};
  return result;
}

void Plan::note_fallback(const PlannedNode& planned, const std::string& reason) {
  std::string line =
      fmt::format("{}: {}: {}", planned.node->op->name, fallback_name(planned.fallback), reason);
  if (std::find(stats_.fallbacks.begin(), stats_.fallbacks.end(), line) != stats_.fallbacks.end()) return;
  if (options_.log_fallbacks) log(LogLevel::kWarn, "fallback: {}", line);
  stats_.fallbacks.push_back(std::move(line));
}

Status Plan::place_decomposed(const Node& node) {
  ++stats_.decomposed;
  const std::size_t before = graph_.nodes().size();
  TAMIS_RETURN_IF_ERROR(graph_.append_decomposed(node));
  // The parts are in the graph already; choose their rows where they stand.
  std::vector<Node> parts(graph_.nodes().begin() + static_cast<std::ptrdiff_t>(before), graph_.nodes().end());
  graph_.truncate(before);
  for (const Node& part : parts) TAMIS_RETURN_IF_ERROR(place(part, true));
  return {};
}

Status Plan::place_on_host(const Node& node, const OpCall& call, PlannedNode& planned) {
  planned.on_host = true;
  RowPreferences preferences;
  preferences.invariance = options_.invariance;
  planned.choice =
      choose_row(target_.host_backend->rows(node.op->name), target_.host->info(), call, preferences);
  if (planned.choice.row != nullptr) return {};
  return unsupported("on the host: {}", describe_rejections(call, planned.choice));
}

Status Plan::place(const Node& node, bool decomposed) {
  const std::vector<Tensor> operands = unbound_operands(graph_, node, target_);
  const OpCall call{node.op, node.params.get(), operands};
  const bool has_host = target_.host != nullptr && target_.host != target_.device;
  PlannedNode planned;
  if (has_host && options_.on_host.count(node.op->name) != 0) {
    TAMIS_RETURN_IF_ERROR(place_on_host(node, call, planned));
  } else {
    planned.choice = choose_row(target_.backend->rows(node.op->name), target_.device->info(), call,
                                preferences_for(options_, node.op->name));
  }
  if (planned.choice.row == nullptr) {
    const std::string why = describe_rejections(call, planned.choice);
    planned.node = &node;
    planned.fallback = node.op->decompose != nullptr ? Fallback::kDecomposed : Fallback::kHostRow;
    if (options_.strict || (node.op->decompose == nullptr && !has_host)) return unsupported("{}", why);
    note_fallback(planned, why);
    if (planned.fallback == Fallback::kDecomposed) return place_decomposed(node);
    ++stats_.host_rows;
    TAMIS_RETURN_IF_ERROR(place_on_host(node, call, planned).with_context(why));
  }
  if (decomposed && planned.fallback == Fallback::kNone) planned.fallback = Fallback::kDecomposed;
  const DeviceInfo& device = (planned.on_host ? target_.host : target_.device)->info();
  const KernelRow& row = *planned.choice.row;
  if (row.workspace != nullptr) planned.workspace_bytes = row.workspace(device, call);
  if (row.step_bytes != nullptr) planned.step_bytes = row.step_bytes(device, call);
  if (decomposed) {
    graph_.push_node(node);
  } else {
    graph_.append(node);
  }
  planned.node = &graph_.nodes().back();
  planned_.push_back(std::move(planned));
  return {};
}

void Plan::cut_segments() {
  for (std::size_t i = 0; i < planned_.size(); ++i) {
    const PlannedNode& node = planned_[i];
    if (segments_.empty() || segments_.back().on_host != node.on_host) {
      segments_.push_back({i, i, node.on_host, !node.on_host});
    }
    segments_.back().last = i + 1;
    segments_.back().capturable = segments_.back().capturable && node.choice.row->capturable;
  }
}

// One request per intermediate storage (its lifetime from first to last use), per workspace (its node alone)
// and per step state (the whole step).
void Plan::lay_out_memory() {
  const int n = static_cast<int>(planned_.size());
  std::vector<MemoryRequest> requests;
  std::vector<int> storage_request(graph_.storages().size(), -1);
  for (int i = 0; i < n; ++i) {
    for (ValueId id : planned_[static_cast<std::size_t>(i)].node->operands) {
      if (id < 0) continue;
      const int s = graph_.value(id).storage;
      const StorageInfo& storage = graph_.storage(s);
      if (storage.kind != StorageKind::kIntermediate) continue;
      int& request = storage_request[static_cast<std::size_t>(s)];
      if (request < 0) {
        request = static_cast<int>(requests.size());
        requests.push_back({storage.bytes, i, i});
      }
      requests[static_cast<std::size_t>(request)].last = storage.output ? n : i;
    }
  }
  const std::size_t first_workspace = requests.size();
  for (int i = 0; i < n; ++i)
    requests.push_back({planned_[static_cast<std::size_t>(i)].workspace_bytes, i, i});
  const std::size_t first_step = requests.size();
  for (std::size_t i = 0; i < planned_.size(); ++i) {
    PlannedNode& node = planned_[i];
    if (node.step_bytes == 0) continue;
    for (std::size_t slot = 0; slot < step_owners_.size() && node.step_slot < 0; ++slot) {
      const PlannedNode& owner = planned_[step_owners_[slot]];
      const bool same = owner.choice.row == node.choice.row && owner.step_bytes == node.step_bytes;
      if (same && same_step_state(graph_, *owner.node, *node.node)) node.step_slot = static_cast<int>(slot);
    }
    if (node.step_slot >= 0) continue;
    node.step_slot = static_cast<int>(step_owners_.size());
    step_owners_.push_back(i);
    requests.push_back({node.step_bytes, 0, n});
  }
  const MemoryPlan plan = plan_memory(requests, kArenaAlignment);
  arena_bytes_ = plan.arena_bytes;
  storage_offsets_.assign(graph_.storages().size(), -1);
  for (std::size_t s = 0; s < storage_request.size(); ++s) {
    if (storage_request[s] >= 0)
      storage_offsets_[s] = plan.offsets[static_cast<std::size_t>(storage_request[s])];
  }
  workspace_offsets_.assign(plan.offsets.begin() + static_cast<std::ptrdiff_t>(first_workspace),
                            plan.offsets.begin() + static_cast<std::ptrdiff_t>(first_step));
  step_offsets_.assign(plan.offsets.begin() + static_cast<std::ptrdiff_t>(first_step), plan.offsets.end());
}

}  // namespace tamis
