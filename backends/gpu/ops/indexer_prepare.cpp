// Portable row of indexer_prepare on CUDA and HIP.
#include "core/ops/indexer_prepare/indexer_prepare.h"

#include <cmath>

#include "backends/gpu/operands.h"
#include "kernels_gpu/indexer_prepare/launch.h"

namespace tamis::gpu {
namespace {

using namespace indexer_prepare_operand;

Reason accepts(const DeviceInfo&, const OpCall& call) {
  const std::int64_t dim = call[kQ].desc.dim(2);
  return dim <= kIndexVector ? accept() : reason::size("Di", dim, "up to 8192");
}

IndexerPrepare arguments(const OpCall& call) {
  const auto& params = call.as<IndexerPrepareParams>();
  const std::int64_t dim = call[kQ].desc.dim(2);
  return {.q = vectors_of(call[kQ]),
          .q_out = vectors_of(call[kQOut]),
          .q_scale = data<float>(call[kQScale]),
          .k = rows_of(call[kK]),
          .inv_freq = data<float>(call[kInvFreq]),
          .positions = ints_of(call[kPositions]),
          .slot = ints_of(call[kSlot]),
          .cache = index_cache_of(call[kCache], params.format, params.page_size, dim),
          .tokens = call[kQ].desc.dim(0),
          .heads = call[kQ].desc.dim(1),
          .half = call[kInvFreq].desc.dim(0),
          .interleaved = params.pairing == RopePairing::kInterleaved,
          .pow2 = params.pow2,
          .factor = static_cast<float>(1.0 / std::sqrt(static_cast<double>(dim)))};
}

constexpr KernelRow kRows[] = {
    {.name = TAMIS_GPU_ROOM ".indexer_prepare.portable",
     .op = "indexer_prepare",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accepts,
     .launch = launch<&arguments, &launch_indexer_prepare>},
};

}  // namespace

std::span<const KernelRow> rows_indexer_prepare() { return kRows; }

}  // namespace tamis::gpu
