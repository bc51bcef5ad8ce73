#include "backends/cuda/error.h"

#include <string_view>

namespace tamis::cuda {
namespace {

StatusCode code_of(cudaError_t error) {
  switch (error) {
    case cudaErrorMemoryAllocation: return StatusCode::kOutOfMemory;
    case cudaErrorIllegalAddress:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorIllegalInstruction:
    case cudaErrorHardwareStackError:
    case cudaErrorLaunchFailure:
    case cudaErrorLaunchTimeout:
    case cudaErrorAssert:
    case cudaErrorECCUncorrectable:
    case cudaErrorDevicesUnavailable: return StatusCode::kDeviceLost;
    default: return StatusCode::kInternal;
  }
}

}  // namespace

Status to_status(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return {};
  // The call's name is enough: the arguments of a stringified expression say nothing to a user.
  const std::string_view text(what);
  return {code_of(error), fmt::format("{}: {} ({})", text.substr(0, text.find('(')),
                                      cudaGetErrorString(error), cudaGetErrorName(error))};
}

}  // namespace tamis::cuda
