// A lost Vulkan device and one without memory, as Status: what calls say, that nothing hangs or crashes, and
// that others go on. The driver's answers come from a layer (layer.h) that the loader puts between it and the
// backend.
#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>

#include <gtest/gtest.h>

#include "core/backend/registry.h"
#include "core/ops/rms_norm/rms_norm.h"
#include "tests/harness/must.h"
#include "tests/vulkan_faults/layer.h"

namespace tamis::vulkan_faults {
namespace {

std::string layer_folder = TAMIS_LAYER_FOLDER;

constexpr std::int64_t kWidth = 64, kBytes = 4 * kWidth;

// A device opened anew, with a queue and the call y = rms_norm(x) on rows of ones.
struct Opened {
  explicit Opened(std::shared_ptr<Device> on)
      : device(std::move(on)),
        queue(must(device->create_queue())),
        x(must(device->alloc(kBytes))),
        y(must(device->alloc(kBytes))),
        operands{{kRow, x.get(), 0, nullptr},
                 {{DType::kF32, {kWidth}}, x.get(), 0, nullptr},
                 {kRow, y.get(), 0, nullptr}} {
    const std::vector<float> ones(kWidth, 1.0f);
    must(queue->upload(*x, 0, std::as_bytes(std::span(ones))));
    must(queue->sync());
  }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;

  inline static const TensorDesc kRow{DType::kF32, {1, kWidth}};
  std::shared_ptr<Device> device;
  std::unique_ptr<Queue> queue;
  std::shared_ptr<Buffer> x, y;
  RmsNormParams params{.eps = 0.0f};
  std::vector<Tensor> operands;
  OpCall call{&op::rms_norm, &params, operands};  // as long-lived as what the queue notes of it
};

class VulkanFaults : public ::testing::Test {
 protected:
  void SetUp() override {
    backend_ = Registry::instance().backend("vulkan");
    if (backend_ == nullptr || enumerate().devices.empty()) GTEST_SKIP() << "no Vulkan device";
    void* library = dlopen((layer_folder + "/" + kLibrary).c_str(), RTLD_NOW | RTLD_NOLOAD);
    ASSERT_NE(library, nullptr) << "the loader did not take the layer";
    faults_ = reinterpret_cast<Faults* (*)()>(dlsym(library, kEntry))();
  }
  void TearDown() override {
    if (faults_ == nullptr) return;
    for (Fault* fault : {&faults_->submit, &faults_->wait, &faults_->allocate}) {
      EXPECT_EQ(fault->in.load(), -1) << "a fault that did not happen";
      fault->in = -1;
    }
  }

  DeviceList enumerate() const { return const_cast<Backend*>(backend_)->enumerate(); }

  static void plan(Fault& fault, int result, int in = 0) {
    fault.result = result;
    fault.in = in;
  }

  std::shared_ptr<Device> open() const { return enumerate().devices.front(); }

  Status launch(const Opened& on) const {
    const KernelRow& kernel = backend_->rows("rms_norm").back();
    on.queue->log().set_current(&kernel, &on.call);
    Status status = kernel.launch(*on.queue, on.call, Scratch{});
    on.queue->log().set_current(nullptr, nullptr);
    return status;
  }

  void expect_works(const Opened& on) const {
    must(on.queue->fill(*on.y, 0, kBytes, 0xff));
    must(launch(on));
    std::vector<float> result(kWidth, -1.0f);
    must(on.queue->download(std::as_writable_bytes(std::span(result)), *on.y, 0));
    must(on.queue->sync());
    EXPECT_EQ(std::count(result.begin(), result.end(), 1.0f), kWidth);
  }

  static void expect_status(const Status& status, StatusCode code, std::initializer_list<const char*> parts) {
    EXPECT_EQ(status.code(), code) << status.message();
    for (const char* part : parts)
      EXPECT_NE(status.message().find(part), std::string::npos) << status.message() << "\nlacks " << part;
  }

  // Every call on a queue, its memory and its device, after a loss that `call` found.
  static void expect_lost(const Opened& on, Capture& capture, const char* call) {
    const std::string since = std::string("the device is lost since ") + call;
    std::vector<std::byte> bytes(kBytes, std::byte{7});
    const auto expect = [&](const Status& status) {
      expect_status(status, StatusCode::kDeviceLost, {since.c_str(), on.device->info().name.c_str()});
    };
    for (int again = 0; again < 2; ++again) expect(on.queue->sync());
    expect(on.queue->upload(*on.x, 0, bytes));
    expect(on.queue->download(bytes, *on.x, 0));
    expect(on.queue->copy(*on.y, 0, *on.x, 0, kBytes));
    expect(on.queue->fill(*on.y, 0, kBytes, 1));
    expect(on.queue->record_event().status());
    expect(on.queue->begin_capture());
    expect(on.queue->replay(capture));
    expect(on.queue->sync());
    expect(on.device->alloc(16).status());
    expect(on.device->create_queue().status());
    EXPECT_EQ(std::count(bytes.begin(), bytes.end(), std::byte{7}), kBytes) << "a download arrived";
  }

