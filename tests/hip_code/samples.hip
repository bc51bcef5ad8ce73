// Kernels for planted_test.py: one of each mistake that check_code.py must name, and two that have none.
#include <hip/hip_runtime.h>

using Bits4 = short __attribute__((ext_vector_type(4)));
using Bits16 = short __attribute__((ext_vector_type(16)));
using Sums8 = float __attribute__((ext_vector_type(8)));
using Sums16 = float __attribute__((ext_vector_type(16)));

constexpr int kTiles = 4;

// A turn of the loop: four tiles from local memory, 8 bytes a lane each, into eight matrix instructions.
extern "C" __global__ void __launch_bounds__(256)
    good_mfma_kernel(const Bits4* a, const Bits4* b, float* c, int turns) {
#if defined(__GFX9__)
  __shared__ Bits4 tiles[kTiles * 256];
  for (int j = 0; j < kTiles; ++j) tiles[threadIdx.x + j * 256] = b[threadIdx.x + j * 256];
  const Bits4 left = a[threadIdx.x], right = a[threadIdx.x + 256];
  Sums16 sums[2] = {};
  __syncthreads();
#pragma unroll 1
  for (int i = 0; i < turns; ++i) {
#pragma unroll
    for (int j = 0; j < kTiles; ++j) {
      const Bits4 tile = tiles[((threadIdx.x + i) ^ 1) % 256 + j * 256];
      sums[0] = __builtin_amdgcn_mfma_f32_32x32x8bf16_1k(left, tile, sums[0], 0, 0, 0);
      sums[1] = __builtin_amdgcn_mfma_f32_32x32x8bf16_1k(right, tile, sums[1], 0, 0, 0);
    }
  }
  for (int r = 0; r < 16; ++r) c[threadIdx.x * 16 + r] = sums[0][r] + sums[1][r];
#endif
}

extern "C" __global__ void __launch_bounds__(256)
    good_wmma_kernel(const Bits16* a, const Bits16* b, float* c, int turns) {
#if defined(__GFX11__)
  Sums8 sums = {};
#pragma unroll 1
  for (int i = 0; i < turns; ++i) {
    sums =
        __builtin_amdgcn_wmma_f32_16x16x16_bf16_w32(a[threadIdx.x + i * 256], b[threadIdx.x + i * 256], sums);
  }
  for (int r = 0; r < 8; ++r) c[threadIdx.x * 8 + r] = sums[r];
#endif
}

// Two matrix instructions among the 300 that compute their operand.
extern "C" __global__ void __launch_bounds__(256) starved_mfma_kernel(const Bits4* a, float* c, int turns) {
#if defined(__GFX9__)
  const Bits4 left = a[threadIdx.x];
  Sums16 sums = {};
  unsigned word = threadIdx.x;
#pragma unroll 1
  for (int i = 0; i < turns; ++i) {
#pragma unroll
    for (int j = 0; j < 150; ++j) word = (word ^ (word >> 5)) + 13u;
    const Bits4 right = {static_cast<short>(word), static_cast<short>(word >> 16), 1, 2};
    sums = __builtin_amdgcn_mfma_f32_32x32x8bf16_1k(left, right, sums, 0, 0, 0);
    sums = __builtin_amdgcn_mfma_f32_32x32x8bf16_1k(right, left, sums, 0, 0, 0);
  }
  for (int r = 0; r < 16; ++r) c[threadIdx.x * 16 + r] = sums[r];
#endif
}

// Says by its name that it multiplies on the matrix unit, and does not.
extern "C" __global__ void __launch_bounds__(256)
    lost_mfma_kernel(const float* a, const float* b, float* c, int turns) {
  float sum = 0;
  for (int i = 0; i < turns; ++i) sum = fmaf(a[threadIdx.x + i * 256], b[i], sum);
  c[threadIdx.x] = sum;
}
extern "C" __global__ void __launch_bounds__(256)
    lost_wmma_kernel(const float* a, const float* b, float* c, int turns) {
  float sum = 0;
  for (int i = 0; i < turns; ++i) sum = fmaf(a[threadIdx.x + i * 256], b[i], sum);
  c[threadIdx.x] = sum;
}

// Empty where it should multiply, in both of its instances.
template <int columns>
__global__ void matrix_empty_kernel(float*) {}
template __global__ void matrix_empty_kernel<1>(float*);
template __global__ void matrix_empty_kernel<2>(float*);

