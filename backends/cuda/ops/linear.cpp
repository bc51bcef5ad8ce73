// CUDA rows of linear (linear_rows.h), before those that every GPU has.
#include "core/ops/linear/linear.h"

#include "backends/cuda/linear_rows.h"

namespace tamis::cuda {
namespace {

constexpr KernelRow kRows[] = {kLinearDecode,    kLinearWgmma,  kLinearGemv, kLinearCublas,
                               kLinearCublasFp8, kLinearMmaFp8, kLinearMma};

}  // namespace

std::span<const KernelRow> rows_linear() { return kRows; }

}  // namespace tamis::cuda
