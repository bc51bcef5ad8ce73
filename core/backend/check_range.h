// The one check that every queue makes before it touches a buffer.
#pragma once

#include "core/backend/backend_api.h"

namespace tamis {

inline Status check_range(const char* what, const Buffer& buffer, std::int64_t offset, std::int64_t bytes) {
  if (offset >= 0 && bytes >= 0 && bytes <= buffer.bytes() && offset <= buffer.bytes() - bytes) return {};
  return invalid_argument("{}: bytes [{}, {} + {}) of a buffer of {}", what, offset, offset, bytes,
                          buffer.bytes());
}

}  // namespace tamis
