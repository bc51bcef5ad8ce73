// Included before everything else where clang >= 20 compiles against the HIP 5.2 that Debian 12 packages:
// what those headers and that device library expect of a compiler of 2022. Not used with any other HIP.
#pragma once

#if defined(__HIP__)

// The compiler no longer says how wide a wave is.
#if !defined(__AMDGCN_WAVEFRONT_SIZE)
#if defined(__GFX10__) || defined(__GFX11__) || defined(__GFX12__)
#define __AMDGCN_WAVEFRONT_SIZE 32
#else
#define __AMDGCN_WAVEFRONT_SIZE 64
#endif
#endif

// Half-precision reciprocals, which the device library used to define.
typedef _Float16 tamis_half2 __attribute__((ext_vector_type(2)));
extern "C" __attribute__((device, const)) _Float16 __llvm_amdgcn_rcp_f16(_Float16) __asm(
    "llvm.amdgcn.rcp.f16");
static inline __attribute__((device)) tamis_half2 __llvm_amdgcn_rcp_2f16(tamis_half2 x) {
  return tamis_half2{__llvm_amdgcn_rcp_f16(x.x), __llvm_amdgcn_rcp_f16(x.y)};
}

#if defined(__HIP_DEVICE_COMPILE__)
// The switch of the device library that keeps denormals; the compiler no longer links the file that sets it.
extern "C" __attribute__((constant)) const unsigned char __oclc_daz_opt = 0;

#include <hip/amd_detail/device_library_decls.h>

// Fences, which hip.bc used to define.
extern "C" __attribute__((device)) inline void __atomic_work_item_fence(__cl_mem_fence_flags, __memory_order,
                                                                        __memory_scope scope) {
  switch (scope) {
    case __memory_scope_work_item: break;
    case __memory_scope_work_group: __builtin_amdgcn_fence(__ATOMIC_SEQ_CST, "workgroup"); break;
    case __memory_scope_device: __builtin_amdgcn_fence(__ATOMIC_SEQ_CST, "agent"); break;
    default: __builtin_amdgcn_fence(__ATOMIC_SEQ_CST, ""); break;
  }
}
#endif
#endif
