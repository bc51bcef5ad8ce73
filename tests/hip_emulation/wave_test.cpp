// The emulator itself: waves, shuffles, votes.
#include <hip/hip_runtime.h>

#include "tests/hip_emulation/fixture.h"

namespace hip_emulation {
namespace {

__global__ void sum_waves(int* sums) {
  int value = static_cast<int>(threadIdx.x) + 1;
  for (int mask = warpSize / 2; mask > 0; mask /= 2) value += __shfl_xor(value, mask);
  sums[threadIdx.x] = value;
}

TEST_P(BothWaves, ReductionStaysInsideTheWave) {
  DeviceArray<int> sums(128);
  hipLaunchKernelGGL(sum_waves, dim3(1), dim3(128), 0, stream(), sums.get());
  ASSERT_EQ(synchronize(), "");
  for (int i = 0; i < 128; ++i) {
    const int first = i / wave() * wave();
    EXPECT_EQ(sums[i], wave() * (2 * first + wave() + 1) / 2) << "thread " << i;
  }
}

// The sum over a block of 128 by a kernel written for waves of `assumed` lanes.
template <int assumed>
__global__ void sum_block(int* sum) {
  __shared__ int of_wave[128 / assumed];
  int value = static_cast<int>(threadIdx.x) + 1;
  for (int mask = assumed / 2; mask > 0; mask /= 2) value += __shfl_xor(value, mask);
  if (threadIdx.x % assumed == 0) of_wave[threadIdx.x / assumed] = value;
  __syncthreads();
  if (threadIdx.x != 0) return;
  *sum = 0;
  for (const int part : of_wave) *sum += part;
}

TEST_P(BothWaves, AWrongWaveSizeShowsInTheValues) {
  DeviceArray<int> sums(2);
  hipLaunchKernelGGL(sum_block<32>, dim3(1), dim3(128), 0, stream(), sums.get());
  hipLaunchKernelGGL(sum_block<64>, dim3(1), dim3(128), 0, stream(), sums.get() + 1);
  ASSERT_EQ(synchronize(), "");
  constexpr int kSum = 128 * 129 / 2;
  // Waves of 64 have each 32 of them as neighbours, too; waves of 32 have no lane 32 away, and take their
  // own.
  EXPECT_EQ(sums[0], kSum);
  EXPECT_EQ(sums[1] == kSum, wave() == 64) << sums[1];
}

__global__ void shuffles(int* out, int width) {
  const int lane = static_cast<int>(threadIdx.x);
  int* mine = out + lane * 4;
  mine[0] = __shfl(lane, 3, width);
  mine[1] = __shfl_up(lane, 2, width);
  mine[2] = __shfl_down(lane, 2, width);
  mine[3] = __shfl_xor(lane, 5, width);
}

TEST_P(BothWaves, ShufflesWithWidthStayInsideTheirGroup) {
  for (int width : {8, 16, 32}) {
    DeviceArray<int> out(64 * 4);
    hipLaunchKernelGGL(shuffles, dim3(1), dim3(64), 0, stream(), out.get(), width);
    ASSERT_EQ(synchronize(), "");
    for (int i = 0; i < 64; ++i) {
      const int lane = i % wave(), wave_first = i - lane, group = lane / width * width;
      EXPECT_EQ(out[i * 4], wave_first + group + 3);
      EXPECT_EQ(out[i * 4 + 1], lane - 2 < group ? i : i - 2);
      EXPECT_EQ(out[i * 4 + 2], lane + 2 >= group + width ? i : i + 2);
      EXPECT_EQ(out[i * 4 + 3], wave_first + (lane ^ 5));
    }
  }
}

__global__ void votes(unsigned long long* out) {
  const int thread = static_cast<int>(threadIdx.x);
  const unsigned long long held = __ballot(thread % 3 == 0);
  const int any = __any(thread == 5), all = __all(thread >= 0);
  out[thread] = held;
  out[128 + thread] = (any != 0 ? 2u : 0u) + (all != 0 ? 1u : 0u);
}

TEST_P(BothWaves, Votes) {
  DeviceArray<unsigned long long> out(256);
  hipLaunchKernelGGL(votes, dim3(1), dim3(128), 0, stream(), out.get());
  ASSERT_EQ(synchronize(), "");
  for (int i = 0; i < 128; ++i) {
    const int first = i / wave() * wave();
    unsigned long long expected = 0;
    for (int lane = 0; lane < wave(); ++lane) {
      if ((first + lane) % 3 == 0) expected |= 1ull << lane;
    }
    EXPECT_EQ(out[i], expected);
    EXPECT_EQ(out[128 + i], first == 0 ? 3u : 1u);
  }
}

// A block that is no multiple of the wave, and lanes that have ended: both are inactive.
__global__ void partial(unsigned long long* out) {
  if (threadIdx.x >= 30) return;
  const unsigned long long held = __ballot(1);
  const float from_ended = __shfl(1.0f, 31);
  out[threadIdx.x] = held;
  out[40 + threadIdx.x] = from_ended == from_ended ? 1 : 0;
}

TEST_P(BothWaves, AbsentLanesAreInactiveAndReadAsNaN) {
  DeviceArray<unsigned long long> out(80);
  hipLaunchKernelGGL(partial, dim3(1), dim3(40), 0, stream(), out.get());
  ASSERT_EQ(synchronize(), "");
  EXPECT_EQ(out[0], (1ull << 30) - 1);
  EXPECT_EQ(out[40], 0u);
}

__global__ void branches(unsigned long long* out) {
  unsigned long long held;
  if (threadIdx.x % 2 == 0) {  // NOLINT(bugprone-branch-clone): two places, two votes
    held = __ballot(1);
  } else {
    held = __ballot(1);
  }
  out[threadIdx.x] = held;
  out[64 + threadIdx.x] = __ballot(1);
}

TEST_P(BothWaves, BranchesVoteApartAndMeetAgain) {
  DeviceArray<unsigned long long> out(128);
  hipLaunchKernelGGL(branches, dim3(1), dim3(64), 0, stream(), out.get());
  ASSERT_EQ(synchronize(), "");
  const unsigned long long full = wave() == 64 ? ~0ull : 0xffffffffull;
  EXPECT_EQ(out[0], 0x5555555555555555ull & full);
  EXPECT_EQ(out[1], 0xaaaaaaaaaaaaaaaaull & full);
  EXPECT_EQ(out[64], full);
}

INSTANTIATE_TEST_SUITE_P(Waves, BothWaves, ::testing::Values(32, 64));

}  // namespace
}  // namespace hip_emulation
