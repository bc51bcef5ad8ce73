// Capability files: what is known about a device that is not here, as a DeviceInfo. `explain --device gfx942`
// plans for an MI300X on a laptop. One JSON object a file, in core/policy/data, compiled into the library:
//
//   {"backend": "hip", "name": "AMD Instinct MI300X", "arch": "gfx942", "units": 304, "memory_gib": 192,
//    "local_memory_kib": 64, "features": ["wave64", "mfma_bf16"],
//    "memory_gbs": 5300, "f32_tflops": 163.4, "bf16_tflops": 1307.4, "fp8_tflops": 2614.9,
//    "source": "AMD Instinct MI300X data sheet"}
//
// arch is sm_<decimal> or gfx<hex>; features are the names that `tamis devices` prints. Figures are the
// vendors' data sheets', for the product that `name` says, without sparsity; `source` says which sheet.
// fp8_tflops is left out where the part has no such units. driver_names
// lists what else drivers call the product.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/backend/backend_api.h"
#include "core/exec/floor.h"

namespace tamis {

// "sm80", "gfx942", … in order.
std::vector<std::string> capability_names();

// The capability of that name. kNotFound lists those there are.
Result<DeviceInfo> find_capability(const std::string& name);

struct Capability {
  DeviceInfo info;
  Ceilings ceilings;
  std::vector<std::string> driver_names;
};
// The text of a capability file; kCorruptData names the field, what was expected and what was found.
Result<Capability> parse_capability(const std::string& where, const std::string& text);

// Of the product that the device is, by its name; unknown for a product without a file, and for every CPU.
Ceilings ceilings_of(const DeviceInfo& info);

// A device that has facts and no memory: it plans and explains. alloc() and create_queue() are kUnsupported.
std::shared_ptr<Device> make_stand_in(DeviceInfo info);

}  // namespace tamis
