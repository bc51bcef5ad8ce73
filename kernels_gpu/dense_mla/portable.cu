// dense_mla: attention over all positions that a token sees of its paged sequence. How it is laid out and
// what bounds it: kernels_gpu/common/latent_attention_kernel.h. Tokens do not share the keys they load.
#include "kernels_gpu/common/latent_attention_kernel.h"
#include "kernels_gpu/common/latent_keys.h"
#include "kernels_gpu/dense_mla/launch.h"

namespace tamis::gpu {

Error launch_dense_mla(const LatentAttention& args, Stream stream) {
  return launch_latent_attention<PagedKeys>(args, stream);
}

}  // namespace tamis::gpu
