// dense_mla: attention over all positions that a token sees of its paged sequence. How it is laid out and
// what bounds it: kernels_gpu/common/latent_attention_kernel.h. Tokens do not share the keys they load.
#include "kernels_gpu/common/latent_attention_kernel.h"
#include "kernels_gpu/dense_mla/launch.h"

namespace tamis::gpu {
namespace {

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

}  // namespace

Error launch_dense_mla(const LatentAttention& args, Stream stream) {
  return launch_latent_attention<PagedKeys>(args, stream);
}

}  // namespace tamis::gpu
