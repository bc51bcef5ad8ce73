// The error that hipGetLastError() reports, and the emulator's own words for it.
#pragma once

#include <string>

#include <hip/hip_runtime_api.h>

namespace hip_emulation {

// Keeps `error` for hipGetLastError() of this thread, unless it is success, and gives it back.
hipError_t fail(hipError_t error);

// Keeps what a kernel did wrong for hipGetErrorString(error); gives `error` back.
hipError_t fault(hipError_t error, std::string report);

}  // namespace hip_emulation
