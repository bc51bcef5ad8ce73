// Another device under the name of the backend that wraps it.
#pragma once

#include <memory>
#include <string>

#include "core/backend/backend_api.h"

namespace tamis {

class RenamedDevice : public Device {
 public:
  RenamedDevice(std::shared_ptr<Device> inner, const std::string& backend)
      : inner_(std::move(inner)), info_(inner_->info()) {
    info_.backend = backend;
    info_.name = backend + " " + info_.name;
  }
  const DeviceInfo& info() const override { return info_; }
  std::int64_t free_bytes() const override { return inner_->free_bytes(); }
  Result<std::shared_ptr<Buffer>> alloc(std::int64_t bytes) override { return inner_->alloc(bytes); }
  Result<std::shared_ptr<Buffer>> import_host(std::span<const std::byte> memory) override {
    return inner_->import_host(memory);
  }
  Result<std::unique_ptr<Queue>> create_queue() override { return inner_->create_queue(); }
  void* extension(const char* name) override { return inner_->extension(name); }

 private:
  std::shared_ptr<Device> inner_;
  DeviceInfo info_;
};

}  // namespace tamis
