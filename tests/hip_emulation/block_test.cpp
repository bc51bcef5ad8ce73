// The emulator itself: local memory, barriers, atomics, and what it reports.
#include <hip/hip_runtime.h>

#include "tests/hip_emulation/fixture.h"

namespace hip_emulation {
namespace {

class Block : public BothWaves {};

template <int tile>
__global__ void transpose(const float* in, float* out, int n) {
  __shared__ float local[tile][tile + 1];
  const int x = static_cast<int>(threadIdx.x), y = static_cast<int>(threadIdx.y);
  const int first_col = static_cast<int>(blockIdx.x) * tile, first_row = static_cast<int>(blockIdx.y) * tile;
  local[y][x] = in[(first_row + y) * n + first_col + x];
  __syncthreads();
  out[(first_col + y) * n + first_row + x] = local[x][y];
}

TEST_P(Block, TransposeThroughLocalMemory) {
  constexpr int n = 48;
  DeviceArray<float> in(n * n), out(n * n);
  for (int i = 0; i < n * n; ++i) in[i] = static_cast<float>(i);
  hipLaunchKernelGGL((transpose<16>), dim3(3, 3), dim3(16, 16), 0, stream(), in.get(), out.get(), n);
  ASSERT_EQ(synchronize(), "");
  for (int i = 0; i < n * n; ++i) ASSERT_EQ(out[i], in[i % n * n + i / n]);
}

template <class T>
__global__ void read_local(T* out) {
  __shared__ T local[8];
  out[0] = local[3];
  local[3] = 1;
}

// Each block starts with NaN, even where the block before it wrote.
TEST_P(Block, LocalMemoryStartsPoisoned) {
  DeviceArray<float> value(1);
  for (int i = 0; i < 2; ++i) {
    value[0] = 0;
    hipLaunchKernelGGL((read_local<float>), dim3(2), dim3(1), 0, stream(), value.get());
    ASSERT_EQ(synchronize(), "");
    EXPECT_TRUE(std::isnan(value[0]));
  }
}

// Both neighbours' values, without the barrier that this needs.
__global__ void race(float* out) {
  __shared__ float local[64];
  const unsigned i = threadIdx.x;
  local[i] = 1;
  out[i] = local[(i + 63) % 64] + local[(i + 1) % 64];
}

TEST_P(Block, MissingBarrierShowsInTheValues) {
  DeviceArray<float> out(64);
  hipLaunchKernelGGL(race, dim3(1), dim3(64), 0, stream(), out.get());
  ASSERT_EQ(synchronize(), "");
  for (int i = 0; i < 63; ++i) EXPECT_TRUE(std::isnan(out[i])) << "thread " << i;
}

// Each thread reads its left or its right neighbour's value: the order of threads changes from block to
// block.
__global__ void race_one_way(float* out, int step) {
  __shared__ float local[64];
  const int i = static_cast<int>(threadIdx.x);
  local[i] = 1;
  out[blockIdx.x * 64 + threadIdx.x] = i + step < 0 || i + step > 63 ? 0 : local[i + step];
}

TEST_P(Block, MissingBarrierShowsInOneOfTwoBlocks) {
  for (int step : {-1, 1}) {
    DeviceArray<float> out(128);
    hipLaunchKernelGGL(race_one_way, dim3(2), dim3(64), 0, stream(), out.get(), step);
    ASSERT_EQ(synchronize(), "");
    EXPECT_NE(std::isnan(out[30]), std::isnan(out[64 + 30])) << "step " << step;
  }
}

__global__ void reverse(int* data) {
  HIP_DYNAMIC_SHARED(int, local)
  const unsigned last = blockDim.x - 1;
  local[threadIdx.x] = data[threadIdx.x];
  __syncthreads();
  data[threadIdx.x] = local[last - threadIdx.x];
}

TEST_P(Block, DynamicLocalMemory) {
  DeviceArray<int> data(100);
  for (int i = 0; i < 100; ++i) data[i] = i;
  hipLaunchKernelGGL(reverse, dim3(1), dim3(100), 400, stream(), data.get());
  ASSERT_EQ(synchronize(), "");
  for (int i = 0; i < 100; ++i) EXPECT_EQ(data[i], 99 - i);
}

TEST_P(Block, WriteBehindDynamicLocalMemoryIsReported) {
  DeviceArray<int> data(100);
  hipLaunchKernelGGL(reverse, dim3(1), dim3(100), 396, stream(), data.get());
  EXPECT_EQ(synchronize(), "kernel reverse, block (0, 0, 0): write 0 bytes behind the dynamic local memory");
}

__global__ void count(int* ints, float* floats, unsigned long long* longs) {
  atomicAdd(ints, 2);
  atomicMax(ints + 1, static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x));
  atomicAdd(floats, 0.5f);
  atomicAdd(longs, 1ull << 33);
  atomicCAS(ints + 2, static_cast<int>(threadIdx.x), static_cast<int>(threadIdx.x) + 1);
}

TEST_P(Block, Atomics) {
  DeviceArray<int> ints(3);
  DeviceArray<float> floats(1);
  DeviceArray<unsigned long long> longs(1);
  ints[0] = ints[1] = ints[2] = 0;
  floats[0] = 0;
  longs[0] = 0;
  hipLaunchKernelGGL(count, dim3(7), dim3(100), 0, stream(), ints.get(), floats.get(), longs.get());
  ASSERT_EQ(synchronize(), "");
  EXPECT_EQ(ints[0], 1400);
  EXPECT_EQ(ints[1], 699);
  EXPECT_EQ(ints[2], 100);
  EXPECT_EQ(floats[0], 350.0f);
  EXPECT_EQ(longs[0], 700ull << 33);
}

__global__ void some_end(int from) {
  if (static_cast<int>(threadIdx.x) >= from) return;
  __syncthreads();
}

__global__ void two_barriers() {
  if (threadIdx.x < 16) {  // NOLINT(bugprone-branch-clone): two barriers, on purpose
    __syncthreads();
  } else {
    __syncthreads();
  }
}

__global__ void nothing() {}

TEST_P(Block, DivergentBarrierIsReportedAndTheNextKernelRuns) {
  hipLaunchKernelGGL(some_end, dim3(1), dim3(128), 0, stream(), 70);
  const std::string report = synchronize();
  EXPECT_NE(
      report.find("kernel some_end, block (0, 0, 0): divergent barrier: 70 threads wait at block_test.cpp:"),
      std::string::npos)
      << report;
  hipLaunchKernelGGL(two_barriers, dim3(1), dim3(64), 0, stream());
  EXPECT_NE(synchronize().find("divergent barrier: thread 0 waits at"), std::string::npos);
  hipLaunchKernelGGL(nothing, dim3(4), dim3(64), 0, stream());
  EXPECT_EQ(synchronize(), "");
}

// An error stays with its stream until it is reported, and what comes behind it does not run.
TEST_P(Block, WorkBehindAnErrorDoesNotRun) {
  DeviceArray<int> data(4);
  hipLaunchKernelGGL(some_end, dim3(1), dim3(128), 0, stream(), 70);
  ASSERT_EQ(hipMemsetAsync(data.get(), 0, 16, stream()), hipSuccess);
  EXPECT_NE(synchronize(), "");
  EXPECT_EQ(data[0], -1);
}

TEST_P(Block, ImpossibleLaunchIsReportedAtOnce) {
  const auto error_of = [&](dim3 grid, dim3 block, std::size_t local) {
    hipLaunchKernelGGL(nothing, grid, block, local, stream());
    return hipGetLastError();
  };
  EXPECT_EQ(error_of(dim3(1), dim3(1024), 65536), hipSuccess);
  EXPECT_EQ(error_of(dim3(1), dim3(1025), 0), hipErrorInvalidConfiguration);
  EXPECT_EQ(error_of(dim3(1), dim3(64, 17), 0), hipErrorInvalidConfiguration);
  EXPECT_EQ(error_of(dim3(1), dim3(1), 65537), hipErrorInvalidConfiguration);
  EXPECT_EQ(error_of(dim3(0), dim3(1), 0), hipErrorInvalidConfiguration);
  EXPECT_EQ(error_of(dim3(1, 65536), dim3(1), 0), hipErrorInvalidConfiguration);
  EXPECT_EQ(error_of(dim3(1u << 23), dim3(1024), 0), hipErrorInvalidConfiguration);
  EXPECT_EQ(synchronize(), "");
}

__global__ void write_at(float* data, int i) { data[i] = 1; }

TEST_P(Block, WriteOutsideAnAllocationIsReported) {
  DeviceArray<float> data(10);
  hipLaunchKernelGGL(write_at, dim3(1), dim3(1), 0, stream(), data.get(), 10);
  EXPECT_EQ(synchronize(), "kernel write_at: write 0 bytes behind an allocation of 40");
  hipLaunchKernelGGL(write_at, dim3(1), dim3(1), 0, stream(), data.get(), -1);
  // By the page before it or by what was compared, as its beginning or its end lies at a page's.
  EXPECT_NE(synchronize().find(" 4 bytes before an allocation of 40"), std::string::npos);
  hipLaunchKernelGGL(write_at, dim3(1), dim3(1), 0, stream(), data.get(), 9);
  EXPECT_EQ(synchronize(), "");
}

__global__ void read_at(const float* data, int i, float* out) { *out = data[i]; }

__global__ void read_dynamic(float* out, int i) {
  HIP_DYNAMIC_SHARED(float, local)
  *out = local[i];
}

// Both ends of 4096 bytes lie at pages that fault; of other sizes, up to 15 bytes behind the end do not.
TEST_P(Block, AccessOutsideIsReportedWithItsThread) {
  DeviceArray<float> page(1024), out(1);
  const auto report = [&](const float* data, int i) {
    hipLaunchKernelGGL(read_at, dim3(1), dim3(1), 0, stream(), data, i, out.get());
    return synchronize();
  };
  const std::string prefix = "kernel read_at, block (0, 0, 0): thread 0 reads ";
  EXPECT_EQ(report(page.get(), 1024), prefix + "0 bytes behind an allocation of 4096");
  EXPECT_EQ(report(page.get(), -1), prefix + "4 bytes before an allocation of 4096");
  EXPECT_EQ(report(page.get(), 1024 + 8000), prefix + "32000 bytes behind an allocation of 4096");
  EXPECT_EQ(report(nullptr, 1), prefix + "address 0x4, where no allocation is");
  EXPECT_EQ(report(page.get(), 1023), "");
  hipLaunchKernelGGL(write_at, dim3(1), dim3(1), 0, stream(), page.get(), 2000);
  EXPECT_EQ(synchronize(),
            "kernel write_at, block (0, 0, 0): thread 0 writes 3904 bytes behind an allocation of 4096");
}

TEST_P(Block, ReadBehindDynamicLocalMemoryIsReported) {
  DeviceArray<float> out(1);
  hipLaunchKernelGGL(read_dynamic, dim3(1), dim3(1), 64, stream(), out.get(), 15);
  EXPECT_EQ(synchronize(), "");
  hipLaunchKernelGGL(read_dynamic, dim3(1), dim3(1), 64, stream(), out.get(), 17);
  EXPECT_EQ(synchronize(),
            "kernel read_dynamic, block (0, 0, 0): thread 0 reads 4 bytes behind the dynamic local memory");
}

INSTANTIATE_TEST_SUITE_P(Waves, Block, ::testing::Values(32, 64));

}  // namespace
}  // namespace hip_emulation
