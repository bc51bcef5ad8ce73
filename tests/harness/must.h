// Unwraps in tests what must not fail.
#pragma once

#include <stdexcept>

#include "core/base/status.h"

namespace tamis {

// Throws, which gtest reports as a failure of the running test, message included.
template <class T>
T must(Result<T> result) {
  if (!result.ok()) throw std::runtime_error(result.status().message());
  return std::move(result).value();
}
inline void must(const Status& status) {
  if (!status.ok()) throw std::runtime_error(status.message());
}

}  // namespace tamis
