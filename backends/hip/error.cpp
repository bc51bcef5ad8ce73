#include "backends/hip/error.h"

namespace tamis::hip {
namespace {

StatusCode code_of(hipError_t error) {
  switch (error) {
    case hipErrorOutOfMemory: return StatusCode::kOutOfMemory;
    case hipErrorIllegalAddress:
    case hipErrorLaunchFailure:
    case hipErrorLaunchTimeOut:
    case hipErrorECCNotCorrectable:
    case hipErrorUnknown: return StatusCode::kDeviceLost;
    case hipErrorNotSupported:
    case hipErrorNoBinaryForGpu: return StatusCode::kUnsupported;
    default: return StatusCode::kInternal;
  }
}

}  // namespace

Status to_status(hipError_t error, std::string_view what) {
  if (error == hipSuccess) return {};
  // The runtime also keeps the error for the next hipGetLastError(): it is reported here, once.
  (void)hipGetLastError();
  return {code_of(error), fmt::format(TAMIS_HIP_BACKEND ": {}: {} ({}: {})", what, hipGetErrorString(error),
                                      static_cast<int>(error), hipGetErrorName(error))};
}

Status no_memory(std::int64_t needed_bytes, std::int64_t free_bytes) {
  return out_of_memory(TAMIS_HIP_BACKEND ": needs {} bytes, {} are free", needed_bytes, free_bytes);
}

}  // namespace tamis::hip
