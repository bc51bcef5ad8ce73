// The library's log: a callback that the application sets (the default one drops everything: a library does
// not print). Each message is one line without a newline.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace tamis {

enum class LogLevel { kError = 0, kWarn, kInfo, kDebug };

using LogSink = std::function<void(LogLevel, std::string_view)>;

// Replaces the sink; an empty function silences. Not to be called while another thread logs.
void set_log_sink(LogSink sink, LogLevel threshold);
bool log_enabled(LogLevel level);
void log_message(LogLevel level, const std::string& message);

template <class... Args>
void log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(level)) log_message(level, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace tamis
