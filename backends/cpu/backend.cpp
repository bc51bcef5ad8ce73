// The CPU backend: one device, host memory, rows found by file name.
#include <cstdlib>
#include <new>
#include <string_view>

#include "backends/cpu/isa.h"
#include "backends/cpu/queue.h"
#include "backends/cpu/threads.h"
#include "core/backend/registry.h"
#include "core/base/settings.h"
#include "cpu_row_table.inc"

namespace tamis::cpu {
namespace {

// One cache line and one AVX-512 register; the planner aligns offsets to the same.
constexpr std::size_t kAlignment = 64;

class HostBuffer final : public Buffer {
 public:
  HostBuffer(std::int64_t bytes, std::byte* memory, bool owned)
      : Buffer(bytes), memory_(memory), owned_(owned) {}
  ~HostBuffer() override {
    if (owned_) std::free(memory_);
  }
  std::byte* host() override { return memory_; }

 private:
  std::byte* memory_;
  bool owned_;
};

class CpuDevice final : public Device {
 public:
  explicit CpuDevice(std::uint64_t features) {
    info_.name = cpu_name();
    info_.backend = "cpu";
    info_.features = features;
    info_.units = thread_count();
    info_.memory_bytes = total_memory_bytes();
    info_.local_memory_bytes = 1 << 20;
    info_.driver = "OpenMP";
    info_.host_visible = true;
  }

  const DeviceInfo& info() const override { return info_; }
  std::int64_t free_bytes() const override { return available_memory_bytes(); }

  Result<std::shared_ptr<Buffer>> alloc(std::int64_t bytes) override {
    if (bytes < 0) return invalid_argument("alloc of {} bytes", bytes);
    const std::size_t rounded = (static_cast<std::size_t>(bytes) + kAlignment) / kAlignment * kAlignment;
    auto* memory = static_cast<std::byte*>(std::aligned_alloc(kAlignment, rounded));
    if (memory == nullptr) return out_of_memory("cpu: needs {} bytes, {} are free", bytes, free_bytes());
    return std::shared_ptr<Buffer>(std::make_shared<HostBuffer>(bytes, memory, true));
  }

  Result<std::shared_ptr<Buffer>> import_host(std::span<const std::byte> memory) override {
    // Read-only by contract: only weight operands point here, and no row writes a weight.
    auto* address = const_cast<std::byte*>(memory.data());
    return std::shared_ptr<Buffer>(
        std::make_shared<HostBuffer>(static_cast<std::int64_t>(memory.size()), address, false));
  }

  Result<std::unique_ptr<Queue>> create_queue() override { return std::unique_ptr<Queue>(new CpuQueue); }
  void* extension(const char*) override { return nullptr; }

 private:
  DeviceInfo info_;
};

class CpuBackend final : public Backend {
 public:
  const char* name() const override { return "cpu"; }
  DeviceList enumerate() override {
    const Result<std::uint64_t> features = usable_features(settings::cpu_isa());
    if (!features.ok()) return {{}, features.status().message()};
    return {{std::make_shared<CpuDevice>(features.value())}, ""};
  }
  std::span<const KernelRow> rows(const char* op) const override { return find_rows(op); }
};

}  // namespace
}  // namespace tamis::cpu

namespace tamis {

Backend* create_cpu_backend() {
  static cpu::CpuBackend backend;
  return &backend;
}

}  // namespace tamis
