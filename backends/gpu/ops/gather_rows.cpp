// Portable row of gather_rows on CUDA and HIP.
#include "core/ops/gather_rows/gather_rows.h"

#include "backends/gpu/planes.h"

namespace tamis::gpu {
namespace {

using namespace gather_rows_operand;

CopyRows arguments(const OpCall& call) { return gather(call[kX], ints_of(call[kRows]), call[kY]); }

constexpr KernelRow kTable[] = {
    {.name = TAMIS_GPU_ROOM ".gather_rows.portable",
     .op = "gather_rows",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accept_any,
     .launch = launch<&arguments, &launch_copy_rows>},
};

}  // namespace

std::span<const KernelRow> rows_gather_rows() { return kTable; }

}  // namespace tamis::gpu
