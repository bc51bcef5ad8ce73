// Times launches of one kernel row with the queue's events.
#pragma once

#include <functional>

#include "bench/call_data.h"

namespace tamis::bench {

// `wanted` bytes, or an eighth of what is free on the device if that is less: benchmarks run on small
// devices, too.
std::int64_t affordable_bytes(const Device& device, std::int64_t wanted);

// A kernel row with all that it needs to be launched.
class Launcher {
 public:
  // Allocates workspace and step state, and runs prepare(). `data` has the row's weights; outlives this.
  static Result<std::unique_ptr<Launcher>> make(const Bench& bench, const KernelRow& row, CallData& data);
  Status launch();

 private:
  Launcher(Queue& queue, const KernelRow& row, const CallData& data)
      : queue_(queue), row_(row), call_(data.call()) {}

  Queue& queue_;
  const KernelRow& row_;
  OpCall call_;
  Scratch scratch_;
  std::shared_ptr<Buffer> workspace_, step_;
};

// Empties the caches by copying one half of a buffer onto the other: the reads alone pass the last-level
// cache.
class Flusher {
 public:
  static Result<std::unique_ptr<Flusher>> make(const Bench& bench);
  Status flush();
  std::int64_t bytes() const { return 2 * half_; }

 private:
  explicit Flusher(Queue& queue) : queue_(queue) {}
  Queue& queue_;
  std::shared_ptr<Buffer> buffer_;
  std::int64_t half_ = 0;
};

// Repetitions go on past `least` while together they take less than `enough_seconds`, up to kMostRepetitions:
// a launch of microseconds needs more of them to be steady.
struct Repetitions {
  std::int64_t least = 5;
  double enough_seconds = 0.05;
};
inline constexpr std::int64_t kMostRepetitions = 100;

// Seconds of each repetition, measured one by one. `before`, if set, runs ahead of each and is not timed.
Result<std::vector<double>> time_each(Queue& queue, const std::function<Status()>& work,
                                      const std::function<Status()>& before, const Repetitions& repetitions);
// One repetition.
Result<double> time_once(Queue& queue, const std::function<Status()>& work);

}  // namespace tamis::bench
