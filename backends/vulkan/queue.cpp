#include "backends/vulkan/queue.h"

#include <algorithm>
#include <utility>

namespace tamis::vulkan {
namespace {

// Commands after which a recording is submitted, so that the device starts while the host goes on recording.
constexpr int kLongRecording = 256;
// Recordings submitted and not waited for, before the queue waits for the oldest.
constexpr std::size_t kMostRunning = 8;

VulkanBuffer& as_vulkan(Buffer& buffer) { return static_cast<VulkanBuffer&>(buffer); }

}  // namespace

Result<std::unique_ptr<Queue>> VulkanQueue::create(std::shared_ptr<Gpu> gpu) {
  std::unique_ptr<VulkanQueue> queue(new VulkanQueue(std::move(gpu)));
  TAMIS_ASSIGN_OR_RETURN(queue->timeline_, Timeline::create(queue->gpu_));
  queue->timestamps_ = std::make_shared<Timestamps>(queue->gpu_);
  return std::unique_ptr<Queue>(std::move(queue));
}

VulkanQueue::~VulkanQueue() {
  // Nothing of the queue may go while the device works with it; an error here means that it works no more.
  static_cast<void>(timeline_->wait(timeline_->submitted()));
  gpu_->pipelines->save();  // devices may live until the process ends, and then it is too late
}

// A recording that is not running: a finished one if there is such.
Result<std::unique_ptr<Recording>> VulkanQueue::free_recording() {
  if (running_.size() >= kMostRunning) {
    TAMIS_RETURN_IF_ERROR(timeline_->wait(running_.front().value));
    free_.push_back(std::move(running_.front().recording));
    running_.erase(running_.begin());
  }
  if (free_.empty()) return Recording::create(gpu_, Recording::Use::kOnce);
  std::unique_ptr<Recording> recording = std::move(free_.back());
  free_.pop_back();
  return recording;
}

Status VulkanQueue::open_target() {
  TAMIS_RETURN_IF_ERROR(gpu_->alive());
  if (capturing_ != nullptr) return {};
  if (current_ != nullptr && current_->commands() >= kLongRecording)
    TAMIS_RETURN_IF_ERROR(submit_current(nullptr));
  if (current_ != nullptr) return {};
  TAMIS_ASSIGN_OR_RETURN(std::unique_ptr<Recording> recording, free_recording());
  TAMIS_RETURN_IF_ERROR(recording->begin());
  current_ = std::move(recording);
  return {};
}

// Submits what was recorded, and behind it `then`, as one batch. What cannot be submitted will never run: the
// next sync says so, too, since the caller of this may not be the one who wants the results.
Status VulkanQueue::submit_current(Recording* then) {
  std::unique_ptr<Recording> current = std::move(current_);
  if (current == nullptr && then == nullptr && wait_semaphores_.empty()) return {};
  if (current != nullptr && !downloads_.empty()) current->release_to_host();
  Status status = current != nullptr ? current->end() : Status();
  if (status.ok()) status = submit(current.get(), then);
  if (!status.ok()) {
    downloads_.clear();
    if (failed_.ok()) failed_ = status;
    return status;
  }
  if (current != nullptr) running_.push_back({std::move(current), timeline_->submitted()});
  wait_semaphores_.clear();
  wait_values_.clear();
  return {};
}

// Either may be null.
Status VulkanQueue::submit(const Recording* first, const Recording* second) {
  std::array<VkCommandBuffer, 2> buffers{};
  std::uint32_t count = 0;
  for (const Recording* recording : {first, second}) {
    if (recording != nullptr) buffers[count++] = recording->handle();
  }
  const std::uint64_t value = timeline_->submitted() + 1;
  const std::vector<VkPipelineStageFlags> stages(wait_semaphores_.size(), VK_PIPELINE_STAGE_ALL_COMMANDS_BIT);
  const VkSemaphore semaphore = timeline_->semaphore();
  VkTimelineSemaphoreSubmitInfo values{};
  values.sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO;
  values.waitSemaphoreValueCount = static_cast<std::uint32_t>(wait_values_.size());
  values.pWaitSemaphoreValues = wait_values_.data();
  values.signalSemaphoreValueCount = 1;
  values.pSignalSemaphoreValues = &value;
  VkSubmitInfo info{};
  info.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO;
  info.pNext = &values;
  info.waitSemaphoreCount = static_cast<std::uint32_t>(wait_semaphores_.size());
  info.pWaitSemaphores = wait_semaphores_.data();
  info.pWaitDstStageMask = stages.data();
  info.commandBufferCount = count;
  info.pCommandBuffers = buffers.data();
  info.signalSemaphoreCount = 1;
  info.pSignalSemaphores = &semaphore;
  TAMIS_RETURN_IF_ERROR(gpu_->submit(info));
  timeline_->set_submitted(value);
  return {};
}

// Submits, waits, and takes back what the work held.
Status VulkanQueue::flush() {
  TAMIS_RETURN_IF_ERROR(submit_current(nullptr));
  if (Status waited = timeline_->wait(timeline_->submitted()); !waited.ok()) {
    downloads_.clear();
    return waited;
  }
  finish_downloads();
  for (Running& running : running_) free_.push_back(std::move(running.recording));
  running_.clear();
  awaited_.clear();
  staged_ = 0;
  return {};
}

Status VulkanQueue::sync() {
  if (capturing_ != nullptr) return invalid_argument("vulkan: sync while capturing");
  Status status = flush();
  if (!failed_.ok()) status = std::exchange(failed_, Status());
  if (status.ok()) status = gpu_->alive();
  gpu_->pipelines->save_if_due();
  if (status.ok()) status = gpu_->instance->take_validation_errors();
  status = log().explain(status);
  log().clear();
  return status;
}

Result<std::unique_ptr<Event>> VulkanQueue::record_event() {
  if (capturing_ != nullptr) return invalid_argument("vulkan: record_event while capturing");
  TAMIS_RETURN_IF_ERROR(gpu_->alive());
  auto event = std::make_unique<VulkanEvent>();
  if (gpu_->physical.timestamp_bits > 0) {
    TAMIS_RETURN_IF_ERROR(open_target());
    TAMIS_ASSIGN_OR_RETURN(event->slot, timestamps_->take());
    event->timestamps = timestamps_;
    current_->timestamp(event->slot.pool, event->slot.index);
  }
  // Another queue may wait for the event, so its work must be on the way.
  TAMIS_RETURN_IF_ERROR(submit_current(nullptr));
  event->timeline = timeline_;
  event->value = timeline_->submitted();
  return std::unique_ptr<Event>(std::move(event));
}

Status VulkanQueue::wait_event(Event& event) {
  if (capturing_ != nullptr) return invalid_argument("vulkan: wait_event while capturing");
  const auto& awaited = static_cast<VulkanEvent&>(event);
  if (awaited.timeline == timeline_) return {};    // in order already
  TAMIS_RETURN_IF_ERROR(submit_current(nullptr));  // what came before does not wait
  wait_semaphores_.push_back(awaited.timeline->semaphore());
  wait_values_.push_back(awaited.value);
  awaited_.push_back(awaited.timeline);
  return {};
}

Result<double> VulkanQueue::elapsed_seconds(Event& begin, Event& end) {
  const auto &first = static_cast<VulkanEvent&>(begin), &last = static_cast<VulkanEvent&>(end);
  if (first.timestamps == nullptr || last.timestamps == nullptr)
    return unsupported("vulkan: {} has no timestamps", gpu_->physical.info.name);
  TAMIS_ASSIGN_OR_RETURN(const std::uint64_t from, first.timestamps->read(first.slot));
  TAMIS_ASSIGN_OR_RETURN(const std::uint64_t to, last.timestamps->read(last.slot));
  const double ticks = static_cast<double>(static_cast<std::int64_t>(to - from));
  return ticks * static_cast<double>(gpu_->physical.limits.timestampPeriod) * 1e-9;
}

Status VulkanQueue::begin_capture() {
  TAMIS_RETURN_IF_ERROR(gpu_->alive());
  if (capturing_ != nullptr) return invalid_argument("vulkan: begin_capture: already capturing");
  TAMIS_ASSIGN_OR_RETURN(std::unique_ptr<Recording> recording,
                         Recording::create(gpu_, Recording::Use::kManyTimes));
  TAMIS_RETURN_IF_ERROR(recording->begin());
  capturing_ = std::move(recording);
  captured_launches_.clear();
  return {};
}

Result<std::unique_ptr<Capture>> VulkanQueue::end_capture() {
  if (capturing_ == nullptr) return invalid_argument("vulkan: end_capture: not capturing");
  auto capture = std::make_unique<VulkanCapture>();
  capture->timeline = timeline_;
  capture->recording = std::move(capturing_);
  capture->launches = std::move(captured_launches_);
  captured_launches_.clear();
  TAMIS_RETURN_IF_ERROR(capture->recording->end());
  return std::unique_ptr<Capture>(std::move(capture));
}

Status VulkanQueue::replay(Capture& capture) {
  if (capturing_ != nullptr) return invalid_argument("vulkan: replay while capturing");
  auto& recorded = static_cast<VulkanCapture&>(capture);
  log().note_all(recorded.launches);
  TAMIS_RETURN_IF_ERROR(submit_current(recorded.recording.get()));
  recorded.last_run = timeline_->submitted();
  return {};
}

Result<std::uint64_t> VulkanQueue::store(std::span<const std::byte> data) {
  TAMIS_ASSIGN_OR_RETURN(const Recording::Arguments stored, target()->store(data));
  return stored.address;
}

Status VulkanQueue::begin_launch(const OpCall& call, const Scratch& scratch) {
  TAMIS_RETURN_IF_ERROR(open_target());
  accesses_.clear();
  const auto add = [&](Buffer* buffer, std::int64_t offset, std::int64_t bytes, bool write) {
    if (buffer == nullptr || bytes == 0) return;
    const std::uint64_t begin = as_vulkan(*buffer).address() + static_cast<std::uint64_t>(offset);
    accesses_.push_back({begin, begin + static_cast<std::uint64_t>(bytes), write});
  };
  for (std::size_t i = 0; i < call.operands.size(); ++i) {
    const Tensor& tensor = call.operands[i];
    if (!tensor.present()) continue;
    if (tensor.weight == nullptr) {
      const Role role = call.op->operands[i].role;
      add(tensor.buffer, tensor.offset, tensor.desc.span_bytes(), role != Role::kIn && role != Role::kWeight);
      continue;
    }
    // Pieces of one stored tensor follow each other; whole buffers keep the list short.
    const Weight& weight = *tensor.weight;
    add(weight.packed, weight.packed_offset, weight.packed_bytes, false);
    const Buffer* last = nullptr;
    for (const WeightPiece& piece : weight.pieces) {
      if (piece.buffer == last) continue;
      last = piece.buffer;
      add(piece.buffer, 0, piece.buffer->bytes(), false);
      if (piece.scale_buffer != nullptr) add(piece.scale_buffer, 0, piece.scale_buffer->bytes(), false);
    }
  }
  add(scratch.workspace, scratch.workspace_offset, scratch.workspace_bytes, true);
  add(scratch.step, scratch.step_offset, scratch.step_bytes, true);
  target()->declare(accesses_);
  if (capturing_ != nullptr) {
    captured_launches_.push_back(log().current());
  } else {
    log().note();
  }
  return {};
}

}  // namespace tamis::vulkan
