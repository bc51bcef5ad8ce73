// One AMD GPU.
#pragma once

#include <memory>
#include <string>

#include "backends/hip/error.h"
#include "core/backend/backend_api.h"

namespace tamis::hip {

// "gfx90a:sramecc+:xnack-" → 0x90a; 0 for a name of another form.
int arch_number(std::string_view gcn_name);

// What the architecture has beside its wave size.
std::uint64_t arch_features(int arch);

class HipDevice final : public Device {
 public:
  static Result<std::shared_ptr<Device>> open(int index);

  const DeviceInfo& info() const override { return info_; }
  std::int64_t free_bytes() const override;
  Result<std::shared_ptr<Buffer>> alloc(std::int64_t bytes) override;
  Result<std::shared_ptr<Buffer>> import_host(std::span<const std::byte> memory) override;
  Result<std::unique_ptr<Queue>> create_queue() override;
  void* extension(const char*) override { return nullptr; }

 private:
  explicit HipDevice(DeviceInfo info) : info_(std::move(info)) {}

  DeviceInfo info_;
};

}  // namespace tamis::hip
