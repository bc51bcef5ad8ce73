#include "backends/vulkan/recording.h"

#include <algorithm>
#include <cstring>

namespace tamis::vulkan {
namespace {

constexpr std::int64_t kArgumentBlock = 16 << 10;
constexpr std::int64_t kArgumentAlignment = 16;
constexpr VkPipelineStageFlags kStages =
    VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;

VkAccessFlags writes_of(VkPipelineStageFlags stages) {
  VkAccessFlags access = 0;
  if ((stages & VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT) != 0) access |= VK_ACCESS_SHADER_WRITE_BIT;
  if ((stages & VK_PIPELINE_STAGE_TRANSFER_BIT) != 0) access |= VK_ACCESS_TRANSFER_WRITE_BIT;
  return access;
}

VkAccessFlags accesses_of(VkPipelineStageFlags stages) {
  VkAccessFlags access = writes_of(stages);
  if ((stages & VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT) != 0) access |= VK_ACCESS_SHADER_READ_BIT;
  if ((stages & VK_PIPELINE_STAGE_TRANSFER_BIT) != 0) access |= VK_ACCESS_TRANSFER_READ_BIT;
  return access;
}

}  // namespace

Result<std::unique_ptr<Recording>> Recording::create(std::shared_ptr<Gpu> gpu, Use use) {
  std::unique_ptr<Recording> recording(new Recording(std::move(gpu), use));
  TAMIS_RETURN_IF_ERROR(recording->make_buffer());
  return recording;
}

Status Recording::make_buffer() {
  const DeviceApi& vk = gpu_->vk;
  VkCommandPoolCreateInfo pool{};
  pool.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO;
  pool.queueFamilyIndex = gpu_->physical.queue_family;
  TAMIS_RETURN_IF_ERROR(
      check(vk.vkCreateCommandPool(gpu_->device, &pool, nullptr, &pool_), "vkCreateCommandPool"));
  VkCommandBufferAllocateInfo info{};
  info.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO;
  info.commandPool = pool_;
  info.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY;
  info.commandBufferCount = 1;
  return check(vk.vkAllocateCommandBuffers(gpu_->device, &info, &buffer_), "vkAllocateCommandBuffers");
}

Recording::~Recording() {
  if (pool_ != VK_NULL_HANDLE) gpu_->vk.vkDestroyCommandPool(gpu_->device, pool_, nullptr);
}

Status Recording::begin() {
  const DeviceApi& vk = gpu_->vk;
  TAMIS_RETURN_IF_ERROR(check(vk.vkResetCommandPool(gpu_->device, pool_, 0), "vkResetCommandPool"));
  VkCommandBufferBeginInfo info{};
  info.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO;
  info.flags = use_ == Use::kManyTimes ? VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT
                                       : VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT;
  TAMIS_RETURN_IF_ERROR(check(vk.vkBeginCommandBuffer(buffer_, &info), "vkBeginCommandBuffer"));
  open_ = true;
  commands_ = 0;
  block_ = 0;
  block_used_ = 0;
  hazards_.clear();
  current_.clear();
  // Earlier submissions to the queue are in the first scope of this barrier, whoever recorded them.
  full_barrier(kStages, VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT);
  barrier_due_ = false;
  used_ = 0;
  covered_ = kStages;
  return {};
}

Status Recording::end() {
  open_ = false;
  return check(gpu_->vk.vkEndCommandBuffer(buffer_), "vkEndCommandBuffer");
}

void Recording::full_barrier(VkPipelineStageFlags to_stages, VkAccessFlags to_access) {
  VkMemoryBarrier barrier{};
  barrier.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER;
  barrier.srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT;
  barrier.dstAccessMask = to_access;
  gpu_->vk.vkCmdPipelineBarrier(buffer_, kStages, to_stages, 0, 1, &barrier, 0, nullptr, 0, nullptr);
}

void Recording::declare(std::span<const Access> accesses) {
  current_.assign(accesses.begin(), accesses.end());
  const bool conflict = std::any_of(accesses.begin(), accesses.end(),
                                    [&](const Access& access) { return hazards_.conflicts(access); });
  if (conflict) return barrier_within();
  for (const Access& access : accesses) hazards_.add(access);
}

void Recording::barrier_within() {
  barrier_due_ = true;
  ++gpu_->stats.barriers;
  hazards_.clear();
  for (const Access& access : current_) hazards_.add(access);
}

// A barrier between dispatches alone costs less than one that has transfers on either side, so it names the
// stages that have worked since the last one and the one that comes next. What comes later of the other kind
// then has a barrier of its own.
void Recording::begin_command(VkPipelineStageFlags stage) {
  const bool uncovered = (stage & ~covered_) != 0;
  if (uncovered || barrier_due_) {
    const VkPipelineStageFlags from = uncovered || used_ == 0 ? kStages : used_;
    covered_ = uncovered ? kStages : stage;
    VkMemoryBarrier barrier{};
    barrier.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER;
    barrier.srcAccessMask = writes_of(from);
    barrier.dstAccessMask = accesses_of(covered_);
    gpu_->vk.vkCmdPipelineBarrier(buffer_, from, covered_, 0, 1, &barrier, 0, nullptr, 0, nullptr);
    barrier_due_ = false;
    used_ = 0;
  }
  used_ |= stage;
}

void Recording::end_command() {
  ++commands_;
  if (gpu_->stats.full_barriers) barrier_within();
}

void Recording::release_to_host() { full_barrier(VK_PIPELINE_STAGE_HOST_BIT, VK_ACCESS_HOST_READ_BIT); }

Status Recording::dispatch(const Kernel& kernel, std::span<const std::byte> arguments, std::int64_t groups) {
  if (groups <= 0) return {};
  // Shaders number their groups y * width + x (shaders/common/group.glsl): one dimension may hold only 65535.
  const std::int64_t width =
      std::min<std::int64_t>(groups, gpu_->physical.limits.maxComputeWorkGroupCount[0]);
  const std::int64_t height = (groups + width - 1) / width;
  if (height > gpu_->physical.limits.maxComputeWorkGroupCount[1] || groups > 0xffffffffll)
    return unsupported("vulkan: {}: {} work groups in one dispatch", kernel.shader, groups);
  TAMIS_ASSIGN_OR_RETURN(const VkPipeline pipeline, gpu_->pipelines->find(kernel));
  const VkPipelineLayout layout = gpu_->pipelines->layout();
  const DeviceApi& vk = gpu_->vk;
  std::uint64_t address = 0;
  if (arguments.size() > kPushBytes) {
    TAMIS_ASSIGN_OR_RETURN(const Arguments stored, store(arguments));
    address = stored.address;
    arguments = std::as_bytes(std::span(&address, 1));
  }
  begin_command(VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT);
  vk.vkCmdBindPipeline(buffer_, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
  vk.vkCmdPushConstants(buffer_, layout, VK_SHADER_STAGE_COMPUTE_BIT, 0,
                        static_cast<std::uint32_t>(arguments.size()), arguments.data());
  vk.vkCmdDispatch(buffer_, static_cast<std::uint32_t>(width), static_cast<std::uint32_t>(height), 1);
  ++gpu_->stats.dispatches;
  end_command();
  return {};
}

void Recording::copy(VkBuffer from, VkBuffer to, const VkBufferCopy& range) {
  begin_command(VK_PIPELINE_STAGE_TRANSFER_BIT);
  gpu_->vk.vkCmdCopyBuffer(buffer_, from, to, 1, &range);
  end_command();
}

void Recording::fill(VkBuffer buffer, VkDeviceSize offset, VkDeviceSize bytes, std::uint8_t value) {
  begin_command(VK_PIPELINE_STAGE_TRANSFER_BIT);
  gpu_->vk.vkCmdFillBuffer(buffer_, buffer, offset, bytes, 0x01010101u * value);
  end_command();
}

void Recording::timestamp(VkQueryPool pool, std::uint32_t slot) {
  gpu_->vk.vkCmdResetQueryPool(buffer_, pool, slot, 1);
  gpu_->vk.vkCmdWriteTimestamp(buffer_, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, pool, slot);
  ++commands_;
}

Result<Recording::Arguments> Recording::store(std::span<const std::byte> bytes) {
  const auto size = static_cast<std::int64_t>(bytes.size());
  while (block_ < blocks_.size() && block_used_ + size > blocks_[block_].bytes()) {
    ++block_;
    block_used_ = 0;
  }
  if (block_ == blocks_.size()) {
    TAMIS_ASSIGN_OR_RETURN(Allocation block,
                           Allocation::create(gpu_, std::max(size, kArgumentBlock), Memory::kHost));
    blocks_.push_back(std::move(block));
  }
  const Allocation& block = blocks_[block_];
  std::memcpy(block.host() + block_used_, bytes.data(), bytes.size());
  const Arguments stored{block.handle(), static_cast<VkDeviceSize>(block_used_),
                         block.address() + static_cast<std::uint64_t>(block_used_)};
  block_used_ += (size + kArgumentAlignment - 1) / kArgumentAlignment * kArgumentAlignment;
  return stored;
}

}  // namespace tamis::vulkan
