// Fixture of the conformance tests: each runs once per device.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/backend/registry.h"
#include "core/exec/plan.h"
#include "tests/harness/changed_backend.h"
#include "tests/harness/must.h"

namespace tamis::conformance {

// The devices of this run: --device, or all but the null backend's.
std::vector<std::string>& device_names();

class OnDevice : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    device_ = must(Registry::instance().device(GetParam()));
    backend_ = Registry::instance().backend(GetParam().substr(0, GetParam().find(':')));
    host_ = must(Registry::instance().device("cpu"));
    queue_ = must(device_->create_queue());
    host_queue_ = must(host_->create_queue());
  }
  PlanTarget target() const {
    return {backend_, device_.get(), Registry::instance().backend("cpu"), host_.get(), nullptr};
  }
  bool is_host() const { return device_ == host_; }

  // Device memory with these values.
  template <class T>
  std::shared_ptr<Buffer> buffer_of(const std::vector<T>& values) {
    auto buffer = must(device_->alloc(static_cast<std::int64_t>(values.size() * sizeof(T))));
    upload(*buffer, values);
    return buffer;
  }
  template <class T>
  void upload(Buffer& buffer, const std::vector<T>& values) {
    must(queue_->upload(buffer, 0, std::as_bytes(std::span(values))));
  }
  template <class T>
  std::vector<T> read(Buffer& buffer, std::int64_t offset, std::int64_t count) {
    std::vector<T> values(static_cast<std::size_t>(count));
    must(queue_->download(std::as_writable_bytes(std::span(values)), buffer, offset));
    must(queue_->sync());
    return values;
  }
  template <class T>
  std::vector<T> read(const Plan& plan, const std::string& output) {
    const Tensor tensor = must(plan.output(output));
    return read<T>(*tensor.buffer, tensor.offset, tensor.desc.elements());
  }

  std::shared_ptr<Device> device_, host_;
  const Backend* backend_ = nullptr;
  std::unique_ptr<Queue> queue_, host_queue_;
};

// Names of parameters in gtest have no colons or dashes.
std::string test_name(const ::testing::TestParamInfo<std::string>& info);

}  // namespace tamis::conformance

#define TAMIS_ON_EVERY_DEVICE(suite)                                                                 \
  INSTANTIATE_TEST_SUITE_P(Device, suite, ::testing::ValuesIn(::tamis::conformance::device_names()), \
                           ::tamis::conformance::test_name);                                         \
  GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(suite)
