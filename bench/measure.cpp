#include "bench/measure.h"

#include <algorithm>

#include "bench/environment.h"

namespace tamis::bench {

std::int64_t affordable_bytes(const Device& device, std::int64_t wanted) {
  constexpr std::int64_t kLeast = 1 << 20;
  std::int64_t bytes = wanted;
  if (const std::int64_t free = device.free_bytes(); free > 0) bytes = std::min(bytes, free / 8);
  if (const std::int64_t most = device.info().max_buffer_bytes; most > 0) bytes = std::min(bytes, most);
  return std::max(kLeast, bytes / kLeast * kLeast);
}

Result<std::unique_ptr<Launcher>> Launcher::make(const Bench& bench, const KernelRow& row, CallData& data) {
  TAMIS_RETURN_IF_ERROR(data.set_weights(bench, row));
  std::unique_ptr<Launcher> made(new Launcher(bench.queue, row, data));
  Scratch& scratch = made->scratch_;
  if (row.workspace != nullptr) {
    scratch.workspace_bytes = row.workspace(bench.device.info(), made->call_);
    TAMIS_ASSIGN_OR_RETURN(made->workspace_,
                           bench.device.alloc(std::max<std::int64_t>(1, scratch.workspace_bytes)));
    scratch.workspace = made->workspace_.get();
  }
  if (row.step_bytes != nullptr) {
    scratch.step_bytes = row.step_bytes(bench.device.info(), made->call_);
    TAMIS_ASSIGN_OR_RETURN(made->step_, bench.device.alloc(std::max<std::int64_t>(1, scratch.step_bytes)));
    scratch.step = made->step_.get();
  }
  bench.queue.log().set_current(&row, &made->call_);
  if (row.prepare != nullptr) TAMIS_RETURN_IF_ERROR(row.prepare(bench.queue, made->call_, scratch));
  bench.queue.log().set_current(nullptr, nullptr);
  TAMIS_RETURN_IF_ERROR(bench.queue.sync());
  return made;
}

Status Launcher::launch() {
  queue_.log().set_current(&row_, &call_);
  Status status = row_.launch(queue_, call_, scratch_);
  queue_.log().set_current(nullptr, nullptr);  // a flush that follows is not part of it
  return status;
}

Result<std::unique_ptr<Flusher>> Flusher::make(const Bench& bench) {
  std::unique_ptr<Flusher> made(new Flusher(bench.queue));
  // A GPU does not say how large its last-level cache is; none has more than 256 MiB.
  const std::int64_t cache = bench.device.info().backend == "cpu" ? last_level_cache_bytes() : 256ll << 20;
  made->half_ = affordable_bytes(bench.device, 2 * std::max<std::int64_t>(cache, 32ll << 20)) / 2;
  TAMIS_ASSIGN_OR_RETURN(made->buffer_, bench.device.alloc(2 * made->half_));
  TAMIS_RETURN_IF_ERROR(bench.queue.fill(*made->buffer_, 0, 2 * made->half_, 1));
  return made;
}

Status Flusher::flush() { return queue_.copy(*buffer_, half_, *buffer_, 0, half_); }

Result<double> time_once(Queue& queue, const std::function<Status()>& work) {
  TAMIS_ASSIGN_OR_RETURN(std::unique_ptr<Event> begin, queue.record_event());
  TAMIS_RETURN_IF_ERROR(work());
  TAMIS_ASSIGN_OR_RETURN(std::unique_ptr<Event> end, queue.record_event());
  TAMIS_RETURN_IF_ERROR(queue.sync());
  return queue.elapsed_seconds(*begin, *end);
}

Result<std::vector<double>> time_each(Queue& queue, const std::function<Status()>& work,
                                      const std::function<Status()>& before, const Repetitions& repetitions) {
  std::vector<double> seconds;
  double total = 0;
  const auto more = [&] {
    const auto count = static_cast<std::int64_t>(seconds.size());
    return count < repetitions.least || (total < repetitions.enough_seconds && count < kMostRepetitions);
  };
  while (more()) {
    // Not waited for: a GPU is still busy with it while the host issues the launch, whose cost on the host is
    // then not part of the time.
    if (before) TAMIS_RETURN_IF_ERROR(before());
    TAMIS_ASSIGN_OR_RETURN(const double once, time_once(queue, work));
    seconds.push_back(once);
    total += once;
  }
  return seconds;
}

}  // namespace tamis::bench
