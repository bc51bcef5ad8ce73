// Vector types of the matrix instructions' operands.
#pragma once

#include "core/numeric/float16.h"
#include "kernels_gpu/common/elements.h"
#include "kernels_gpu/common/wave.h"

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

// The same value, of which the compiler no longer knows where it came from: what is computed of it is
// computed behind this, and does not wait in registers.
__device__ inline int here(int value) {
#if defined(__AMDGCN__)
  asm volatile("" : "+v"(value));
#endif
  return value;
}

// The lower, or the upper, 16 bits of both, the first's in the lower half.
__device__ inline unsigned low_halves(unsigned first, unsigned second) {
#if defined(__AMDGCN__)
  return __builtin_amdgcn_perm(second, first, 0x05040100u);
#else
  return (first & 0xffffu) | second << 16;
#endif
}
__device__ inline unsigned high_halves(unsigned first, unsigned second) {
#if defined(__AMDGCN__)
  return __builtin_amdgcn_perm(second, first, 0x07060302u);
#else
  return first >> 16 | (second & 0xffff0000u);
#endif
}

// As a scalar: the compiler does not know that a wave's lanes agree on it.
__device__ inline int uniform(int value) {
#if defined(__AMDGCN__)
  return __builtin_amdgcn_readfirstlane(value);
#else
  return value;
#endif
}

// The value of lane `lane_id() ^ mask`. HIP's own function also looks whether there is such a lane. The
// instruction takes lanes modulo the wave.
__device__ inline unsigned exchange(unsigned value, int mask) {
#if defined(__AMDGCN__)
  const int other = here(static_cast<int>(threadIdx.x)) ^ mask;
  return static_cast<unsigned>(__builtin_amdgcn_ds_bpermute(other * 4, static_cast<int>(value)));
#else
  return gpu::shuffle_xor(value, mask);
#endif
}
__device__ inline float exchange(float value, int mask) {
  return numeric::bits_float(exchange(numeric::float_bits(value), mask));
}

// 2^x; where the compiler names it, by the card's own instruction, which takes what is below 2^-126 for 0.
__device__ inline float power_of_2(float x) {
#if defined(__AMDGCN__) && __has_builtin(__builtin_amdgcn_exp2f)
  return __builtin_amdgcn_exp2f(x);
#else
  return exp2f(x);
#endif
}

// a * b + c by element, two to an instruction on CDNA.
template <int count>
__device__ inline Floats<count> multiply_add(const Floats<count>& a, const Floats<count>& b,
                                             const Floats<count>& c) {
#if defined(__AMDGCN__) && __has_builtin(__builtin_elementwise_fma)
  return __builtin_elementwise_fma(a, b, c);
#else
  Floats<count> sums;
#pragma unroll
  for (int i = 0; i < count; ++i) sums[i] = gpu::multiply_add(a[i], b[i], c[i]);
  return sums;
#endif
}

// Nothing is moved over this: bounds how many loads are under way, and so the registers that they take.
__device__ inline void schedule_barrier() {
#if defined(__AMDGCN__)
  __builtin_amdgcn_sched_barrier(0);
#endif
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
