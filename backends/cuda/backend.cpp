// The CUDA backend: devices by the CUDA runtime, rows found by file name.
#include <span>
#include <string_view>

#include <cuda_runtime_api.h>

#include "backends/cuda/device.h"
#include "core/backend/kernel_table.h"
#include "cuda_row_table.inc"
#include "tamis_abi_hash.h"

namespace tamis::cuda {
namespace {

// The smallest compute capability that kernels_cuda is built for.
constexpr int kMinArch = 80;

class CudaBackend final : public Backend {
 public:
  const char* name() const override { return "cuda"; }
  DeviceList enumerate() override;
  std::span<const KernelRow> rows(const char* op) const override { return find_rows(op); }
};

DeviceList CudaBackend::enumerate() {
  DeviceList list;
  int count = 0;
  if (const cudaError_t error = cudaGetDeviceCount(&count); error != cudaSuccess) {
    static_cast<void>(cudaGetLastError());
    list.why_none = error == cudaErrorInsufficientDriver
                        ? "no NVIDIA driver, or one older than this build's CUDA runtime"
                        : fmt::format("no CUDA device: {}", cudaGetErrorString(error));
    return list;
  }
  for (int i = 0; i < count; ++i) {
    Result<std::shared_ptr<CudaDevice>> device = CudaDevice::create(i);
    if (!device.ok()) {
      list.why_none = device.status().message();
    } else if ((*device)->info().arch < kMinArch) {
      list.why_none = fmt::format("{} is sm_{}, this build needs sm_{} or later", (*device)->info().name,
                                  (*device)->info().arch, kMinArch);
    } else {
      list.devices.push_back(*device);
    }
  }
  if (list.devices.empty() && list.why_none.empty()) list.why_none = "no CUDA device";
  return list;
}

Backend* create() {
  static CudaBackend backend;
  return &backend;
}

constexpr BackendEntry kEntry = {kAbiNumber, TAMIS_ABI_HASH, &create};

}  // namespace
}  // namespace tamis::cuda

extern "C" const tamis::BackendEntry* tamis_backend_entry() { return &tamis::cuda::kEntry; }
