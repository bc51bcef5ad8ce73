#include "backends/hip/device.h"

#include <charconv>

#include "backends/hip/buffer.h"
#include "backends/hip/queue.h"
#include "core/backend/arch_list.h"

namespace tamis::hip {
namespace {

std::string driver_text() {
  int driver = 0, runtime = 0;
  (void)hipDriverGetVersion(&driver);
  (void)hipRuntimeGetVersion(&runtime);
  return fmt::format("HIP runtime {}, driver {}", runtime, driver);
}

DeviceInfo describe(const hipDeviceProp_t& properties, int index) {
  DeviceInfo info;
  info.name = properties.name;
  info.backend = TAMIS_HIP_BACKEND;
  info.index = index;
  info.arch = arch_number(properties.gcnArchName);
  info.features = arch_features(info.arch) | (properties.warpSize == 32 ? kWave32 : kWave64);
  info.units = properties.multiProcessorCount;
  info.memory_bytes = static_cast<std::int64_t>(properties.totalGlobalMem);
  info.local_memory_bytes = static_cast<std::int64_t>(properties.sharedMemPerBlock);
  info.driver = driver_text();
  return info;
}

// Whether this library has kernels for the device. A test's build names no architectures: it has what it
// needs.
Status check_compiled_for(const hipDeviceProp_t& properties) {
#if defined(TAMIS_HIP_COMPILED_FOR)
  if (!covers_arch(TAMIS_HIP_COMPILED_FOR, properties.gcnArchName)) {
    return unsupported(
        "{} is {}; the kernels were compiled for {}: configure with -DTAMIS_HIP_ARCHS=<its gfx number>",
        properties.name, properties.gcnArchName, TAMIS_HIP_COMPILED_FOR);
  }
#else
  static_cast<void>(properties);
#endif
  return {};
}

}  // namespace

int arch_number(std::string_view gcn_name) {
  constexpr std::string_view kPrefix = "gfx";
  if (!gcn_name.starts_with(kPrefix)) return 0;
  gcn_name = gcn_name.substr(kPrefix.size(), gcn_name.find(':') - kPrefix.size());
  int arch = 0;
  const char* end = gcn_name.data() + gcn_name.size();
  const auto [stop, error] = std::from_chars(gcn_name.data(), end, arch, 16);
  return error == std::errc() && stop == end ? arch : 0;
}

std::uint64_t arch_features(int arch) {
  switch (arch) {
    case 0x90a:  // MI200; MI100 (0x908) multiplies bf16 at half the rate and in another layout
    case 0x942:  // MI300
    case 0x950:  // MI350
      return kMfmaBf16;
    default: break;
  }
  if (arch >= 0x1100 && arch < 0x1300) return kWmmaBf16;  // RDNA 3 and 4
  return 0;
}

Result<std::shared_ptr<Device>> HipDevice::open(int index) {
  hipDeviceProp_t properties;
  TAMIS_RETURN_IF_ERROR(to_status(hipGetDeviceProperties(&properties, index), "hipGetDeviceProperties"));
  TAMIS_RETURN_IF_ERROR(check_compiled_for(properties));
  return std::shared_ptr<Device>(new HipDevice(describe(properties, index)));
}

std::int64_t HipDevice::free_bytes() const {
  return hipSetDevice(info_.index) == hipSuccess ? free_device_bytes() : 0;
}

Result<std::shared_ptr<Buffer>> HipDevice::alloc(std::int64_t bytes) {
  TAMIS_RETURN_IF_ERROR(to_status(hipSetDevice(info_.index), "hipSetDevice"));
  return allocate(bytes, info_.index);
}

Result<std::shared_ptr<Buffer>> HipDevice::import_host(std::span<const std::byte> memory) {
  return unsupported(TAMIS_HIP_BACKEND ": cannot read host memory in place ({} bytes)", memory.size());
}

Result<std::unique_ptr<Queue>> HipDevice::create_queue() {
  TAMIS_ASSIGN_OR_RETURN(std::unique_ptr<HipQueue> queue, HipQueue::create(info_));
  return std::unique_ptr<Queue>(std::move(queue));
}

}  // namespace tamis::hip
