// What the rows of topk_select share.
#pragma once

#include "core/ops/topk_select/topk_select.h"

#include "backends/gpu/operands.h"
#include "kernels_gpu/topk_select/launch.h"

namespace tamis::gpu {

inline Reason accepts_topk_select(const DeviceInfo&, const OpCall& call) {
  const std::int64_t width = call[topk_select_operand::kScores].desc.dim(1);
  return width <= 0x7fffffff ? accept() : reason::size("S", width, "up to 2^31 - 1");
}

inline TopkSelect topk_select_arguments(const OpCall& call) {
  using namespace topk_select_operand;
  return {.scores = data<float>(call[kScores]),
          .scores_stride = call[kScores].desc.stride(0),
          .ks = ints_of(call[kKs]),
          .ke = ints_of(call[kKe]),
          .idx = ints_of(call[kIdx]),
          .count = ints_of(call[kCount]),
          .tokens = call[kScores].desc.dim(0),
          .width = call[kScores].desc.dim(1),
          .k = call.as<TopkSelectParams>().k};
}

}  // namespace tamis::gpu
