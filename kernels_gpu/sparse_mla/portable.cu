// sparse_mla: attention over the slots that a token's list names. How it is laid out and what bounds it:
// kernels_gpu/common/latent_attention_kernel.h.
#include "kernels_gpu/common/latent_attention_kernel.h"
#include "kernels_gpu/common/latent_keys.h"
#include "kernels_gpu/sparse_mla/launch.h"

namespace tamis::gpu {

Error launch_sparse_mla(const LatentAttention& args, Stream stream) {
  return launch_latent_attention<ListedKeys>(args, stream);
}

}  // namespace tamis::gpu
