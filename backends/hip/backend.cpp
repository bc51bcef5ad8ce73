// The HIP backend: every AMD GPU that the driver lists. The library links HIP's runtime, which is there
// without a driver, too: then there is no device, and the rows stay readable.
#include <string_view>

#include "backends/hip/device.h"
#include "core/backend/kernel_table.h"
#include "hip_row_table.inc"
#include "tamis_abi_hash.h"

namespace tamis::hip {
namespace {

constexpr const char* kNone = "the amdgpu driver is not loaded or lists none";

DeviceList no_device(std::string_view why) { return {{}, fmt::format("no AMD GPU: {}", why)}; }

class HipBackend final : public Backend {
 public:
  const char* name() const override { return TAMIS_HIP_BACKEND; }

  DeviceList enumerate() override {
    int count = 0;
    const hipError_t error = hipGetDeviceCount(&count);
    if (error != hipSuccess) {
      (void)hipGetLastError();
      return no_device(error == hipErrorNoDevice ? kNone : hipGetErrorName(error));
    }
    if (count == 0) return no_device(kNone);
    DeviceList list;
    Status refused;
    for (int index = 0; index < count; ++index) {
      Result<std::shared_ptr<Device>> device = HipDevice::open(index);
      if (device.ok()) {
        list.devices.push_back(std::move(device).value());
      } else {
        refused = device.status();
      }
    }
    return list.devices.empty() ? no_device(refused.message()) : list;
  }

  std::span<const KernelRow> rows(const char* op) const override { return find_rows(op); }
};

Backend* create() {
  static HipBackend backend;
  return &backend;
}

constexpr BackendEntry kEntry = {kAbiNumber, TAMIS_ABI_HASH, &create};

}  // namespace
}  // namespace tamis::hip

extern "C" const tamis::BackendEntry* tamis_backend_entry() { return &tamis::hip::kEntry; }
