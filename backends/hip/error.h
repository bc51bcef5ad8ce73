// HIP's error codes as Status.
#pragma once

#include <string_view>

#include <hip/hip_runtime_api.h>

#include "core/base/status.h"

namespace tamis::hip {

// kOk for hipSuccess. Out of memory and a lost device have codes of their own; `what` says what was tried.
Status to_status(hipError_t error, std::string_view what);

// Out of memory is reported with what was needed and what is free, by whoever allocates.
Status no_memory(std::int64_t needed_bytes, std::int64_t free_bytes);

}  // namespace tamis::hip
