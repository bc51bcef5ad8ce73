// Kernels that are compiled with -fsanitize=kernel-address (TAMIS_HIP_EMU_CHECKS) call these before each
// access that is not known to be to their own stack.
#include "tests/hip_emulation/block.h"

using hip_emulation::check_access;
using hip_emulation::Use;

#define TAMIS_ACCESS(BYTES)                                                                            \
  void __asan_load##BYTES##_noabort(const void* address) { check_access(address, BYTES, Use::kRead); } \
  void __asan_store##BYTES##_noabort(const void* address) { check_access(address, BYTES, Use::kWrite); }

extern "C" {
#pragma GCC visibility push(hidden)
TAMIS_ACCESS(1)
TAMIS_ACCESS(2)
TAMIS_ACCESS(4)
TAMIS_ACCESS(8)
TAMIS_ACCESS(16)
void __asan_loadN_noabort(const void* address, std::size_t bytes) {
  check_access(address, bytes, Use::kRead);
}
void __asan_storeN_noabort(const void* address, std::size_t bytes) {
  check_access(address, bytes, Use::kWrite);
}
void __asan_handle_no_return() {}
#pragma GCC visibility pop
}