  // A device is lost with a launch, a capture, an event and a download under way; another one of the same
  // driver and one opened later are not.
  void lose(Fault& fault, const char* call) const {
    const Opened other(open());
    {
      const Opened lost(open());
      must(lost.queue->begin_capture());
      must(launch(lost));
      const std::unique_ptr<Capture> capture = must(lost.queue->end_capture());
      must(lost.queue->replay(*capture));
      must(lost.queue->sync());
      const std::unique_ptr<Queue> second = must(lost.device->create_queue());
      const std::unique_ptr<Event> event = must(lost.queue->record_event());
      must(launch(lost));
      std::vector<float> result(kWidth, -1.0f);
      must(lost.queue->download(std::as_writable_bytes(std::span(result)), *lost.y, 0));
      plan(fault, kDeviceLost);
      const std::string failed = std::string(call) + ": VK_ERROR_DEVICE_LOST";
      expect_status(lost.queue->sync(), StatusCode::kDeviceLost,
                    {failed.c_str(), lost.device->info().name.c_str(), "rms_norm"});
      EXPECT_EQ(std::count(result.begin(), result.end(), -1.0f), kWidth) << "a download arrived";
      expect_lost(lost, *capture, call);
      expect_status(second->sync(), StatusCode::kDeviceLost, {"the device is lost since"});
      expect_works(other);
    }
    expect_works(other);
    expect_works(Opened(open()));
  }

  const Backend* backend_ = nullptr;
  Faults* faults_ = nullptr;
};

TEST_F(VulkanFaults, NoneHarmNothing) { expect_works(Opened(open())); }

TEST_F(VulkanFaults, DeviceLostAtASubmission) { lose(faults_->submit, "vkQueueSubmit"); }

TEST_F(VulkanFaults, DeviceLostAtAWait) { lose(faults_->wait, "vkWaitSemaphores"); }

// A long recording is submitted by whoever makes it so long; the next sync owes the error to those before.
TEST_F(VulkanFaults, DeviceLostBetweenSyncs) {
  const Opened lost(open());
  std::vector<std::byte> bytes(kBytes, std::byte{7});
  must(lost.queue->download(bytes, *lost.x, 0));
  plan(faults_->submit, kDeviceLost);
  Status status;
  for (int i = 0; i < 1000 && status.ok(); ++i) status = lost.queue->fill(*lost.y, 0, kBytes, 1);
  expect_status(status, StatusCode::kDeviceLost, {"vkQueueSubmit: VK_ERROR_DEVICE_LOST"});
  expect_status(lost.queue->sync(), StatusCode::kDeviceLost, {"vkQueueSubmit: VK_ERROR_DEVICE_LOST"});
  expect_status(lost.queue->sync(), StatusCode::kDeviceLost, {"the device is lost since vkQueueSubmit"});
  EXPECT_EQ(std::count(bytes.begin(), bytes.end(), std::byte{7}), kBytes) << "a download arrived";
}

TEST_F(VulkanFaults, NoMemoryForABuffer) {
  const Opened on(open());
  for (const int result : {kOutOfDeviceMemory, kOutOfHostMemory}) {
    plan(faults_->allocate, result);
    expect_status(on.device->alloc(12345).status(), StatusCode::kOutOfMemory,
                  {"vulkan: needs 12345 bytes", "vkAllocateMemory: VK_ERROR_OUT_OF_"});
    EXPECT_EQ(must(on.device->alloc(12345))->bytes(), 12345);
    expect_works(on);
  }
}

// The queue's own memory, for transfers.
TEST_F(VulkanFaults, NoMemoryForAQueue) {
  const Opened on(open());
  const std::unique_ptr<Queue> queue = must(on.device->create_queue());
  std::vector<std::byte> bytes(kBytes);
  plan(faults_->allocate, kOutOfHostMemory);
  expect_status(queue->upload(*on.y, 0, bytes), StatusCode::kOutOfMemory,
                {"vulkan: needs", "vkAllocateMemory: VK_ERROR_OUT_OF_HOST_MEMORY"});
  must(queue->upload(*on.y, 0, bytes));
  must(queue->sync());
  expect_works(on);
}

// The work is dropped: its recording must not be waited for, and its downloads do not arrive.
TEST_F(VulkanFaults, NoMemoryForASubmission) {
  const Opened on(open());
  for (int again = 0; again < 20; ++again) {  // more often than the queue keeps recordings
    std::vector<float> result(kWidth, -1.0f);
    must(launch(on));
    must(on.queue->download(std::as_writable_bytes(std::span(result)), *on.y, 0));
    plan(faults_->submit, kOutOfDeviceMemory);
    expect_status(on.queue->sync(), StatusCode::kOutOfMemory,
                  {"vkQueueSubmit: VK_ERROR_OUT_OF_DEVICE_MEMORY", "rms_norm"});
    must(on.queue->sync());
    EXPECT_EQ(std::count(result.begin(), result.end(), -1.0f), kWidth) << "a download arrived";
  }
  expect_works(on);
}

// The work is under way and goes on; what it downloads is given up.
TEST_F(VulkanFaults, NoMemoryForAWait) {
  const Opened on(open());
  std::vector<float> result(kWidth, -1.0f);
  must(launch(on));
  must(on.queue->download(std::as_writable_bytes(std::span(result)), *on.y, 0));
  plan(faults_->wait, kOutOfHostMemory);
  expect_status(on.queue->sync(), StatusCode::kOutOfMemory,
                {"vkWaitSemaphores: VK_ERROR_OUT_OF_HOST_MEMORY"});
  EXPECT_EQ(std::count(result.begin(), result.end(), -1.0f), kWidth) << "a download arrived";
  expect_works(on);
}

}  // namespace
}  // namespace tamis::vulkan_faults

// [gtest options] [FOLDER]: where the layer is, if not where it was built.
int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (argc > 1) tamis::vulkan_faults::layer_folder = argv[1];
  // Before the loader makes an instance.
  setenv("VK_INSTANCE_LAYERS", tamis::vulkan_faults::kLayer, 1);
  setenv("VK_ADD_LAYER_PATH", tamis::vulkan_faults::layer_folder.c_str(), 1);
  setenv("TAMIS_VULKAN_CACHE", "off", 1);
  return RUN_ALL_TESTS();
}
