// The null backend: the smallest complete plug-in, to be copied when a new one starts. It has no kernel, so
// every op of a plan on its device falls back to the CPU with copies: the path that a new backend walks until
// its first rows exist.
#include "backends/null/device.h"
#include "core/backend/kernel_table.h"
#include "core/base/settings.h"
#include "tamis_abi_hash.h"

namespace tamis::null {
namespace {

class NullBackend final : public Backend {
 public:
  const char* name() const override { return "null"; }

  // A backend with hardware loads its driver here, and says what is missing when there is none.
  DeviceList enumerate() override {
    if (settings::null_device()) return {{std::make_shared<NullDevice>()}, ""};
    return {{},
            "the null backend has no hardware: copy it to start a new one (TAMIS_NULL_DEVICE=1 pretends)"};
  }

  // Rows are readable without hardware. Found by file name (ops/<op>.cpp): see backends/cpu/CMakeLists.txt.
  std::span<const KernelRow> rows(const char*) const override { return {}; }
};

Backend* create() {
  static NullBackend backend;
  return &backend;
}

constexpr BackendEntry kEntry = {kAbiNumber, TAMIS_ABI_HASH, &create};

}  // namespace
}  // namespace tamis::null

extern "C" const tamis::BackendEntry* tamis_backend_entry() { return &tamis::null::kEntry; }
