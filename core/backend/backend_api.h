// The ABI between the library and a backend: four objects and a table of kernel rows. Plug-ins are C++ built
// against the same headers; the registry refuses one whose ABI number or header hash differs. No op appears
// here by name.
//
// Entry points (virtuals other than destructors): Buffer 1, Queue 11, Device 6, Backend 3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/backend/device_info.h"
#include "core/backend/launch_log.h"
#include "core/base/status.h"

namespace tamis {

struct KernelRow;

inline constexpr int kAbiNumber = 2;

// Device memory. Lives as long as its last owner; kernels get it by pointer.
class Buffer {
 public:
  explicit Buffer(std::int64_t bytes) : bytes_(bytes) {}
  virtual ~Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  std::int64_t bytes() const { return bytes_; }
  // Host address of the first byte, or null when the host cannot address this memory.
  virtual std::byte* host() = 0;

 private:
  std::int64_t bytes_;
};

class Event {
 public:
  virtual ~Event() = default;
};

class Capture {
 public:
  virtual ~Capture() = default;
};

// An in-order stream of work. Errors of asynchronous work come back from the next sync(), as a Status that
// names the kernel row and its shapes.
class Queue {
 public:
  virtual ~Queue() = default;
  // `src` is the caller's again when this returns; the copy may still be under way.
  virtual Status upload(Buffer& dst, std::int64_t offset, std::span<const std::byte> src) = 0;
  virtual Status download(std::span<std::byte> dst, Buffer& src, std::int64_t offset) = 0;
  virtual Status copy(Buffer& dst, std::int64_t dst_offset, Buffer& src, std::int64_t src_offset,
                      std::int64_t bytes) = 0;
  virtual Status fill(Buffer& dst, std::int64_t offset, std::int64_t bytes, std::uint8_t value) = 0;
  virtual Result<std::unique_ptr<Event>> record_event() = 0;
  virtual Status wait_event(Event& event) = 0;
  virtual Result<double> elapsed_seconds(Event& begin, Event& end) = 0;  // both recorded here, both done
  virtual Status sync() = 0;
  // Between these two, launches are recorded and not run. A row that reads host memory while launching may
  // not be captured; the rows of this project are capturable unless their table entry says otherwise.
  virtual Status begin_capture() = 0;
  virtual Result<std::unique_ptr<Capture>> end_capture() = 0;
  virtual Status replay(Capture& capture) = 0;

  // The plan says here what the launches that follow belong to, and the queue, in errors, what they were.
  LaunchLog& log() { return log_; }

 private:
  LaunchLog log_;
};

class Device {
 public:
  virtual ~Device() = default;
  virtual const DeviceInfo& info() const = 0;
  virtual std::int64_t free_bytes() const = 0;
  // Contents undefined. kOutOfMemory says what was needed and what is free.
  virtual Result<std::shared_ptr<Buffer>> alloc(std::int64_t bytes) = 0;
  // Makes host memory (a mapped checkpoint) readable by kernels without a copy; kUnsupported where that
  // cannot be. The caller keeps the memory alive as long as the buffer.
  virtual Result<std::shared_ptr<Buffer>> import_host(std::span<const std::byte> memory) = 0;
  virtual Result<std::unique_ptr<Queue>> create_queue() = 0;
  // Escape hatch for what only one backend has; null when unknown.
  virtual void* extension(const char* name) = 0;
};

struct DeviceList {
  std::vector<std::shared_ptr<Device>> devices;
  std::string why_none;  // set when devices is empty: "no NVIDIA driver: libcuda.so.1 not found"
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual const char* name() const = 0;
  virtual DeviceList enumerate() = 0;
  // The op's selection table, best first, portable row last. Empty when the backend has no file for the op.
  virtual std::span<const KernelRow> rows(const char* op) const = 0;
};

// What a plug-in exports, as extern "C" const BackendEntry* tamis_backend_entry().
struct BackendEntry {
  int abi_number;
  const char* abi_hash;
  Backend* (*create)();  // owned by the registry, never unloaded
  // Null, or the name of a backend that is there already: this plug-in then only adds rows to it, after its
  // own.
  const char* extends = nullptr;
};
inline constexpr const char* kBackendEntrySymbol = "tamis_backend_entry";

}  // namespace tamis
