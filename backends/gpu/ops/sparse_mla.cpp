// Portable rows of sparse_mla on CUDA and HIP. `split` deals the keys of a token to several blocks; how many
// depends on the number of tokens, so its sums do, too.
#include "backends/gpu/sparse_mla.h"
#include "kernels_gpu/sparse_mla/launch.h"

namespace tamis::gpu {
namespace {

using Call = SparseMlaCall;

constexpr KernelRow kRows[] = {
    {.name = TAMIS_GPU_ROOM ".sparse_mla.split",
     .op = "sparse_mla",
     .families = "portable",
     .accepts = accept_any,
     .prefers = prefers_split<&Call::most_keys>,
     .workspace = split_workspace<&Call::most_keys>,
     .launch = launch_split<&Call::arguments, &launch_sparse_mla>},
    {.name = TAMIS_GPU_ROOM ".sparse_mla.portable",
     .op = "sparse_mla",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accept_any,
     .launch = launch<&Call::arguments, &launch_sparse_mla>},
};

}  // namespace

std::span<const KernelRow> rows_sparse_mla() { return kRows; }

}  // namespace tamis::gpu
