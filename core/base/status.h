// Status and Result<T>: how every fallible call in the library reports. Nothing in core/ or backends/ throws,
// prints or aborts; a caller gets a code to branch on and a message for a person, which names the file, the
// field, what was expected and what was found.
#pragma once

#include <string>
#include <utility>
#include <variant>

#include <fmt/format.h>

namespace tamis {

enum class StatusCode : int {
  kOk = 0,
  kInvalidArgument,  // the caller's request is wrong: shapes, flags, messages, prompt
  kNotFound,         // a file, tensor, device, kernel or name does not exist
  kCorruptData,      // a checkpoint, tokenizer or config file breaks its own format
  kUnsupported,      // well formed, but nothing here can do it; the message says what could
  kOutOfMemory,      // message: needs X, has Y
  kDeviceLost,
  kInternal,
};

const char* status_code_name(StatusCode code);

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == StatusCode::kOk; }
  StatusCode code() const { return code_; }
  const std::string& message() const { return message_; }

  // Prefixes the message with where the error came up, outermost first: "model.safetensors: tensor x: …".
  Status with_context(std::string_view where) const {
    return ok() ? *this : Status(code_, fmt::format("{}: {}", where, message_));
  }

 private:
  StatusCode code_ = StatusCode::kOk;
  std::string message_;
};

template <class... Args>
Status invalid_argument(fmt::format_string<Args...> format, Args&&... args) {
  return {StatusCode::kInvalidArgument, fmt::format(format, std::forward<Args>(args)...)};
}
template <class... Args>
Status not_found(fmt::format_string<Args...> format, Args&&... args) {
  return {StatusCode::kNotFound, fmt::format(format, std::forward<Args>(args)...)};
}
template <class... Args>
Status corrupt_data(fmt::format_string<Args...> format, Args&&... args) {
  return {StatusCode::kCorruptData, fmt::format(format, std::forward<Args>(args)...)};
}
template <class... Args>
Status unsupported(fmt::format_string<Args...> format, Args&&... args) {
  return {StatusCode::kUnsupported, fmt::format(format, std::forward<Args>(args)...)};
}
template <class... Args>
Status out_of_memory(fmt::format_string<Args...> format, Args&&... args) {
  return {StatusCode::kOutOfMemory, fmt::format(format, std::forward<Args>(args)...)};
}
template <class... Args>
Status internal_error(fmt::format_string<Args...> format, Args&&... args) {
  return {StatusCode::kInternal, fmt::format(format, std::forward<Args>(args)...)};
}

// A value or the Status that says why there is none. Never holds an ok Status without a value.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}         // NOLINT: implicit on purpose, `return value;`
  Result(Status status) : state_(std::move(status)) {}  // NOLINT: implicit on purpose, `return status;`

  bool ok() const { return std::holds_alternative<T>(state_); }
  Status status() const { return ok() ? Status() : std::get<Status>(state_); }

  T& value() & { return std::get<T>(state_); }
  const T& value() const& { return std::get<T>(state_); }
  T&& value() && { return std::get<T>(std::move(state_)); }
  T* operator->() { return &std::get<T>(state_); }
  const T* operator->() const { return &std::get<T>(state_); }
  T& operator*() & { return std::get<T>(state_); }
  const T& operator*() const& { return std::get<T>(state_); }

 private:
  std::variant<T, Status> state_;
};

}  // namespace tamis

// The two macros of the library that change control flow: return early with the Status of `expr`.
#define TAMIS_RETURN_IF_ERROR(expr)                                                        \
  do {                                                                                     \
    if (::tamis::Status tamis_status_ = (expr); !tamis_status_.ok()) return tamis_status_; \
  } while (false)
#define TAMIS_CONCAT_INNER_(a, b) a##b
#define TAMIS_CONCAT_(a, b) TAMIS_CONCAT_INNER_(a, b)
#define TAMIS_ASSIGN_OR_RETURN_IMPL_(result, lhs, expr) \
  auto result = (expr);                                 \
  if (!result.ok()) return result.status();             \
  lhs = std::move(result).value()
#define TAMIS_ASSIGN_OR_RETURN(lhs, expr) \
  TAMIS_ASSIGN_OR_RETURN_IMPL_(TAMIS_CONCAT_(tamis_result_, __LINE__), lhs, expr)
