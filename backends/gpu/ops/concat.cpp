// Portable row of concat on CUDA and HIP.
#include "core/ops/concat/concat.h"

#include "backends/gpu/planes.h"

namespace tamis::gpu {
namespace {

using namespace concat_operand;

CopyRows arguments(const OpCall& call) {
  CopyRows copy;
  copy.unit = copy_unit(call[kY], copy_unit(call[kB], copy_unit(call[kA], 16)));
  copy.first = copy_source(call[kA], copy.unit);
  copy.second = copy_source(call[kB], copy.unit);
  copy.to = planes_in_units(call[kY], copy.unit);
  copy.rows = row_count(call[kY].desc);
  copy.source_rows = copy.rows;
  return copy;
}

constexpr KernelRow kRows[] = {
    {.name = TAMIS_GPU_ROOM ".concat.portable",
     .op = "concat",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accept_any,
     .launch = launch<&arguments, &launch_copy_rows>},
};

}  // namespace

std::span<const KernelRow> rows_concat() { return kRows; }

}  // namespace tamis::gpu
