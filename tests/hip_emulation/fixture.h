// What the emulator's own tests share.
#pragma once

#include <string>

#include <gtest/gtest.h>
#include <hip/hip_runtime.h>

namespace hip_emulation {

// Device memory that the test reads and writes directly: the emulated device's memory is the host's.
template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(int count) {
    EXPECT_EQ(hipMalloc(&memory_, sizeof(T) * static_cast<std::size_t>(count)), hipSuccess);
  }
  ~DeviceArray() { (void)hipFree(memory_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  T* get() { return memory_; }
  T& operator[](int i) { return memory_[i]; }

 private:
  T* memory_ = nullptr;
};

// A stream, and waves of the given size.
class BothWaves : public ::testing::TestWithParam<int> {
 protected:
  BothWaves() {
    set_arch(GetParam() == 32 ? 0x1100 : 0x942);
    EXPECT_EQ(hipStreamCreateWithFlags(&stream_, hipStreamNonBlocking), hipSuccess);
  }
  ~BothWaves() override {
    (void)hipStreamDestroy(stream_);
    (void)hipGetLastError();
    set_arch(0x942);
  }
  int wave() const { return GetParam(); }
  hipStream_t stream() const { return stream_; }
  // Empty, or what went wrong.
  std::string synchronize() {
    const hipError_t error = hipStreamSynchronize(stream_);
    return error == hipSuccess ? "" : hipGetErrorString(error);
  }

 private:
  hipStream_t stream_ = nullptr;
};

}  // namespace hip_emulation
