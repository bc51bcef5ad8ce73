#include "backends/cuda/device.h"

#include <algorithm>

#include "backends/cuda/error.h"
#include "backends/cuda/queue.h"

namespace tamis::cuda {

CudaBuffer::~CudaBuffer() {
  // Fails only after a sticky error, when the memory is gone with the context.
  if (cudaSetDevice(device_) == cudaSuccess) static_cast<void>(cudaFree(device_address()));
}

Result<std::shared_ptr<CudaDevice>> CudaDevice::create(int index) {
  cudaDeviceProp properties{};
  TAMIS_CUDA_RETURN_IF_ERROR(cudaGetDeviceProperties(&properties, index));
  int driver = 0;
  TAMIS_CUDA_RETURN_IF_ERROR(cudaDriverGetVersion(&driver));
  std::shared_ptr<CudaDevice> device(new CudaDevice(index));
  DeviceInfo& info = device->info_;
  info.name = properties.name;
  info.backend = "cuda";
  info.index = index;
  info.arch = properties.major * 10 + properties.minor;
  info.features = kWave32;
  info.units = properties.multiProcessorCount;
  info.memory_bytes = static_cast<std::int64_t>(properties.totalGlobalMem);
  info.local_memory_bytes = static_cast<std::int64_t>(properties.sharedMemPerBlockOptin);
  info.driver = fmt::format("CUDA {}.{}", driver / 1000, driver % 1000 / 10);
  return device;
}

std::int64_t CudaDevice::free_bytes() const {
  std::size_t free = 0, total = 0;
  if (cudaSetDevice(index_) != cudaSuccess || cudaMemGetInfo(&free, &total) != cudaSuccess) return 0;
  return static_cast<std::int64_t>(free);
}

Result<std::shared_ptr<Buffer>> CudaDevice::alloc(std::int64_t bytes) {
  if (bytes < 0) return invalid_argument("alloc of {} bytes", bytes);
  TAMIS_CUDA_RETURN_IF_ERROR(cudaSetDevice(index_));
  void* address = nullptr;
  const cudaError_t error = cudaMalloc(&address, static_cast<std::size_t>(std::max<std::int64_t>(bytes, 1)));
  if (error == cudaErrorMemoryAllocation) {
    static_cast<void>(cudaGetLastError());  // not sticky: the next call starts clean
    return out_of_memory("{}: needs {} bytes, {} are free", info_.name, bytes, free_bytes());
  }
  TAMIS_RETURN_IF_ERROR(to_status(error, "cudaMalloc"));
  return std::shared_ptr<Buffer>(std::make_shared<CudaBuffer>(bytes, index_, address));
}

Result<std::shared_ptr<Buffer>> CudaDevice::import_host(std::span<const std::byte>) {
  return unsupported("{}: kernels do not read host memory over the bus", info_.name);
}

Result<std::unique_ptr<Queue>> CudaDevice::create_queue() {
  TAMIS_ASSIGN_OR_RETURN(std::unique_ptr<CudaQueue> queue, CudaQueue::create(index_));
  return std::unique_ptr<Queue>(std::move(queue));
}

void* CudaDevice::extension(const char*) { return nullptr; }

}  // namespace tamis::cuda
