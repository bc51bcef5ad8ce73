// The emulator itself: memory, streams, events and graphs.
#include <hip/hip_runtime.h>

#include "tests/hip_emulation/fixture.h"
#include "tests/hip_emulation/memory.h"

namespace hip_emulation {
namespace {

class Host : public BothWaves {};

TEST_P(Host, MoreThanTheDeviceHasIsOutOfMemory) {
  std::size_t free = 0, total = 0;
  ASSERT_EQ(hipMemGetInfo(&free, &total), hipSuccess);
  void* memory = nullptr;
  EXPECT_EQ(hipMalloc(&memory, free + 1), hipErrorOutOfMemory);
  EXPECT_EQ(hipGetLastError(), hipErrorOutOfMemory);
  EXPECT_EQ(hipGetLastError(), hipSuccess);
}

TEST_P(Host, CopiesAreHeldToTheAllocation) {
  DeviceArray<int> a(4), b(4);
  int host[5] = {1, 2, 3, 4, 5};
  EXPECT_EQ(hipMemcpyAsync(a.get(), host, 16, hipMemcpyHostToDevice, stream()), hipSuccess);
  EXPECT_EQ(hipMemcpyAsync(b.get(), a.get(), 16, hipMemcpyDeviceToDevice, stream()), hipSuccess);
  EXPECT_EQ(b[3], 4);
  EXPECT_EQ(hipMemcpyAsync(a.get(), host, 20, hipMemcpyHostToDevice, stream()), hipErrorInvalidValue);
  EXPECT_EQ(hipMemcpyAsync(host, host + 1, 4, hipMemcpyDeviceToHost, stream()), hipErrorInvalidValue);
  EXPECT_EQ(hipMemsetAsync(a.get() + 1, 0, 16, stream()), hipErrorInvalidValue);
}

__global__ void add(int* data, int value) { atomicAdd(data + threadIdx.x, value); }

TEST_P(Host, CapturedWorkRunsWhenReplayed) {
  DeviceArray<int> data(8), copy(8);
  for (int i = 0; i < 8; ++i) data[i] = copy[i] = 0;
  ASSERT_EQ(hipStreamBeginCapture(stream(), hipStreamCaptureModeThreadLocal), hipSuccess);
  hipLaunchKernelGGL(add, dim3(1), dim3(8), 0, stream(), data.get(), 3);
  ASSERT_EQ(hipMemcpyAsync(copy.get(), data.get(), 32, hipMemcpyDeviceToDevice, stream()), hipSuccess);
  EXPECT_EQ(hipStreamSynchronize(stream()), hipErrorStreamCaptureUnsupported);
  hipGraph_t graph = nullptr;
  hipGraphExec_t executable = nullptr;
  ASSERT_EQ(hipStreamEndCapture(stream(), &graph), hipSuccess);
  ASSERT_EQ(hipGraphInstantiate(&executable, graph, nullptr, nullptr, 0), hipSuccess);
  EXPECT_EQ(data[0], 0);
  for (int replay = 1; replay <= 3; ++replay) {
    ASSERT_EQ(hipGraphLaunch(executable, stream()), hipSuccess);
    ASSERT_EQ(synchronize(), "");
    EXPECT_EQ(copy[7], 3 * replay);
  }
  EXPECT_EQ(hipGraphExecDestroy(executable), hipSuccess);
  EXPECT_EQ(hipGraphDestroy(graph), hipSuccess);
}

TEST_P(Host, EventsMeasure) {
  hipEvent_t begin = nullptr, end = nullptr;
  ASSERT_EQ(hipEventCreate(&begin), hipSuccess);
  ASSERT_EQ(hipEventCreate(&end), hipSuccess);
  float milliseconds = -1;
  EXPECT_EQ(hipEventElapsedTime(&milliseconds, begin, end), hipErrorInvalidHandle);
  ASSERT_EQ(hipEventRecord(begin, stream()), hipSuccess);
  DeviceArray<int> data(64);
  hipLaunchKernelGGL(add, dim3(100), dim3(64), 0, stream(), data.get(), 1);
  ASSERT_EQ(hipEventRecord(end, stream()), hipSuccess);
  ASSERT_EQ(hipEventElapsedTime(&milliseconds, begin, end), hipSuccess);
  EXPECT_GT(milliseconds, 0);
  EXPECT_EQ(hipEventDestroy(begin), hipSuccess);
  EXPECT_EQ(hipEventDestroy(end), hipSuccess);
}

INSTANTIATE_TEST_SUITE_P(Waves, Host, ::testing::Values(32, 64));

}  // namespace
}  // namespace hip_emulation
