// Kernels with planted mistakes, compiled with checks of every access: what is reported. Production kernels
// are included here with each of their barriers left out in turn.
#include <set>
#include <vector>

#include "tests/hip_emulation/fixture.h"

namespace hip_emulation {
namespace {

std::set<int> barrier_lines;  // that were passed
int omitted_line = 0;

void planted_barrier(const char* file, int line) {
  barrier_lines.insert(line);
  if (line != omitted_line) barrier({file, line});
}

}  // namespace
}  // namespace hip_emulation

#define __syncthreads() ::hip_emulation::planted_barrier(__FILE__, __LINE__)
#include "kernels_gpu/rms_norm/portable.cu"
#include "kernels_hip/topk_select/sampled.hip"
#undef __syncthreads

namespace hip_emulation {
namespace {

class Checked : public BothWaves {};

__global__ void read_static(float* out) {
  __shared__ float local[64];
  if (threadIdx.x != 5) local[threadIdx.x] = 1;
  __syncthreads();
  out[threadIdx.x] = local[threadIdx.x];
}

TEST_P(Checked, ReadOfLocalMemoryThatNobodyWrote) {
  DeviceArray<float> out(64);
  hipLaunchKernelGGL(read_static, dim3(1), dim3(64), 0, stream(), out.get());
  EXPECT_EQ(synchronize(),
            "kernel read_static, block (0, 0, 0): thread 5 reads local memory that no thread of the block "
            "has written");
}

// Of the lanes of another wave; within one, lanes go in step.
__global__ void rotate(float* data, int barriers) {
  __shared__ float local[128];
  const unsigned i = threadIdx.x, other = (i + 64) % 128;
  local[i] = data[i];
  if ((barriers & 1) != 0) __syncthreads();
  const float passed = local[other];
  if ((barriers & 2) != 0) __syncthreads();
  local[i] = passed + 1;
  data[i] = local[i];
}

TEST_P(Checked, MissingBarrierBetweenWriteAndRead) {
  DeviceArray<float> data(128);
  hipLaunchKernelGGL(rotate, dim3(2), dim3(128), 0, stream(), data.get(), 3);
  EXPECT_EQ(synchronize(), "");
  hipLaunchKernelGGL(rotate, dim3(2), dim3(128), 0, stream(), data.get(), 2);
  EXPECT_NE(synchronize().find("local memory that no thread of the block has written"), std::string::npos);
  hipLaunchKernelGGL(rotate, dim3(2), dim3(128), 0, stream(), data.get(), 1);
  EXPECT_NE(synchronize().find("has written since the last barrier"), std::string::npos);
}

__global__ void touch(float* data, int read, int written) {
  HIP_DYNAMIC_SHARED(float, local)
  for (int i = 0; i < 5; ++i) local[i] = 0;
  float* of = data != nullptr ? data : local;
  const float value = read < 1000 ? of[read] : 0;
  if (written < 1000) of[written] = value;
}

// One element past either end: less than what lies up to the page that faults.
TEST_P(Checked, OneElementOutside) {
  for (int turn = 0; turn < 4; ++turn) {
    DeviceArray<float> data(5);
    const auto report = [&](float* memory, int read, int written) {
      hipLaunchKernelGGL(touch, dim3(1), dim3(1), 20, stream(), memory, read, written);
      const std::string why = synchronize();
      return why.substr(why.find("thread") == std::string::npos ? 0 : why.find("thread"));
    };
    EXPECT_EQ(report(data.get(), 4, 0), "");
    EXPECT_EQ(report(data.get(), 5, 0), "thread 0 reads 0 bytes behind an allocation of 20");
    EXPECT_EQ(report(data.get(), -1, 0), "thread 0 reads 4 bytes before an allocation of 20");
    EXPECT_EQ(report(data.get(), 1000, 6), "thread 0 writes 4 bytes behind an allocation of 20");
    EXPECT_EQ(report(nullptr, 5, 0), "thread 0 reads 4 bytes behind the local memory");
    EXPECT_EQ(report(nullptr, 1000, -2), "thread 0 writes 8 bytes before the local memory");
  }
}

// Runs `launch` as it is, then with each of its barriers left out; the lines whose lack is not reported. It
// says what was reported.
template <class Launch>
std::vector<int> unreported(const Launch& launch) {
  omitted_line = 0;
  barrier_lines.clear();
  EXPECT_EQ(launch(), "");
  const std::set<int> lines = barrier_lines;
  EXPECT_FALSE(lines.empty());
  std::vector<int> missed;
  for (int line : lines) {
    omitted_line = line;
    (void)hipGetLastError();
    if (launch().empty()) missed.push_back(line);
  }
  omitted_line = 0;
  return missed;
}

TEST_P(Checked, EveryBarrierOfRmsNormIsMissed) {
  constexpr int kTokens = 2, kWidth = 700;
  DeviceArray<float> x(kTokens * kWidth), y(kTokens * kWidth), weight(kWidth);
  for (int i = 0; i < kTokens * kWidth; ++i) x[i] = static_cast<float>(i % 7);
  for (int i = 0; i < kWidth; ++i) weight[i] = 1;
  tamis::gpu::RmsNorm args{{x.get(), kWidth}, {y.get(), kWidth}, weight.get(), 1, kWidth, 1e-6f};
  const auto run = [&] {
    EXPECT_EQ(tamis::gpu::launch_rms_norm(args, stream()), tamis::gpu::kNoError);
    return synchronize();
  };
  // The second barrier lets calls follow one another, and one token is one call.
  EXPECT_EQ(unreported(run).size(), 1u);
}

TEST_P(Checked, BarriersOfTopkSelectAreMissed) {
  constexpr int kWidth = 9000;
  DeviceArray<float> scores(kWidth);
  DeviceArray<std::int32_t> end(1), idx(64), count(1);
  for (int i = 0; i < kWidth; ++i) scores[i] = static_cast<float>(i * 7919 % kWidth);
  end[0] = kWidth;
  tamis::gpu::TopkSelect args{.scores = scores.get(),
                              .scores_stride = kWidth,
                              .ke = {end.get()},
                              .idx = {idx.get()},
                              .count = {count.get()},
                              .tokens = 1,
                              .width = kWidth,
                              .k = 64};
  const auto run = [&] {
    EXPECT_EQ(tamis::hip::launch_topk_select_sampled(args, stream()), tamis::gpu::kNoError);
    return synchronize();
  };
  // Those that let calls of a sum, and rows, follow one another.
  EXPECT_LE(unreported(run).size(), 3u);
}

INSTANTIATE_TEST_SUITE_P(Waves, Checked, ::testing::Values(32, 64));

}  // namespace
}  // namespace hip_emulation
