#include "core/base/log.h"

#include <mutex>

namespace tamis {
namespace {

struct LogState {
  std::mutex mutex;
  LogSink sink;
  LogLevel threshold = LogLevel::kWarn;
};

LogState& state() {
  static LogState instance;
  return instance;
}

}  // namespace

void set_log_sink(LogSink sink, LogLevel threshold) {
  std::lock_guard lock(state().mutex);
  state().sink = std::move(sink);
  state().threshold = threshold;
}

bool log_enabled(LogLevel level) { return state().sink != nullptr && level <= state().threshold; }

void log_message(LogLevel level, const std::string& message) {
  std::lock_guard lock(state().mutex);
  if (state().sink) state().sink(level, message);
}

}  // namespace tamis
