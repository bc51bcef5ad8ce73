// Reason: why a kernel row does not take a call. An empty Reason means "yes". Reasons are kept by the planner
// and printed by `tamis explain`, so each is one short clause with the numbers that decided.
#pragma once

#include <string>
#include <utility>

#include <fmt/format.h>

namespace tamis {

class [[nodiscard]] Reason {
 public:
  Reason() = default;  // accepted
  explicit Reason(std::string text) : text_(std::move(text)) {}

  bool accepted() const { return text_.empty(); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

inline Reason accept() { return {}; }

template <class... Args>
Reason reject(fmt::format_string<Args...> format, Args&&... args) {
  return Reason(fmt::format(format, std::forward<Args>(args)...));
}

// The catalogue of common rejections, so that the same cause reads the same on every backend.
namespace reason {
inline Reason dtype(const char* operand, const char* found, const char* takes) {
  return reject("{} is {}, the row takes {}", operand, found, takes);
}
inline Reason size(const char* what, long long found, const char* takes) {
  return reject("{} is {}, the row takes {}", what, found, takes);
}
inline Reason weight_layout(const char* found) {
  return reject("weight is packed as {}", found);
}  // or "stored"
inline Reason feature(const char* name) { return reject("device lacks {}", name); }
inline Reason slower(const char* why) { return reject("a later row is faster here: {}", why); }
}  // namespace reason

}  // namespace tamis
