#include "core/base/status.h"

namespace tamis {

const char* status_code_name(StatusCode code) {
  switch (code) {
    case StatusCode::kOk: return "ok";
    case StatusCode::kInvalidArgument: return "invalid argument";
    case StatusCode::kNotFound: return "not found";
    case StatusCode::kCorruptData: return "corrupt data";
    case StatusCode::kUnsupported: return "unsupported";
    case StatusCode::kOutOfMemory: return "out of memory";
    case StatusCode::kDeviceLost: return "device lost";
    case StatusCode::kInternal: return "internal error";
  }
  return "unknown";
}

}  // namespace tamis
