// The HIP backend's host side, on the emulated device: transfers, memory, capture, and how errors come back.
#include <cstring>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "core/backend/registry.h"
#include "core/ops/rms_norm/rms_norm.h"

namespace tamis {
namespace {

using Bytes = std::vector<std::byte>;

template <class T>
std::span<const std::byte> bytes_of(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

class HipBackend : public ::testing::Test {
 protected:
  void SetUp() override {
    Result<std::shared_ptr<Device>> device = Registry::instance().device("hip-emu");
    ASSERT_TRUE(device.ok()) << device.status().message();
    device_ = *device;
    Result<std::unique_ptr<Queue>> queue = device_->create_queue();
    ASSERT_TRUE(queue.ok()) << queue.status().message();
    queue_ = std::move(queue).value();
  }

  std::shared_ptr<Buffer> alloc(std::int64_t bytes) { return device_->alloc(bytes).value(); }

  template <class T>
  std::vector<T> read(Buffer& buffer, std::size_t count) {
    std::vector<T> values(count);
    EXPECT_TRUE(queue_->download(std::as_writable_bytes(std::span(values)), buffer, 0).ok());
    EXPECT_TRUE(queue_->sync().ok());
    return values;
  }

  std::shared_ptr<Device> device_;
  std::unique_ptr<Queue> queue_;
};

// A call of rms_norm on f32 [tokens, width], weights 1.
struct Norm {
  Norm(Device& device, Queue& queue, std::int64_t tokens, std::int64_t width, std::int64_t y_bytes)
      : x(device.alloc(tokens * width * 4).value()),
        weight(device.alloc(width * 4).value()),
        y(device.alloc(y_bytes).value()),
        operands{{{DType::kF32, {tokens, width}}, x.get()},
                 {{DType::kF32, {width}}, weight.get()},
                 {{DType::kF32, {tokens, width}}, y.get()}},
        call{&op::rms_norm, &params, operands},
        row(&Registry::instance().backend("hip-emu")->rows("rms_norm").back()) {
    const std::vector<float> ones(static_cast<std::size_t>(width), 1.0f);
    EXPECT_TRUE(queue.upload(*weight, 0, bytes_of(ones)).ok());
    queue.log().set_current(row, &call);
  }
  Status launch(Queue& queue) { return row->launch(queue, call, {}); }

  std::shared_ptr<Buffer> x, weight, y;
  RmsNormParams params{0.0f, DType::kF32};
  std::vector<Tensor> operands;
  OpCall call;
  const KernelRow* row;
};

TEST_F(HipBackend, DescribesTheDevice) {
  const DeviceInfo& info = device_->info();
  EXPECT_EQ(info.backend, "hip-emu");
  EXPECT_EQ(info.arch, info.has(kWave64) ? 0x942 : 0x1100);
  EXPECT_EQ(info.has(kMfmaBf16), info.has(kWave64));
  EXPECT_EQ(info.has(kWmmaBf16), info.has(kWave32));
  EXPECT_EQ(info.local_memory_bytes, 65536);
  EXPECT_FALSE(info.host_visible);
}

// Below, above and at the end of the staging memory: the caller's bytes may change right after upload().
TEST_F(HipBackend, UploadsOfEverySizeAreReadAtOnce) {
  for (std::size_t size :
       {std::size_t{1}, std::size_t{100}, std::size_t{700000}, std::size_t{700001}, std::size_t{5} << 20}) {
    std::vector<std::uint8_t> source(size);
    std::iota(source.begin(), source.end(), std::uint8_t{3});
    const std::vector<std::uint8_t> expected = source;
    const std::shared_ptr<Buffer> buffer = alloc(static_cast<std::int64_t>(size));
    ASSERT_TRUE(queue_->upload(*buffer, 0, bytes_of(source)).ok());
    std::fill(source.begin(), source.end(), std::uint8_t{0});
    EXPECT_EQ(read<std::uint8_t>(*buffer, size), expected);
  }
}

TEST_F(HipBackend, TransfersAreHeldToTheBuffer) {
  const std::shared_ptr<Buffer> a = alloc(16), b = alloc(8);
  const std::vector<float> values{1, 2, 3};
  EXPECT_FALSE(queue_->upload(*b, 0, bytes_of(values)).ok());
  EXPECT_FALSE(queue_->fill(*a, 8, 9, 0).ok());
  EXPECT_FALSE(queue_->copy(*b, 0, *a, 12, 8).ok());
  EXPECT_FALSE(queue_->copy(*b, 0, *a, -1, 8).ok());
  EXPECT_TRUE(queue_->fill(*a, 0, 16, 7).ok());
  EXPECT_TRUE(queue_->copy(*b, 4, *a, 0, 4).ok());
  EXPECT_EQ(read<std::uint8_t>(*b, 8).back(), 7);
}

TEST_F(HipBackend, OutOfMemorySaysWhatIsNeededAndFree) {
  const std::int64_t free = device_->free_bytes();
  const Status status = device_->alloc(free + 1).status();
  EXPECT_EQ(status.code(), StatusCode::kOutOfMemory);
  EXPECT_EQ(status.message(), fmt::format("hip-emu: needs {} bytes, {} are free", free + 1, free));
  EXPECT_FALSE(device_->alloc(-1).ok());
  EXPECT_TRUE(device_->alloc(0).ok());
  EXPECT_TRUE(queue_->sync().ok());
}

TEST_F(HipBackend, ReplayReadsWhatTheInputsHoldThen) {
  Norm norm(*device_, *queue_, 1, 4, 16);
  ASSERT_TRUE(queue_->fill(*norm.y, 0, 16, 0).ok());
  ASSERT_TRUE(queue_->begin_capture().ok());
  EXPECT_FALSE(queue_->begin_capture().ok());
  ASSERT_TRUE(norm.launch(*queue_).ok());
  EXPECT_FALSE(queue_->upload(*norm.x, 0, bytes_of(std::vector<float>(4, 1.0f))).ok());
  Result<std::unique_ptr<Capture>> capture = queue_->end_capture();
  ASSERT_TRUE(capture.ok()) << capture.status().message();
  EXPECT_EQ(read<float>(*norm.y, 4), std::vector<float>(4, 0.0f)) << "nothing runs while capturing";
  for (float value : {2.0f, -3.0f}) {
    ASSERT_TRUE(queue_->upload(*norm.x, 0, bytes_of(std::vector<float>(4, value))).ok());
    ASSERT_TRUE(queue_->replay(**capture).ok());
    EXPECT_EQ(read<float>(*norm.y, 4), std::vector<float>(4, value > 0 ? 1.0f : -1.0f));
  }
  EXPECT_FALSE(queue_->end_capture().ok());
}

// What goes wrong while a kernel runs comes back from sync(), with the launch, and the queue goes on.
TEST_F(HipBackend, AFaultNamesItsLaunch) {
  Norm norm(*device_, *queue_, 2, 8, 60);
  ASSERT_TRUE(queue_->fill(*norm.x, 0, 64, 0).ok());
  ASSERT_TRUE(queue_->sync().ok());
  ASSERT_TRUE(norm.launch(*queue_).ok());
  const Status status = queue_->sync();
  EXPECT_EQ(status.code(), StatusCode::kDeviceLost);
  EXPECT_NE(status.message().find("hip.rms_norm.portable: rms_norm x f32[2, 8]"), std::string::npos)
      << status.message();
  EXPECT_NE(status.message().find("write 0 bytes behind an allocation of 60"), std::string::npos)
      << status.message();
  EXPECT_TRUE(queue_->sync().ok());
}

TEST_F(HipBackend, AFaultInAReplayNamesItsLaunch) {
  Norm norm(*device_, *queue_, 2, 8, 60);
  ASSERT_TRUE(queue_->sync().ok());
  ASSERT_TRUE(queue_->begin_capture().ok());
  ASSERT_TRUE(norm.launch(*queue_).ok());
  Result<std::unique_ptr<Capture>> capture = queue_->end_capture();
  ASSERT_TRUE(capture.ok());
  queue_->log().set_current(nullptr, nullptr);
  ASSERT_TRUE(queue_->replay(**capture).ok());
  EXPECT_NE(queue_->sync().message().find("hip.rms_norm.portable"), std::string::npos);
}

TEST_F(HipBackend, EventsMeasure) {
  Norm norm(*device_, *queue_, 64, 64, 64 * 64 * 4);
  Result<std::unique_ptr<Event>> begin = queue_->record_event();
  ASSERT_TRUE(norm.launch(*queue_).ok());
  Result<std::unique_ptr<Event>> end = queue_->record_event();
  ASSERT_TRUE(begin.ok() && end.ok());
  ASSERT_TRUE(queue_->wait_event(**end).ok());
  ASSERT_TRUE(queue_->sync().ok());
  const Result<double> seconds = queue_->elapsed_seconds(**begin, **end);
  ASSERT_TRUE(seconds.ok());
  EXPECT_GT(*seconds, 0);
  EXPECT_LT(*seconds, 60);
}

TEST_F(HipBackend, HostMemoryIsNotImported) {
  EXPECT_EQ(device_->import_host(Bytes(16)).status().code(), StatusCode::kUnsupported);
}

}  // namespace
}  // namespace tamis
