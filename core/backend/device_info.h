// DeviceInfo: what is known about a device, as plain data, so that a capability file can stand in for
// hardware that is not there (explain and policy on a laptop).
#pragma once

#include <cstdint>
#include <string>

#include "core/base/reason.h"

namespace tamis {

// Bits of DeviceInfo::features. Names are what `explain` prints and what rows ask for.
enum Feature : std::uint64_t {
  kAvx2 = 1ull << 0,
  kAvx512 = 1ull << 1,  // f, bw, dq, vl
  kAvx512Bf16 = 1ull << 2,
  kAvx512Fp16 = 1ull << 3,
  kAmxBf16 = 1ull << 4,
  kAmxInt8 = 1ull << 5,
  kOpenBlas = 1ull << 6,
  kWave32 = 1ull << 16,
  kWave64 = 1ull << 17,
  kMfmaBf16 = 1ull << 18,
  kWmmaBf16 = 1ull << 19,
  kCoopmatF16 = 1ull << 24,  // 16x16x16, f32 accumulator
  kCoopmatBf16 = 1ull << 25,
  kSubgroupSizeControl = 1ull << 26,
  kBufferAddress = 1ull << 27,
  kCoopmatS8 = 1ull << 28,  // 16x16x32, s32 accumulator
  kShaderF16 = 1ull << 29,  // arithmetic, not only storage
  kShaderInt8 = 1ull << 30,
  kShaderBf16 = 1ull << 31,
  kIntegerDot = 1ull << 32,  // of four packed bytes, in hardware
  kAvx512Vbmi = 1ull << 33,
  kFastBf16Dot = 1ull << 34,  // vdpbf16ps begins as often as an f32 multiply-add
};
const char* feature_name(std::uint64_t bit);

struct DeviceInfo {
  std::string name;     // "AMD EPYC 9B45", "NVIDIA H100 80GB HBM3"
  std::string backend;  // "cpu", "cuda", "hip", "vulkan"
  int index = 0;        // cuda:0, cuda:1
  int arch = 0;         // CUDA: 90 for sm_90; HIP: 0x942; else 0
  std::uint64_t features = 0;
  int units = 1;  // cores, SMs, CUs
  std::int64_t memory_bytes = 0;
  std::int64_t max_buffer_bytes = 0;    // largest single binding; 0 = no limit below memory_bytes
  std::int64_t local_memory_bytes = 0;  // shared memory / LDS per block; CPU: L2 per core
  std::string driver;
  std::string matrices;       // shapes of cooperative matrices by types, for people; empty: none
  bool host_visible = false;  // Buffer::host() works: kernels may run on host pointers

  bool has(std::uint64_t bits) const { return (features & bits) == bits; }
};

// What a kernel row needs from the device.
struct Features {
  std::uint64_t all_of = 0;
  int arch_min = 0;
  int arch_max = 0x7fffffff;  // exclusive
};
Reason check_features(const Features& needs, const DeviceInfo& device);

}  // namespace tamis
