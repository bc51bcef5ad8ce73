// CUDA row of kv_store.
#include "core/ops/kv_store/kv_store.h"

#include "backends/cuda/tensor_args.h"
#include "kernels_cuda/kv_store/launch.h"

namespace tamis::cuda {
namespace {

using namespace kv_store_operand;

Status launch(Queue& queue, const OpCall& call, const Scratch&) {
  auto& cuda_queue = static_cast<CudaQueue&>(queue);
  const auto& params = call.as<KvStoreParams>();
  const TensorDesc& cache = call[kCache].desc;
  const KvStoreArgs args{.latent = const_matrix(call[kLatent]),
                         .k_rope = const_matrix(call[kKRope]),
                         .slot = pointer<const std::int32_t>(call[kSlot]),
                         .cache = address(call[kCache]),
                         .row_stride = cache.stride(0),
                         .slots = cache.dim(0),
                         .tokens = call[kLatent].desc.dim(0),
                         .c = params.c,
                         .r = params.r};
  return cuda_queue.launched(params.format == KvFormat::kPackedFp8
                                 ? kv_store_packed(args, cuda_queue.stream())
                                 : kv_store_plain(args, element_of(cache.dtype), cuda_queue.stream()));
}

constexpr KernelRow kRows[] = {{.name = "cuda.kv_store.portable",
                                .op = "kv_store",
                                .families = "portable",
                                .needs = {.arch_min = 80},
                                .numerics = {.invariance = Invariance::kBatch},
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_kv_store() { return kRows; }

}  // namespace tamis::cuda
