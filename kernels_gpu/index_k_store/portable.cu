// index_k_store: a wave per token. A key read, a cache row written: bound by memory, or at few tokens by the
// launch. Not measured on a card.
#include "kernels_gpu/common/caches.h"
#include "kernels_gpu/common/wave.h"
#include "kernels_gpu/index_k_store/launch.h"

namespace tamis::gpu {
namespace {

constexpr unsigned kThreads = 128;

template <bool paged>
__global__ void __launch_bounds__(kThreads) index_k_store_kernel(IndexKStore args) {
  const std::int64_t waves = static_cast<std::int64_t>(gridDim.x) * waves_per_block();
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * waves_per_block() + wave_id();
  for (std::int64_t t = first; t < args.tokens; t += waves) {
    const std::int64_t slot = args.slot.data[t * args.slot.stride];
    if (slot < 0 || slot >= args.cache.slots) continue;  // padding
    const std::int64_t key = index_key_at(args.cache, slot);
#pragma unroll 1
    for (std::int64_t i = lane_id(); i < args.cache.dim; i += wave_size()) {
      if constexpr (paged) {  // codes as they are
        static_cast<std::uint8_t*>(args.cache.data)[key + i] =
            static_cast<const std::uint8_t*>(args.k.data)[t * args.k.stride + i];
      } else {
        store_element(args.cache.element, args.cache.data, key + i, load_element(args.k, t, i));
      }
    }
    if constexpr (paged) {
      if (lane_id() == 0) memcpy(index_scale_at(args.cache, slot), args.scale + t * args.scale_stride, 4);
    }
  }
}

}  // namespace

Error launch_index_k_store(const IndexKStore& args, Stream stream) {
  if (args.tokens == 0) return kNoError;
  const std::int64_t tokens_per_block = kThreads / 64;
  const dim3 grid(grid_of((args.tokens + tokens_per_block - 1) / tokens_per_block));
  if (args.cache.element == Element::kE4M3) {
    TAMIS_LAUNCH(index_k_store_kernel<true>, grid, dim3(kThreads), 0, stream, args);
  } else {
    TAMIS_LAUNCH(index_k_store_kernel<false>, grid, dim3(kThreads), 0, stream, args);
  }
  return launch_error();
}

}  // namespace tamis::gpu
