// kv_store: a block per token; in the packed format a wave per group of 128 latents, which finds the group's
// largest magnitude by shuffles, so that no barrier is needed. Bytes: both inputs once, one cache row
// written: bound by memory, or at few tokens by the launch. Not measured on a card.
#include "kernels_gpu/common/elements.h"
#include "kernels_gpu/common/wave.h"
#include "kernels_gpu/kv_store/launch.h"

namespace tamis::gpu {
namespace {

constexpr std::int64_t kGroup = 128;  // latents that share a scale
constexpr unsigned kThreads = 256;

__device__ std::int64_t lesser(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

// Loops over elements are not unrolled: a row is a few per thread, and each copy of a load that switches on
// the element type costs scalar registers, of which there are too few.
__device__ void store_plain(const KvStore& args, std::int64_t t, std::int64_t slot) {
#pragma unroll 1
  for (std::int64_t i = threadIdx.x; i < args.c + args.r; i += blockDim.x) {
    const float value = i < args.c ? load_element(args.latent, t, i) : load_element(args.rope, t, i - args.c);
    store_element(args.cache, slot, i, value);
  }
}

// C may be odd, so neither the scales nor the bf16 values need be aligned.
__device__ void store_packed(const KvStore& args, std::int64_t t, std::int64_t slot) {
  auto* row = static_cast<std::uint8_t*>(args.cache.data) + slot * args.cache.stride;
  const std::int64_t groups = (args.c + kGroup - 1) / kGroup;
  for (std::int64_t group = wave_id(); group < groups; group += waves_per_block()) {
    const std::int64_t begin = group * kGroup, end = lesser(begin + kGroup, args.c);
    float amax = 0;
#pragma unroll 1
    for (std::int64_t i = begin + lane_id(); i < end; i += wave_size()) {
      const float magnitude = fabsf(load_element(args.latent, t, i));
      amax = magnitude > amax ? magnitude : amax;  // NaN is passed over
    }
    const float scale = numeric::latent_scale(wave_reduce<Max>(amax));
#pragma unroll 1
    for (std::int64_t i = begin + lane_id(); i < end; i += wave_size()) {
      row[i] = scaled_code(load_element(args.latent, t, i), scale);
    }
    if (lane_id() == 0) memcpy(row + args.c + group * 4, &scale, 4);
  }
  std::uint8_t* rope = row + args.c + groups * 4;
#pragma unroll 1
  for (std::int64_t i = threadIdx.x; i < args.r; i += blockDim.x) {
    const std::uint16_t code = numeric::float_to_bf16(load_element(args.rope, t, i));
    memcpy(rope + i * 2, &code, 2);
  }
}

// Two kernels: one with both formats would need more scalar registers than there are.
template <bool packed>
__global__ void __launch_bounds__(kThreads) kv_store_kernel(KvStore args) {
  for (std::int64_t t = blockIdx.x; t < args.tokens; t += gridDim.x) {
    const std::int64_t slot = args.slot.data[t * args.slot.stride];
    if (slot < 0 || slot >= args.slots) continue;  // padding
    if constexpr (packed) {
      store_packed(args, t, slot);
    } else {
      store_plain(args, t, slot);
    }
  }
}

}  // namespace

Error launch_kv_store(const KvStore& args, Stream stream) {
  if (args.tokens == 0) return kNoError;
  const dim3 grid(grid_of(args.tokens));
  if (args.packed_fp8) {
    TAMIS_LAUNCH((kv_store_kernel<true>), grid, dim3(kThreads), 0, stream, args);
  } else {
    TAMIS_LAUNCH((kv_store_kernel<false>), grid, dim3(kThreads), 0, stream, args);
  }
  return launch_error();
}

}  // namespace tamis::gpu
