// The queue's transfers. Uploads and downloads pass through one piece of host-visible memory; when that is
// full, the queue waits for its work and starts at the front again.
#include <algorithm>
#include <cstring>

#include "backends/vulkan/queue.h"
#include "core/backend/check_range.h"

namespace tamis::vulkan {
namespace {

// Large enough that a checkpoint's upload is bound by copying, small beside any device's memory.
constexpr std::int64_t kStagingBytes = 8 << 20;
constexpr std::int64_t kStagingAlignment = 64;

struct Range {
  VulkanBuffer* buffer;
  std::uint64_t begin, end;  // device addresses
};

Result<Range> find_range(const char* what, Buffer& buffer, std::int64_t offset, std::int64_t bytes) {
  TAMIS_RETURN_IF_ERROR(check_range(what, buffer, offset, bytes).with_context("vulkan"));
  auto& memory = static_cast<VulkanBuffer&>(buffer);
  const std::uint64_t begin = memory.address() + static_cast<std::uint64_t>(offset);
  return Range{&memory, begin, begin + static_cast<std::uint64_t>(bytes)};
}

VkBufferCopy region(std::int64_t from, std::int64_t to, std::int64_t bytes) {
  return {static_cast<VkDeviceSize>(from), static_cast<VkDeviceSize>(to), static_cast<VkDeviceSize>(bytes)};
}

}  // namespace

// An offset of `bytes` <= kStagingBytes that no work uses.
Result<std::int64_t> VulkanQueue::stage(std::int64_t bytes) {
  if (staging_.host() == nullptr) {
    TAMIS_ASSIGN_OR_RETURN(staging_, Allocation::create(gpu_, kStagingBytes, Memory::kHost));
  }
  if (staged_ + bytes > kStagingBytes) TAMIS_RETURN_IF_ERROR(flush());
  const std::int64_t offset = staged_;
  staged_ += (bytes + kStagingAlignment - 1) / kStagingAlignment * kStagingAlignment;
  return offset;
}

Status VulkanQueue::upload(Buffer& dst, std::int64_t offset, std::span<const std::byte> src) {
  if (capturing_ != nullptr) return invalid_argument("vulkan: upload while capturing");
  const auto bytes = static_cast<std::int64_t>(src.size());
  TAMIS_ASSIGN_OR_RETURN(const Range to, find_range("upload", dst, offset, bytes));
  for (std::int64_t done = 0; done < bytes;) {
    const std::int64_t part = std::min(bytes - done, kStagingBytes);
    TAMIS_ASSIGN_OR_RETURN(const std::int64_t staged, stage(part));
    TAMIS_RETURN_IF_ERROR(open_target());
    std::memcpy(staging_.host() + staged, src.data() + done, static_cast<std::size_t>(part));
    const std::uint64_t begin = to.begin + static_cast<std::uint64_t>(done);
    const Access access{begin, begin + static_cast<std::uint64_t>(part), true};
    current_->declare({&access, 1});
    current_->copy(staging_.handle(), to.buffer->handle(), region(staged, offset + done, part));
    done += part;
  }
  return {};
}

Status VulkanQueue::download(std::span<std::byte> dst, Buffer& src, std::int64_t offset) {
  if (capturing_ != nullptr) return invalid_argument("vulkan: download while capturing");
  const auto bytes = static_cast<std::int64_t>(dst.size());
  TAMIS_ASSIGN_OR_RETURN(const Range from, find_range("download", src, offset, bytes));
  for (std::int64_t done = 0; done < bytes;) {
    const std::int64_t part = std::min(bytes - done, kStagingBytes);
    TAMIS_ASSIGN_OR_RETURN(const std::int64_t staged, stage(part));
    TAMIS_RETURN_IF_ERROR(open_target());
    const std::uint64_t begin = from.begin + static_cast<std::uint64_t>(done);
    const Access access{begin, begin + static_cast<std::uint64_t>(part), false};
    current_->declare({&access, 1});
    current_->copy(from.buffer->handle(), staging_.handle(), region(offset + done, staged, part));
    downloads_.push_back({dst.data() + done, staged, part});
    done += part;
  }
  return {};
}

// The work is done: what it copied into the staging memory goes where it was asked for.
void VulkanQueue::finish_downloads() {
  for (const Download& download : downloads_) {
    std::memcpy(download.to, staging_.host() + download.staged, static_cast<std::size_t>(download.bytes));
  }
  downloads_.clear();
}

Status VulkanQueue::copy(Buffer& dst, std::int64_t dst_offset, Buffer& src, std::int64_t src_offset,
                         std::int64_t bytes) {
  TAMIS_ASSIGN_OR_RETURN(const Range to, find_range("copy: destination", dst, dst_offset, bytes));
  TAMIS_ASSIGN_OR_RETURN(const Range from, find_range("copy: source", src, src_offset, bytes));
  if (bytes == 0) return {};
  if (to.begin < from.end && from.begin < to.end)
    return invalid_argument("vulkan: copy: source and destination overlap");
  TAMIS_RETURN_IF_ERROR(open_target());
  const std::array<Access, 2> accesses{{{from.begin, from.end, false}, {to.begin, to.end, true}}};
  target()->declare(accesses);
  target()->copy(from.buffer->handle(), to.buffer->handle(), region(src_offset, dst_offset, bytes));
  return {};
}

// Up to three bytes before the first or behind the last whole word, which fills cannot reach.
Status VulkanQueue::fill_edge(VulkanBuffer& dst, std::int64_t offset, std::int64_t bytes,
                              std::uint8_t value) {
  if (bytes == 0) return {};
  std::array<std::byte, 4> word;
  word.fill(static_cast<std::byte>(value));
  TAMIS_ASSIGN_OR_RETURN(const Recording::Arguments stored, target()->store(word));
  target()->copy(stored.buffer, dst.handle(),
                 region(static_cast<std::int64_t>(stored.offset), offset, bytes));
  return {};
}

Status VulkanQueue::fill(Buffer& dst, std::int64_t offset, std::int64_t bytes, std::uint8_t value) {
  TAMIS_ASSIGN_OR_RETURN(const Range to, find_range("fill", dst, offset, bytes));
  if (bytes == 0) return {};
  TAMIS_RETURN_IF_ERROR(open_target());
  const Access access{to.begin, to.end, true};
  target()->declare({&access, 1});
  const std::int64_t end = offset + bytes, first = std::min((offset + 3) / 4 * 4, end);
  const std::int64_t last = std::max(end / 4 * 4, first);
  TAMIS_RETURN_IF_ERROR(fill_edge(*to.buffer, offset, first - offset, value));
  if (last > first) {
    target()->fill(to.buffer->handle(), static_cast<VkDeviceSize>(first),
                   static_cast<VkDeviceSize>(last - first), value);
  }
  return fill_edge(*to.buffer, last, end - last, value);
}

}  // namespace tamis::vulkan
