// HIP's host API as far as the backend uses it, on the CPU. Names, types and meanings are HIP's own; memory
// is host memory between guards, work runs when it is submitted, and what went wrong in a kernel comes back
// from the next synchronisation. tests/hip_emulation/.
#pragma once

#include <cstddef>
#include <cstdint>

using hipStream_t = struct EmulatedStream*;
using hipEvent_t = struct EmulatedEvent*;
using hipGraph_t = struct EmulatedGraph*;
using hipGraphExec_t = struct EmulatedGraphExec*;
using hipGraphNode_t = struct EmulatedGraphNode*;

// A plug-in of its own may load HIP's library beside this one: each keeps to its own functions.
#pragma GCC visibility push(hidden)

enum hipError_t {
  hipSuccess = 0,
  hipErrorInvalidValue = 1,
  hipErrorOutOfMemory = 2,
  hipErrorInvalidConfiguration = 9,
  hipErrorNoDevice = 100,
  hipErrorInvalidDevice = 101,
  hipErrorNoBinaryForGpu = 209,
  hipErrorECCNotCorrectable = 214,
  hipErrorInvalidHandle = 400,
  hipErrorIllegalAddress = 700,
  hipErrorLaunchTimeOut = 702,
  hipErrorLaunchFailure = 719,
  hipErrorNotSupported = 801,
  hipErrorStreamCaptureUnsupported = 900,
  hipErrorIllegalState = 401,
  hipErrorUnknown = 999,
};
// The emulator's last report for hipErrorLaunchFailure and hipErrorIllegalAddress.
const char* hipGetErrorString(hipError_t error);
const char* hipGetErrorName(hipError_t error);
hipError_t hipGetLastError();

struct hipDeviceProp_t {
  char name[256];
  char gcnArchName[256];
  std::size_t totalGlobalMem;
  std::size_t sharedMemPerBlock;
  int multiProcessorCount;
  int warpSize;
  int maxThreadsPerBlock;
};
hipError_t hipGetDeviceCount(int* count);
hipError_t hipSetDevice(int device);
hipError_t hipGetDeviceProperties(hipDeviceProp_t* properties, int device);
hipError_t hipDriverGetVersion(int* version);
hipError_t hipRuntimeGetVersion(int* version);

constexpr unsigned hipHostMallocDefault = 0;
hipError_t hipMalloc(void** memory, std::size_t bytes);
template <class T>
hipError_t hipMalloc(T** memory, std::size_t bytes) {
  return hipMalloc(reinterpret_cast<void**>(memory), bytes);
}
hipError_t hipFree(void* memory);
hipError_t hipHostMalloc(void** memory, std::size_t bytes, unsigned flags);
hipError_t hipHostFree(void* memory);
hipError_t hipMemGetInfo(std::size_t* free, std::size_t* total);

constexpr unsigned hipStreamNonBlocking = 1;
hipError_t hipStreamCreateWithFlags(hipStream_t* stream, unsigned flags);
hipError_t hipStreamDestroy(hipStream_t stream);
hipError_t hipStreamSynchronize(hipStream_t stream);
hipError_t hipStreamWaitEvent(hipStream_t stream, hipEvent_t event, unsigned flags);

enum hipMemcpyKind {
  hipMemcpyHostToHost,
  hipMemcpyHostToDevice,
  hipMemcpyDeviceToHost,
  hipMemcpyDeviceToDevice
};
hipError_t hipMemcpyAsync(void* dst, const void* src, std::size_t bytes, hipMemcpyKind kind,
                          hipStream_t stream);
hipError_t hipMemsetAsync(void* dst, int value, std::size_t bytes, hipStream_t stream);

hipError_t hipEventCreate(hipEvent_t* event);
hipError_t hipEventDestroy(hipEvent_t event);
hipError_t hipEventRecord(hipEvent_t event, hipStream_t stream);
hipError_t hipEventElapsedTime(float* milliseconds, hipEvent_t begin, hipEvent_t end);

enum hipStreamCaptureMode {
  hipStreamCaptureModeGlobal,
  hipStreamCaptureModeThreadLocal,
  hipStreamCaptureModeRelaxed
};
hipError_t hipStreamBeginCapture(hipStream_t stream, hipStreamCaptureMode mode);
hipError_t hipStreamEndCapture(hipStream_t stream, hipGraph_t* graph);
hipError_t hipGraphInstantiate(hipGraphExec_t* executable, hipGraph_t graph, hipGraphNode_t* error_node,
                               char* log, std::size_t log_bytes);
hipError_t hipGraphLaunch(hipGraphExec_t executable, hipStream_t stream);
hipError_t hipGraphExecDestroy(hipGraphExec_t executable);
hipError_t hipGraphDestroy(hipGraph_t graph);

#pragma GCC visibility pop
