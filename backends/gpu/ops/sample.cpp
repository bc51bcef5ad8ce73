// Portable row of sample on CUDA and HIP.
#include "core/ops/sample/sample.h"

#include <algorithm>

#include "backends/gpu/operands.h"
#include "kernels_gpu/sample/launch.h"

namespace tamis::gpu {
namespace {

using namespace sample_operand;

static_assert(kMaxSampleVocabulary <= std::int64_t{1} << 22, "the kernel's ranks hold ids of 22 bits");

std::int64_t workspace(const DeviceInfo&, const OpCall& call) {
  const TensorDesc& logits = call[kLogits].desc;
  return 8 * logits.dim(1) * std::min(kSampleBlocks, logits.dim(0));
}

Sample arguments(const OpCall& call, std::byte* workspace) {
  return {.logits = data<float>(call[kLogits]),
          .logits_stride = call[kLogits].desc.stride(0),
          .temperature = data<float>(call[kTemperature]),
          .top_k = data<std::int32_t>(call[kTopK]),
          .top_p = data<float>(call[kTopP]),
          .min_p = data<float>(call[kMinP]),
          .repetition = data<float>(call[kRepetition]),
          .presence = data<float>(call[kPresence]),
          .frequency = data<float>(call[kFrequency]),
          .counts = ints_of(call[kCounts]),
          .seed = ints_of(call[kSeed]),
          .position = data<std::int32_t>(call[kPosition]),
          .token = data<std::int32_t>(call[kToken]),
          .logprob = data<float>(call[kLogprob]),
          .weights = reinterpret_cast<std::uint64_t*>(workspace),
          .rows = call[kLogits].desc.dim(0),
          .width = call[kLogits].desc.dim(1)};
}

constexpr KernelRow kRows[] = {
    {.name = TAMIS_GPU_ROOM ".sample.portable",
     .op = "sample",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accept_any,
     .workspace = workspace,
     .launch = launch_with_workspace<&arguments, &launch_sample>},
};

}  // namespace

std::span<const KernelRow> rows_sample() { return kRows; }

}  // namespace tamis::gpu
