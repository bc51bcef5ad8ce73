// What a queue has launched since its last sync: asynchronous work fails without saying which launch it was,
// so the queue keeps the calls and names them in the error. Holds pointers; a plan outlives the sync that
// ends its run.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/base/status.h"

namespace tamis {

struct KernelRow;
struct OpCall;

struct LoggedLaunch {
  const KernelRow* row = nullptr;
  const OpCall* call = nullptr;
};

class LaunchLog {
 public:
  // What the launches from here on belong to; set by the plan before each node.
  void set_current(const KernelRow* row, const OpCall* call) { current_ = {row, call}; }
  const LoggedLaunch& current() const { return current_; }
  // Called by the queue whenever it submits work. Allocates nothing.
  void note() { note(current_); }
  void note(const LoggedLaunch& launch);
  // A replayed capture: its launches, in order.
  void note_all(const std::vector<LoggedLaunch>& launches);
  // `status` with what it may belong to: the launch itself if there was one, else the first and the last of
  // them. kOk stays kOk.
  Status explain(const Status& status) const;
  void clear() { count_ = 0; }

 private:
  static constexpr std::size_t kKept = 2;  // first and last
  std::array<LoggedLaunch, kKept> kept_ = {};
  std::int64_t count_ = 0;
  LoggedLaunch current_;
};

}  // namespace tamis
