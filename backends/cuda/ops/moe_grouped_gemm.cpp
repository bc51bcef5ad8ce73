// CUDA rows of moe_grouped_gemm: wgmma on e4m3 (Hopper), mma.sync on e4m3 (sm_89 on) and on
// 16 bits.
#include "core/ops/moe_grouped_gemm/moe_grouped_gemm.h"

#include "backends/cuda/grouped_gemm_call.h"

namespace tamis::cuda {
namespace {

using namespace moe_grouped_gemm_operand;

GroupedCall grouped(const OpCall& call) {
  return {call[kX], call[kWeight], call[kY], pointer<const std::int32_t>(call[kOffsets]),
          call.as<MoeGroupedGemmParams>().act_quant};
}

Status zero_rest(CudaQueue& queue, const OpCall& call) {
  return queue.launched(zero_tail(matrix(call[kY]), pointer<const std::int32_t>(call[kOffsets]),
                                  call[kWeight].desc.dim(0), call[kX].desc.dim(0), call[kWeight].desc.dim(1),
                                  queue.stream()));
}

template <Reason (*accept_call)(const GroupedCall&)>
Reason accepts(const DeviceInfo&, const OpCall& call) {
  return accept_call(grouped(call));
}

Reason accepts_fp8_mma(const DeviceInfo& device, const OpCall& call) {
  return accept_grouped_fp8_mma(device, grouped(call));
}

template <std::int64_t (*bytes)(const GroupedCall&)>
std::int64_t workspace(const DeviceInfo&, const OpCall& call) {
  return bytes(grouped(call));
}

template <Status (*run)(CudaQueue&, const GroupedCall&, const Scratch&)>
Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  auto& cuda_queue = static_cast<CudaQueue&>(queue);
  TAMIS_RETURN_IF_ERROR(run(cuda_queue, grouped(call), scratch));
  return zero_rest(cuda_queue, call);
}

constexpr KernelRow kRows[] = {
    {.name = "cuda.moe_grouped_gemm.wgmma_sm90_fp8",
     .op = "moe_grouped_gemm",
     .families = "wgmma deep_gemm",
     .needs = {.arch_min = 90, .arch_max = 100},
     .numerics = {.accuracy = "e4m3_act", .invariance = Invariance::kBatch},
     .accepts = accepts<&accept_grouped_fp8>,
     .weight_layout = tiles_layout,
     .pack = pack_tiles,
     .workspace = workspace<&grouped_fp8_workspace>,
     .launch = launch<&launch_grouped_fp8>},
    {.name = "cuda.moe_grouped_gemm.mma_sm89_fp8",
     .op = "moe_grouped_gemm",
     .families = "mma",
     .needs = {.arch_min = 89},
     .numerics = {.accuracy = "e4m3_act", .invariance = Invariance::kBatch},
     .accepts = accepts_fp8_mma,
     .weight_layout = tiles_layout,
     .pack = pack_tiles,
     .workspace = workspace<&grouped_fp8_workspace>,
     .launch = launch<&launch_grouped_fp8_mma>},
    {.name = "cuda.moe_grouped_gemm.mma_sm80",
     .op = "moe_grouped_gemm",
     .families = "mma",
     .needs = {.arch_min = 80},
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accepts<&accept_grouped_mma>,
     .weight_layout = tiles_layout,
     .pack = pack_tiles,
     .workspace = workspace<&grouped_mma_workspace>,
     .launch = launch<&launch_grouped_mma>},
};

}  // namespace

std::span<const KernelRow> rows_moe_grouped_gemm() { return kRows; }

}  // namespace tamis::cuda
