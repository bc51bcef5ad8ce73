// Running a plan: operands bound once, then segments launched, captured or replayed. Nothing here allocates
// after the first run, except on the way to an error or under a trace.
#include <cstring>

#include "core/exec/plan.h"

namespace tamis {
namespace {

bool is_read(Role role) { return role != Role::kOut; }
bool is_written(Role role) { return role == Role::kOut || role == Role::kInOut || role == Role::kState; }

}  // namespace

Status Plan::resolve(const Bindings& bindings, std::size_t index, bool host) {
  const Node& node = *planned_[index].node;
  BoundNode& bound = bound_[index];
  for (std::size_t i = 0; i < node.operands.size(); ++i) {
    Tensor& tensor = bound.operands[i];
    if (!tensor.present()) continue;
    const ValueInfo& value = graph_.value(node.operands[i]);
    const StorageInfo& storage = graph_.storage(value.storage);
    if (storage.kind == StorageKind::kIntermediate) {
      tensor.buffer = arena_.get();
      tensor.offset = storage_offsets_[static_cast<std::size_t>(value.storage)] + value.offset;
      continue;
    }
    if (storage.kind == StorageKind::kWeight && tensor.desc.rank >= 2) {
      const auto& weights = host ? bindings.host_weights : bindings.weights;
      const auto it = weights.find(storage.name);
      if (it == weights.end()) return not_found("{}: weight {} is not loaded", node.op->name, storage.name);
      tensor.weight = it->second;
      continue;
    }
    const auto& buffers =
        host && storage.kind == StorageKind::kWeight ? bindings.host_vectors : bindings.buffers;
    const auto it = buffers.find(storage.name);
    if (it == buffers.end()) return not_found("{}: {} is not bound", node.op->name, storage.name);
    tensor.buffer = it->second.buffer;
    tensor.offset = it->second.offset + value.offset;
    if (tensor.offset + tensor.desc.span_bytes() > tensor.buffer->bytes()) {
      return invalid_argument("{}: {}: needs bytes [{}, {}) of a buffer of {}", node.op->name, storage.name,
                              tensor.offset, tensor.offset + tensor.desc.span_bytes(),
                              tensor.buffer->bytes());
    }
  }
  return {};
}

// Host copies of a fallback row's operands: fixed memory, made once.
Status Plan::make_host_mirrors(std::size_t index) {
  const Node& node = *planned_[index].node;
  BoundNode& bound = bound_[index];
  bound.mirrors.resize(bound.operands.size());
  bound.device_operands.resize(bound.operands.size());
  for (std::size_t i = 0; i < bound.operands.size(); ++i) {
    Tensor& tensor = bound.operands[i];
    if (!tensor.present() || node.op->operands[i].role == Role::kWeight) continue;
    bound.device_operands[i] = {tensor.buffer, tensor.offset};
    TAMIS_ASSIGN_OR_RETURN(bound.mirrors[i], target_.host->alloc(tensor.desc.span_bytes()));
    tensor.buffer = bound.mirrors[i].get();
    tensor.offset = 0;
  }
  const PlannedNode& planned = planned_[index];
  TAMIS_ASSIGN_OR_RETURN(bound.host_scratch,
                         target_.host->alloc(planned.workspace_bytes + planned.step_bytes));
  bound.scratch = {bound.host_scratch.get(), 0,
                   planned.workspace_bytes,  bound.host_scratch.get(),
                   planned.workspace_bytes,  planned.step_bytes};
  return {};
}

// The plan may have been made before its weights were resident; what they became may not be what the row
// reads.
Status Plan::check_weights(std::size_t index) const {
  const PlannedNode& planned = planned_[index];
  const BoundNode& bound = bound_[index];
  const bool has_weights = std::any_of(bound.operands.begin(), bound.operands.end(),
                                       [](const Tensor& operand) { return operand.weight != nullptr; });
  if (!has_weights || planned.choice.row->accepts == nullptr) return {};
  const DeviceInfo& device = (planned.on_host ? target_.host : target_.device)->info();
  const Reason reason = planned.choice.row->accepts(device, bound.call);
  if (reason.accepted()) return {};
  return describe_failure(
      invalid_argument("bind: {}: plan again with the weights as they are", reason.text()), index);
}

Status Plan::bind(const Bindings& bindings) {
  if (bindings.arena == nullptr || bindings.arena->bytes() < arena_bytes_) {
    return out_of_memory("plan: needs an arena of {} bytes, has {}", arena_bytes_,
                         bindings.arena == nullptr ? 0 : bindings.arena->bytes());
  }
  arena_ = bindings.arena;
  captures_.clear();
  captures_.resize(segments_.size());
  bound_.clear();
  bound_.resize(planned_.size());
  for (std::size_t i = 0; i < planned_.size(); ++i) {
    const PlannedNode& planned = planned_[i];
    BoundNode& bound = bound_[i];
    bound.operands.resize(planned.node->operands.size());
    for (std::size_t o = 0; o < bound.operands.size(); ++o) {
      if (planned.node->operands[o] >= 0) bound.operands[o].desc = graph_.desc(planned.node->operands[o]);
    }
    bound.call = {planned.node->op, planned.node->params.get(), bound.operands};
    TAMIS_RETURN_IF_ERROR(resolve(bindings, i, planned.on_host));
    TAMIS_RETURN_IF_ERROR(check_weights(i));
    if (planned.on_host) {
      TAMIS_RETURN_IF_ERROR(make_host_mirrors(i));
      continue;
    }
    bound.scratch = {arena_.get(),
                     workspace_offsets_[i],
                     planned.workspace_bytes,
                     arena_.get(),
                     planned.step_slot < 0 ? 0 : step_offsets_[static_cast<std::size_t>(planned.step_slot)],
                     planned.step_bytes};
  }
  outputs_.clear();
  for (const auto& [name, id] : graph_.outputs()) {
    const ValueInfo& value = graph_.value(id);
    Tensor tensor{value.desc, arena_.get(), 0, nullptr};
    const std::int64_t offset = storage_offsets_[static_cast<std::size_t>(value.storage)];
    if (offset < 0) return invalid_argument("output {}: not computed by this graph", name);
    tensor.offset = offset + value.offset;
    outputs_.emplace(name, tensor);
  }
  return {};
}

Result<Tensor> Plan::output(const std::string& name) const {
  const auto it = outputs_.find(name);
  if (it == outputs_.end()) return not_found("plan has no output {}", name);
  return it->second;
}

Status Plan::describe_failure(const Status& status, std::size_t index) const {
  const PlannedNode& planned = planned_[index];
  return status.with_context(fmt::format("{}: {}: {}", planned.node->label, planned.choice.row->name,
                                         describe_call(bound_[index].call)));
}

Status Plan::launch_on_host(std::size_t index, Queue& queue, Queue& host_queue) {
  BoundNode& bound = bound_[index];
  const Node& node = *planned_[index].node;
  const auto mirror_span = [&](std::size_t i) {
    return std::span(bound.mirrors[i]->host(), static_cast<std::size_t>(bound.operands[i].desc.span_bytes()));
  };
  for (std::size_t i = 0; i < bound.mirrors.size(); ++i) {
    // Written operands come down too: a row may write only part of a state or of a strided output.
    if (bound.mirrors[i] == nullptr) continue;
    if (!is_read(node.op->operands[i].role) && bound.operands[i].desc.contiguous()) continue;
    const BufferRange& source = bound.device_operands[i];
    TAMIS_RETURN_IF_ERROR(queue.download(mirror_span(i), *source.buffer, source.offset));
  }
  TAMIS_RETURN_IF_ERROR(queue.sync());
  const KernelRow& row = *planned_[index].choice.row;
  if (row.prepare != nullptr) TAMIS_RETURN_IF_ERROR(row.prepare(host_queue, bound.call, bound.scratch));
  TAMIS_RETURN_IF_ERROR(row.launch(host_queue, bound.call, bound.scratch));
  TAMIS_RETURN_IF_ERROR(host_queue.sync());
  for (std::size_t i = 0; i < bound.mirrors.size(); ++i) {
    if (bound.mirrors[i] == nullptr || !is_written(node.op->operands[i].role)) continue;
    const BufferRange& target = bound.device_operands[i];
    TAMIS_RETURN_IF_ERROR(queue.upload(*target.buffer, target.offset, mirror_span(i)));
  }
  return queue.sync();
}

Status Plan::launch_node(std::size_t index, Queue& queue, Queue& host_queue) {
  const PlannedNode& planned = planned_[index];
  const BoundNode& bound = bound_[index];
  (planned.on_host ? host_queue : queue).log().set_current(planned.choice.row, &bound.call);
  Status status = planned.on_host ? launch_on_host(index, queue, host_queue)
                                  : planned.choice.row->launch(queue, bound.call, bound.scratch);
  return status.ok() ? status : describe_failure(status, index);
}

Status Plan::prepare_step(Queue& queue, Queue&) {
  for (std::size_t owner : step_owners_) {
    const KernelRow& row = *planned_[owner].choice.row;
    if (planned_[owner].on_host || row.prepare == nullptr) continue;
    queue.log().set_current(&row, &bound_[owner].call);
    const Status status = row.prepare(queue, bound_[owner].call, bound_[owner].scratch);
    if (!status.ok()) return describe_failure(status, owner);
  }
  return {};
}

Status Plan::run_segment(std::size_t index, Queue& queue, Queue& host_queue) {
  const PlanSegment& segment = segments_[index];
  if (captures_[index] != nullptr) return queue.replay(*captures_[index]);
  const bool capture = capture_ && segment.capturable;
  if (capture) TAMIS_RETURN_IF_ERROR(queue.begin_capture());
  Status status;
  for (std::size_t i = segment.first; i < segment.last && status.ok(); ++i)
    status = launch_node(i, queue, host_queue);
  if (!capture) return status;
  Result<std::unique_ptr<Capture>> captured = queue.end_capture();
  TAMIS_RETURN_IF_ERROR(status);
  TAMIS_RETURN_IF_ERROR(captured.status());
  captures_[index] = std::move(captured).value();
  return queue.replay(*captures_[index]);
}

Status Plan::run_traced(Queue& queue, Queue& host_queue, Trace& trace) {
  TAMIS_ASSIGN_OR_RETURN(std::unique_ptr<Event> origin, queue.record_event());
  for (std::size_t i = 0; i < planned_.size(); ++i) {
    TAMIS_ASSIGN_OR_RETURN(std::unique_ptr<Event> begin, queue.record_event());
    TAMIS_RETURN_IF_ERROR(launch_node(i, queue, host_queue));
    TAMIS_ASSIGN_OR_RETURN(std::unique_ptr<Event> end, queue.record_event());
    TAMIS_RETURN_IF_ERROR(queue.sync());
    const PlannedNode& planned = planned_[i];
    const OpCall& call = bound_[i].call;
    TraceEvent event;
    event.name = planned.choice.row->name;
    event.label = planned.node->label;
    event.device = planned.on_host ? "host" : target_.device->info().name;
    event.shapes = describe_call(call);
    TAMIS_ASSIGN_OR_RETURN(event.begin_seconds, queue.elapsed_seconds(*origin, *begin));
    TAMIS_ASSIGN_OR_RETURN(event.seconds, queue.elapsed_seconds(*begin, *end));
    event.flops = call.op->flops(call);
    event.bytes = call.op->bytes(call);
    trace.add(std::move(event));
  }
  return {};
}

Status Plan::submit(Queue& queue, Queue& host_queue) {
  if (bound_.size() != planned_.size()) return internal_error("plan: run before bind");
  TAMIS_RETURN_IF_ERROR(prepare_step(queue, host_queue));
  for (std::size_t i = 0; i < segments_.size(); ++i) TAMIS_RETURN_IF_ERROR(run_segment(i, queue, host_queue));
  return {};
}

Status Plan::run(Queue& queue, Queue& host_queue, Trace* trace) {
  if (trace == nullptr) {
    TAMIS_RETURN_IF_ERROR(submit(queue, host_queue));
    return queue.sync();
  }
  if (bound_.size() != planned_.size()) return internal_error("plan: run before bind");
  TAMIS_RETURN_IF_ERROR(prepare_step(queue, host_queue));
  return run_traced(queue, host_queue, *trace);
}

}  // namespace tamis
