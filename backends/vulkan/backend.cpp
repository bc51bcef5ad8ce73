// The Vulkan backend: rows are found by file name (ops/<op>.cpp) and readable without a device.
#include "backends/vulkan/device.h"
#include "core/backend/kernel_table.h"
#include "tamis_abi_hash.h"
#include "vulkan_row_table.inc"

namespace tamis::vulkan {
namespace {

class VulkanBackend final : public Backend {
 public:
  const char* name() const override { return "vulkan"; }
  DeviceList enumerate() override { return enumerate_devices(); }
  std::span<const KernelRow> rows(const char* op) const override { return find_rows(op); }
};

Backend* create() {
  static VulkanBackend backend;
  return &backend;
}

constexpr BackendEntry kEntry = {kAbiNumber, TAMIS_ABI_HASH, &create};

}  // namespace
}  // namespace tamis::vulkan

extern "C" const tamis::BackendEntry* tamis_backend_entry() { return &tamis::vulkan::kEntry; }
