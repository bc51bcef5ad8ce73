// Portable rows of dense_mla on CUDA and HIP. `split` deals the keys of a token to several blocks; how many
// depends on the number of tokens, so its sums do, too.
#include "backends/gpu/dense_mla.h"
#include "kernels_gpu/dense_mla/launch.h"

namespace tamis::gpu {
namespace {

using Call = DenseMlaCall;

constexpr KernelRow kRows[] = {
    {.name = TAMIS_GPU_ROOM ".dense_mla.split",
     .op = "dense_mla",
     .families = "portable",
     .accepts = accept_any,
     .prefers = prefers_split<&Call::most_keys>,
     .workspace = split_workspace<&Call::most_keys>,
     .launch = launch_split<&Call::arguments, &launch_dense_mla>},
    {.name = TAMIS_GPU_ROOM ".dense_mla.portable",
     .op = "dense_mla",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accept_any,
     .launch = launch<&Call::arguments, &launch_dense_mla>},
};

}  // namespace

std::span<const KernelRow> rows_dense_mla() { return kRows; }

}  // namespace tamis::gpu
