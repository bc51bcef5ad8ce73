// Which slots of the latent cache a token attends to: count(args, t) entries, of which at(args, t, i) is the
// slot of one, -1 for none.
#pragma once

#include "kernels_gpu/common/caches.h"
#include "kernels_gpu/common/latent_attention.h"

namespace tamis::gpu {

// Those that its list names: sparse_mla.
struct ListedKeys {
  __device__ static std::int64_t count(const LatentAttention& args, std::int64_t t) {
    const std::int64_t length =
        args.length.data != nullptr ? args.length.data[t * args.length.stride] : args.k;
    return length < 0 ? 0 : length < args.k ? length : args.k;
  }
  __device__ static std::int64_t at(const LatentAttention& args, std::int64_t t, std::int64_t i) {
    return args.slots.data[t * args.slots.stride + i];
  }
};

// All positions that it sees of its paged sequence: dense_mla.
struct PagedKeys {
  __device__ static std::int64_t count(const LatentAttention& args, std::int64_t t) {
    const std::int64_t seen = args.ke.data[t * args.ke.stride],
                       most = args.table.width * args.table.page_size;
    return seen < 0 ? 0 : seen < most ? seen : most;
  }
  __device__ static std::int64_t at(const LatentAttention& args, std::int64_t t, std::int64_t i) {
    return paged_slot(args.table, args.sequence.data[t * args.sequence.stride], i);
  }
};

}  // namespace tamis::gpu
