// Portable row of hadamard on CUDA and HIP.
#include "core/ops/hadamard/hadamard.h"

#include <algorithm>
#include <cmath>

#include "backends/gpu/operands.h"
#include "kernels_gpu/hadamard/launch.h"

namespace tamis::gpu {
namespace {

using namespace hadamard_operand;

std::int64_t workspace(const DeviceInfo&, const OpCall& call) {
  const TensorDesc& x = call[kX].desc;
  if (x.dim(-1) <= kLocalHadamard) return 0;
  return 4 * x.dim(-1) * std::min(kHadamardBlocks, x.dim(0) * heads_of(call[kX]));
}

Hadamard arguments(const OpCall& call, std::byte* memory) {
  const std::int64_t width = call[kX].desc.dim(-1);
  return {.x = vectors_of(call[kX]),
          .y = vectors_of(call[kY]),
          .tokens = call[kX].desc.dim(0),
          .heads = heads_of(call[kX]),
          .width = width,
          .factor = static_cast<float>(1.0 / std::sqrt(static_cast<double>(width))),
          .workspace = width > kLocalHadamard ? reinterpret_cast<float*>(memory) : nullptr};
}

constexpr KernelRow kRows[] = {
    {.name = TAMIS_GPU_ROOM ".hadamard.portable",
     .op = "hadamard",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accept_any,
     .workspace = workspace,
     .launch = launch_with_workspace<&arguments, &launch_hadamard>},
};

}  // namespace

std::span<const KernelRow> rows_hadamard() { return kRows; }

}  // namespace tamis::gpu
