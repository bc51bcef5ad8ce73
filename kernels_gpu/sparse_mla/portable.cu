// sparse_mla: attention over the slots that a token's list names. How it is laid out and what bounds it:
// kernels_gpu/common/latent_attention_kernel.h.
#include "kernels_gpu/common/latent_attention_kernel.h"
#include "kernels_gpu/sparse_mla/launch.h"

namespace tamis::gpu {
namespace {

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

}  // namespace

Error launch_sparse_mla(const LatentAttention& args, Stream stream) {
  return launch_latent_attention<ListedKeys>(args, stream);
}

}  // namespace tamis::gpu
