// Errors, properties and memory of the emulated HIP.
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "core/base/settings.h"
#include "tests/hip_emulation/block.h"
#include "tests/hip_emulation/error_state.h"
#include "tests/hip_emulation/memory.h"

namespace hip_emulation {
namespace {

// Of settings; 0 for a name of another form.
int wanted_arch() {
  const std::string name = tamis::settings::emulated_arch();
  if (name.empty()) return tamis::settings::emulated_wave() == 32 ? 0x1100 : 0x942;
  return name.starts_with("gfx") ? static_cast<int>(std::strtol(name.c_str() + 3, nullptr, 16)) : 0;
}

thread_local hipError_t last_error = hipSuccess;

std::mutex report_mutex;
std::string last_report;

}  // namespace

hipError_t fail(hipError_t error) {
  if (error != hipSuccess) last_error = error;
  return error;
}

hipError_t fault(hipError_t error, std::string report) {
  const std::lock_guard<std::mutex> lock(report_mutex);
  last_report = std::move(report);
  return error;
}

}  // namespace hip_emulation

using hip_emulation::fail;

hipError_t hipGetLastError() { return std::exchange(hip_emulation::last_error, hipSuccess); }

const char* hipGetErrorString(hipError_t error) {
  thread_local std::string copy;  // stays while another thread's kernel fails
  if (error == hipErrorLaunchFailure || error == hipErrorIllegalAddress) {
    const std::lock_guard<std::mutex> lock(hip_emulation::report_mutex);
    copy = hip_emulation::last_report;
    return copy.c_str();
  }
  switch (error) {
    case hipSuccess: return "no error";
    case hipErrorInvalidValue: return "invalid argument";
    case hipErrorOutOfMemory: return "out of memory";
    case hipErrorInvalidConfiguration: return "invalid configuration argument";
    case hipErrorNoDevice: return "no ROCm-capable device is detected";
    case hipErrorInvalidDevice: return "invalid device ordinal";
    case hipErrorInvalidHandle: return "invalid resource handle";
    case hipErrorIllegalState: return "the operation cannot be performed in the present state";
    case hipErrorStreamCaptureUnsupported: return "operation not permitted when stream is capturing";
    default: return "unknown error";
  }
}

const char* hipGetErrorName(hipError_t error) {
  switch (error) {
    case hipSuccess: return "hipSuccess";
    case hipErrorInvalidValue: return "hipErrorInvalidValue";
    case hipErrorOutOfMemory: return "hipErrorOutOfMemory";
    case hipErrorInvalidConfiguration: return "hipErrorInvalidConfiguration";
    case hipErrorIllegalAddress: return "hipErrorIllegalAddress";
    case hipErrorLaunchFailure: return "hipErrorLaunchFailure";
    case hipErrorStreamCaptureUnsupported: return "hipErrorStreamCaptureUnsupported";
    default: return "hipError";
  }
}

hipError_t hipGetDeviceCount(int* count) {
  hip_emulation::set_arch(hip_emulation::wanted_arch());
  *count = 1;
  return hipSuccess;
}

hipError_t hipSetDevice(int device) { return device == 0 ? hipSuccess : fail(hipErrorInvalidDevice); }

hipError_t hipGetDeviceProperties(hipDeviceProp_t* properties, int device) {
  if (device != 0) return fail(hipErrorInvalidDevice);
  *properties = {};
  const int wave = hip_emulation::wave_size();
  std::snprintf(properties->name, sizeof(properties->name), "emulated AMD GPU, wave%d", wave);
  std::snprintf(properties->gcnArchName, sizeof(properties->gcnArchName), "gfx%x%s", hip_emulation::arch(),
                wave == 32 ? "" : ":sramecc+:xnack-");
  properties->totalGlobalMem = hip_emulation::kDeviceBytes;
  properties->sharedMemPerBlock = hip_emulation::kLocalMemoryBytes;
  properties->multiProcessorCount = 16;  // rows cut their work by it
  properties->warpSize = wave;
  properties->maxThreadsPerBlock = static_cast<int>(hip_emulation::kMaxBlockThreads);
  return hipSuccess;
}

hipError_t hipDriverGetVersion(int* version) {
  *version = 0;
  return hipSuccess;
}

hipError_t hipRuntimeGetVersion(int* version) {
  *version = 0;
  return hipSuccess;
}

hipError_t hipMalloc(void** memory, std::size_t bytes) {
  *memory = bytes > 0 ? hip_emulation::allocate(bytes) : nullptr;
  return *memory != nullptr || bytes == 0 ? hipSuccess : fail(hipErrorOutOfMemory);
}

hipError_t hipFree(void* memory) {
  return memory == nullptr || hip_emulation::release(memory) ? hipSuccess : fail(hipErrorInvalidValue);
}

hipError_t hipHostMalloc(void** memory, std::size_t bytes, unsigned) {
  *memory = std::malloc(bytes);
  return *memory != nullptr ? hipSuccess : fail(hipErrorOutOfMemory);
}

hipError_t hipHostFree(void* memory) {
  std::free(memory);
  return hipSuccess;
}

hipError_t hipMemGetInfo(std::size_t* free, std::size_t* total) {
  *free = hip_emulation::free_bytes();
  *total = hip_emulation::kDeviceBytes;
  return hipSuccess;
}
