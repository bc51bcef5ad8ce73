// Plan::run_checked: what a backend's barriers and the memory plan rest on is that a row writes what its op
// declares as written, and nothing else. Here every node runs by itself: its outputs and workspace start
// poisoned, and afterwards everything else in the arena, and every operand that it only reads, must be as it
// was.
#include <algorithm>
#include <cstring>

#include "core/exec/plan.h"

namespace tamis {
namespace {

constexpr std::uint8_t kPoison = 0xff;  // NaN in every float type, -1 in integers

using Bytes = std::vector<std::byte>;

Result<Bytes> download(Queue& queue, Buffer& buffer, std::int64_t offset, std::int64_t bytes) {
  Bytes copy(static_cast<std::size_t>(bytes));
  TAMIS_RETURN_IF_ERROR(queue.download(copy, buffer, offset));
  TAMIS_RETURN_IF_ERROR(queue.sync());
  return copy;
}

// The first byte that differs outside `allowed`, or -1.
std::int64_t first_change(const Bytes& before, const Bytes& after, const std::vector<ByteRange>& allowed) {
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] == after[i]) continue;
    const auto at = static_cast<std::int64_t>(i);
    const bool fine = std::any_of(allowed.begin(), allowed.end(), [at](const ByteRange& range) {
      return at >= range.begin && at < range.end;
    });
    if (!fine) return at;
  }
  return -1;
}

bool only_read(Role role) { return role == Role::kIn || role == Role::kWeight; }

}  // namespace

// Poisons what the node may write without reading, and lists everything in the arena that it may write.
Status Plan::poison_node(std::size_t index, Queue& queue, std::vector<ByteRange>& writable) {
  const Node& node = *planned_[index].node;
  const BoundNode& bound = bound_[index];
  for (std::size_t i = 0; i < bound.operands.size(); ++i) {
    const Role role = node.op->operands[i].role;
    const BufferRange where = operand_range(index, i);
    if (where.buffer == nullptr || only_read(role)) continue;
    const std::int64_t bytes = bound.operands[i].desc.span_bytes();
    if (where.buffer == arena_.get()) writable.push_back({where.offset, where.offset + bytes});
    // A strided output has other values' bytes in its gaps.
    if (role == Role::kOut && bound.operands[i].desc.contiguous())
      TAMIS_RETURN_IF_ERROR(queue.fill(*where.buffer, where.offset, bytes, kPoison));
  }
  if (planned_[index].on_host || planned_[index].workspace_bytes == 0) return {};
  const std::int64_t begin = workspace_offsets_[index];
  writable.push_back({begin, begin + planned_[index].workspace_bytes});
  return queue.fill(*arena_, begin, planned_[index].workspace_bytes, kPoison);
}

// Where an operand lies on the device; buffer null for absent ones and for weights of rank >= 2.
BufferRange Plan::operand_range(std::size_t index, std::size_t operand) const {
  const BoundNode& bound = bound_[index];
  if (!bound.operands[operand].present()) return {};
  if (operand < bound.mirrors.size() && bound.mirrors[operand] != nullptr)
    return bound.device_operands[operand];
  if (planned_[index].on_host) return {};  // a weight in host memory
  return {bound.operands[operand].buffer, bound.operands[operand].offset};
}

Status Plan::check_node(std::size_t index, Queue& queue, Queue& host_queue) {
  const Node& node = *planned_[index].node;
  const BoundNode& bound = bound_[index];
  std::vector<ByteRange> writable;
  TAMIS_RETURN_IF_ERROR(poison_node(index, queue, writable));
  std::vector<Bytes> before(bound.operands.size() + 1);
  const auto snapshot = [&](std::vector<Bytes>& bytes) -> Status {
    for (std::size_t i = 0; i < bound.operands.size(); ++i) {
      const BufferRange where = operand_range(index, i);
      if (where.buffer == nullptr || !only_read(node.op->operands[i].role)) continue;
      TAMIS_ASSIGN_OR_RETURN(
          bytes[i], download(queue, *where.buffer, where.offset, bound.operands[i].desc.span_bytes()));
    }
    TAMIS_ASSIGN_OR_RETURN(bytes.back(), download(queue, *arena_, 0, arena_bytes_));
    return {};
  };
  TAMIS_RETURN_IF_ERROR(snapshot(before));
  TAMIS_RETURN_IF_ERROR(launch_node(index, queue, host_queue));
  TAMIS_RETURN_IF_ERROR(queue.sync());
  std::vector<Bytes> after(before.size());
  TAMIS_RETURN_IF_ERROR(snapshot(after));
  for (std::size_t i = 0; i < bound.operands.size(); ++i) {
    const std::int64_t at = first_change(before[i], after[i], {});
    if (at < 0) continue;
    return describe_failure(internal_error("wrote byte {} of {}, which the op declares as read only", at,
                                           node.op->operands[i].name),
                            index);
  }
  if (const std::int64_t at = first_change(before.back(), after.back(), writable); at >= 0) {
    return describe_failure(
        internal_error("wrote byte {} of the arena, which belongs to none of its operands", at), index);
  }
  return {};
}

Status Plan::run_checked(Queue& queue, Queue& host_queue) {
  if (bound_.size() != planned_.size()) return internal_error("plan: run before bind");
  TAMIS_RETURN_IF_ERROR(queue.fill(*arena_, 0, arena_bytes_, kPoison));
  TAMIS_RETURN_IF_ERROR(prepare_step(queue, host_queue));
  TAMIS_RETURN_IF_ERROR(queue.sync());
  for (std::size_t i = 0; i < planned_.size(); ++i) TAMIS_RETURN_IF_ERROR(check_node(i, queue, host_queue));
  return {};
}

}  // namespace tamis
