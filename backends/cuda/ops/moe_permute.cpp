// CUDA row of moe_permute: the sort, then the copies.
#include "core/ops/moe_permute/moe_permute.h"

#include "backends/cuda/tensor_args.h"
#include "kernels_cuda/moe_permute/launch.h"

namespace tamis::cuda {
namespace {

using namespace moe_permute_operand;

Status launch(Queue& queue, const OpCall& call, const Scratch&) {
  auto& cuda_queue = static_cast<CudaQueue&>(queue);
  const std::int32_t experts = call.as<MoePermuteParams>().n_experts;
  const std::int64_t tokens = call[kIds].desc.dim(0), topk = call[kIds].desc.dim(1);
  auto* row_of = pointer<std::int32_t>(call[kRowOf]);
  auto* offsets = pointer<std::int32_t>(call[kOffsets]);
  const MoeSortArgs sort{.ids = pointer<const std::int32_t>(call[kIds]),
                         .ids_stride = call[kIds].desc.stride(0),
                         .tokens = tokens,
                         .topk = topk,
                         .n_experts = experts,
                         .row_of = row_of,
                         .offsets = offsets,
                         .dependent = false};
  TAMIS_RETURN_IF_ERROR(cuda_queue.launched(moe_sort(sort, cuda_queue.stream())));
  const MoeGatherArgs gather{.x = const_matrix(call[kX]),
                             .row_of = row_of,
                             .total = offsets + experts,
                             .xp = address(call[kXp]),
                             .tokens = tokens,
                             .topk = topk,
                             .hidden = call[kX].desc.dim(1)};
  return cuda_queue.launched(moe_gather(gather, cuda_queue.stream()));
}

constexpr KernelRow kRows[] = {{.name = "cuda.moe_permute.sort_sm80",
                                .op = "moe_permute",
                                .families = "triton",
                                .needs = {.arch_min = 80},
                                .launch = launch}};

}  // namespace

std::span<const KernelRow> rows_moe_permute() { return kRows; }

}  // namespace tamis::cuda
