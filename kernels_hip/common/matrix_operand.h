// Vector types of the matrix instructions' operands.
#pragma once

#include "kernels_gpu/common/runtime.h"

namespace tamis::hip {

using gpu::Element;

template <int count>
using Floats = float __attribute__((ext_vector_type(count)));
template <int count>
using Shorts = short __attribute__((ext_vector_type(count)));
template <int count>
using Ints = int __attribute__((ext_vector_type(count)));
template <int count>
using Halves = _Float16 __attribute__((ext_vector_type(count)));
#if defined(__gfx950__)  // whose compilers know the type
template <int count>
using Brains = __bf16 __attribute__((ext_vector_type(count)));
#else
template <int count>
using Brains = Shorts<count>;
#endif

// 16 bytes: what a lane reads at once.
using Quad = unsigned __attribute__((ext_vector_type(4)));

// The first registers of `words` as the type that an instruction takes.
template <class T>
__device__ inline T operand(const unsigned* words) {
  T value;
  __builtin_memcpy(&value, words, sizeof(T));
  return value;
}

// Nothing is moved over this: bounds how many loads are under way, and so the registers that they take.
__device__ inline void schedule_barrier() {
#if defined(__AMDGCN__)
  __builtin_amdgcn_sched_barrier(0);
#endif
}

// The same value, of which the compiler no longer knows where it came from: what is computed of it is
// computed behind this, and does not wait in registers.
__device__ inline int here(int value) {
#if defined(__AMDGCN__)
  asm volatile("" : "+v"(value));
#endif
  return value;
}

// The sums are computed before this. Matrix instructions have no side effects, and the compiler would move
// them behind the next barrier, with all their operands waiting in registers.
template <class Sums>
__device__ inline void settle([[maybe_unused]] Sums& sums) {
#if defined(__AMDGCN__)
  asm volatile("" : "+v"(sums));
#endif
}

}  // namespace tamis::hip
