// Streams, events, graphs and launches of the emulated HIP. Work runs in the submitting thread, at once, so a
// stream is an error that waits to be reported, and a graph is a list of what was submitted.
#include <chrono>
#include <cstring>
#include <memory>
#include <vector>

#include <hip/hip_runtime.h>

#include "tests/hip_emulation/error_state.h"
#include "tests/hip_emulation/memory.h"

using hip_emulation::fail;
using Work = std::function<hipError_t()>;

struct EmulatedStream {
  hipError_t pending = hipSuccess;  // of work that failed, until a synchronisation reports it
  bool capturing = false;
  std::vector<Work> captured;
};
struct EmulatedEvent {
  bool recorded = false;
  std::chrono::steady_clock::time_point time;
};
struct EmulatedGraph {
  std::vector<Work> work;
};
struct EmulatedGraphExec {
  std::vector<Work> work;
};

namespace {

EmulatedStream default_stream;

EmulatedStream& stream_of(hipStream_t stream) { return stream != nullptr ? *stream : default_stream; }

void run(EmulatedStream& stream, const Work& work) {
  if (stream.pending != hipSuccess) return;  // a device that failed runs nothing more
  stream.pending = work();
}

void submit(EmulatedStream& stream, Work work) {
  if (stream.capturing) {
    stream.captured.push_back(std::move(work));
  } else {
    run(stream, work);
  }
}

bool good_launch(const hip_emulation::Grid& grid) {
  const auto& g = grid.grid_dim;
  const auto& b = grid.block_dim;
  constexpr std::uint64_t kMaxThreads = 0xffffffffull;  // along each axis
  if (g.x == 0 || g.y == 0 || g.z == 0 || b.x == 0 || b.y == 0 || b.z == 0) return false;
  if (b.x > 1024 || b.y > 1024 || b.z > 1024 || g.y > 65535 || g.z > 65535) return false;
  if (std::uint64_t{g.x} * b.x > kMaxThreads) return false;
  return b.x * b.y * b.z <= hip_emulation::kMaxBlockThreads &&
         grid.local_bytes <= hip_emulation::kLocalMemoryBytes;
}

}  // namespace

void hip_emulation::launch(const Grid& grid, hipStream_t stream, std::function<void()> body) {
  if (!good_launch(grid)) {
    (void)fail(hipErrorInvalidConfiguration);
    return;
  }
  submit(stream_of(stream), [grid, body = std::move(body)] {
    std::string report = run_grid(grid, body);
    if (!report.empty()) return fault(hipErrorLaunchFailure, std::move(report));
    report = check_guards();
    if (report.empty()) return hipSuccess;
    return fault(hipErrorIllegalAddress, "kernel " + std::string(grid.kernel) + ": " + report);
  });
}

hipError_t hipStreamCreateWithFlags(hipStream_t* stream, unsigned) {
  *stream = new EmulatedStream;
  return hipSuccess;
}

hipError_t hipStreamDestroy(hipStream_t stream) {
  delete stream;
  return hipSuccess;
}

hipError_t hipStreamSynchronize(hipStream_t stream) {
  EmulatedStream& s = stream_of(stream);
  if (s.capturing) return fail(hipErrorStreamCaptureUnsupported);
  return fail(std::exchange(s.pending, hipSuccess));
}

hipError_t hipStreamWaitEvent(hipStream_t, hipEvent_t event, unsigned) {
  return event != nullptr && event->recorded ? hipSuccess : fail(hipErrorInvalidHandle);
}

hipError_t hipMemcpyAsync(void* dst, const void* src, std::size_t bytes, hipMemcpyKind kind,
                          hipStream_t stream) {
  const bool to_device = kind == hipMemcpyHostToDevice || kind == hipMemcpyDeviceToDevice;
  const bool from_device = kind == hipMemcpyDeviceToHost || kind == hipMemcpyDeviceToDevice;
  if (!hip_emulation::in_bounds(dst, bytes, to_device) ||
      !hip_emulation::in_bounds(src, bytes, from_device)) {
    return fail(hipErrorInvalidValue);
  }
  submit(stream_of(stream), [=] {
    std::memmove(dst, src, bytes);
    return hipSuccess;
  });
  return hipSuccess;
}

hipError_t hipMemsetAsync(void* dst, int value, std::size_t bytes, hipStream_t stream) {
  if (!hip_emulation::in_bounds(dst, bytes, true)) return fail(hipErrorInvalidValue);
  submit(stream_of(stream), [=] {
    std::memset(dst, value, bytes);
    return hipSuccess;
  });
  return hipSuccess;
}

hipError_t hipEventCreate(hipEvent_t* event) {
  *event = new EmulatedEvent;
  return hipSuccess;
}

hipError_t hipEventDestroy(hipEvent_t event) {
  delete event;
  return hipSuccess;
}

hipError_t hipEventRecord(hipEvent_t event, hipStream_t stream) {
  if (stream_of(stream).capturing) return fail(hipErrorStreamCaptureUnsupported);
  event->recorded = true;
  event->time = std::chrono::steady_clock::now();
  return hipSuccess;
}

hipError_t hipEventElapsedTime(float* milliseconds, hipEvent_t begin, hipEvent_t end) {
  if (!begin->recorded || !end->recorded) return fail(hipErrorInvalidHandle);
  *milliseconds = std::chrono::duration<float, std::milli>(end->time - begin->time).count();
  return hipSuccess;
}

hipError_t hipStreamBeginCapture(hipStream_t stream, hipStreamCaptureMode) {
  EmulatedStream& s = stream_of(stream);
  if (s.capturing || stream == nullptr) return fail(hipErrorIllegalState);
  s.capturing = true;
  return hipSuccess;
}

hipError_t hipStreamEndCapture(hipStream_t stream, hipGraph_t* graph) {
  EmulatedStream& s = stream_of(stream);
  if (!s.capturing) return fail(hipErrorIllegalState);
  s.capturing = false;
  *graph = new EmulatedGraph{std::exchange(s.captured, {})};
  return hipSuccess;
}

hipError_t hipGraphInstantiate(hipGraphExec_t* executable, hipGraph_t graph, hipGraphNode_t*, char*,
                               std::size_t) {
  *executable = new EmulatedGraphExec{graph->work};
  return hipSuccess;
}

hipError_t hipGraphLaunch(hipGraphExec_t executable, hipStream_t stream) {
  EmulatedStream& s = stream_of(stream);
  if (s.capturing) return fail(hipErrorStreamCaptureUnsupported);
  for (const Work& work : executable->work) run(s, work);
  return hipSuccess;
}

hipError_t hipGraphExecDestroy(hipGraphExec_t executable) {
  delete executable;
  return hipSuccess;
}

hipError_t hipGraphDestroy(hipGraph_t graph) {
  delete graph;
  return hipSuccess;
}
