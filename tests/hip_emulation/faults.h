// Memory faults of kernels: while a grid runs, SIGSEGV of its thread comes here first.
#pragma once

namespace hip_emulation {

enum class Access { kUnknown, kRead, kWrite };

// Says whether the access may be repeated; or does not return, when the kernel is given up.
using FaultHandler = bool (*)(const void* address, Access access);

// Until its end the handler sees the faults of the calling thread; those that it does not want, and other
// threads', go where they went before. One at a time in a process.
class FaultWatch {
 public:
  explicit FaultWatch(FaultHandler wanted);
  ~FaultWatch();
  FaultWatch(const FaultWatch&) = delete;
  FaultWatch& operator=(const FaultWatch&) = delete;
};

}  // namespace hip_emulation