// One instance is for this target, the other for another: nothing to say.
template <bool here>
__global__ void __launch_bounds__(256) matrix_some_kernel(const Bits4* a, const Bits16* b, float* c) {
  if constexpr (here) {
#if defined(__GFX9__)
    const Sums16 sums =
        __builtin_amdgcn_mfma_f32_32x32x8bf16_1k(a[threadIdx.x], a[threadIdx.x + 256], Sums16{}, 0, 0, 0);
#else
    const Sums8 sums =
        __builtin_amdgcn_wmma_f32_16x16x16_bf16_w32(b[threadIdx.x], b[threadIdx.x + 256], Sums8{});
#endif
    c[threadIdx.x] = sums[0] + sums[7];
  }
}
template __global__ void matrix_some_kernel<false>(const Bits4*, const Bits16*, float*);
template __global__ void matrix_some_kernel<true>(const Bits4*, const Bits16*, float*);

// For one CDNA target only; the budget says for gfx942 and gfx1100.
template <bool here>
__global__ void __launch_bounds__(256) elsewhere_kernel(const Bits4* a, float* c) {
#if defined(__gfx942__)
  if constexpr (here) {
    const Sums16 sums =
        __builtin_amdgcn_mfma_f32_32x32x8bf16_1k(a[threadIdx.x], a[threadIdx.x + 256], Sums16{}, 0, 0, 0);
    c[threadIdx.x] = sums[0] + sums[7];
  }
#endif
}
template __global__ void elsewhere_kernel<false>(const Bits4*, float*);
template __global__ void elsewhere_kernel<true>(const Bits4*, float*);

// Has code on all targets, which the budget wants on one.
extern "C" __global__ void __launch_bounds__(64) everywhere_kernel(const float* x, float* y) {
  y[threadIdx.x] = x[threadIdx.x] + x[threadIdx.x + 64] * x[threadIdx.x + 128];
}

// 200 sums in a block of 1024 threads: more than a thread has registers for.
extern "C" __global__ void __launch_bounds__(1024) spilling_kernel(const float* x, float* y, int turns) {
  float sums[200];
#pragma unroll
  for (int j = 0; j < 200; ++j) sums[j] = x[j * 1024 + threadIdx.x];
#pragma unroll 1
  for (int i = 0; i < turns; ++i) {
#pragma unroll
    for (int j = 0; j < 200; ++j) sums[j] = sums[j] * sums[(j + 7) % 200] + x[i];
  }
#pragma unroll
  for (int j = 0; j < 200; ++j) y[j * 1024 + threadIdx.x] = sums[j];
}

// An array with an index that only the run knows lies in scratch memory.
extern "C" __global__ void __launch_bounds__(64) scratch_kernel(const int* x, int* y, int turns) {
  int bins[64];
  for (int j = 0; j < 64; ++j) bins[j] = 0;
  for (int i = 0; i < turns; ++i) bins[x[i * 64 + threadIdx.x] & 63] += 1;
  y[threadIdx.x] = bins[y[threadIdx.x] & 63];
}

// 24 KB of local memory, and loads of 4 bytes where the budget asks for 16.
extern "C" __global__ void __launch_bounds__(256) roomy_kernel(const float* x, float* y, int turns) {
  __shared__ float staged[6144];
  for (int i = threadIdx.x; i < 6144; i += 256) staged[i] = x[i];
  __syncthreads();
  float sum = 0;
  for (int i = 0; i < turns; ++i) sum += staged[(threadIdx.x * 7 + i) % 6144] * x[i * 3 + threadIdx.x];
  y[threadIdx.x] = sum;
}

// Four loads of 16 bytes a lane on their way at a time.
extern "C" __global__ void __launch_bounds__(256) streaming_kernel(const uint4* x, uint4* y, int turns) {
  uint4 sum = {};
  for (int i = 0; i < turns; ++i) {
    const uint4* at = x + i * 1024 + threadIdx.x;
    const uint4 a = at[0], b = at[256], c = at[512], d = at[768];
    sum.x += a.x ^ b.x ^ c.x ^ d.x;
    sum.y += a.y ^ b.y ^ c.y ^ d.y;
    sum.z += a.z ^ b.z ^ c.z ^ d.z;
    sum.w += a.w ^ b.w ^ c.w ^ d.w;
  }
  y[threadIdx.x] = sum;
}
