// What the rows on matrix instructions of indexer_scores and indexer_topk share.
#pragma once

#include "backends/gpu/operands.h"
#include "backends/hip/matrix_devices.h"
#include "kernels_hip/indexer_scores/launch.h"

namespace tamis::hip {

inline Reason accepts_matrix_scores(const gpu::IndexerScores& args, const Tensor& q, const Tensor& keys) {
  if (args.q.element != gpu::Element::kBF16 && args.q.element != gpu::Element::kE4M3) {
    return reason::dtype("q", dtype_name(q.desc.dtype), "bf16, e4m3");
  }
  if (args.keys.element != args.q.element) {
    return reason::dtype("keys", dtype_name(keys.desc.dtype), "the dtype of q");
  }
  const std::int64_t dim = args.keys.dim;
  return dim <= kMatrixMaxDim && dim % 16 == 0 ? accept()
                                               : reason::size("Di", dim, "multiples of 16 up to 128");
}

// Tokens share the keys that a block holds once there are blocks enough to fill the device twice.
inline MatrixScores matrix_scores(const gpu::IndexerScores& args, int units) {
  constexpr std::int64_t kKeys = 256, kMostTogether = 16;
  const std::int64_t tiles = (args.keys_count + kKeys - 1) / kKeys;
  MatrixScores result{.scores = args, .together = kMostTogether};
  const bool own_keys = args.paged && args.sequence.data != nullptr && args.tokens <= args.table.sequences;
  if (own_keys) result.together = 1;
  while (result.together > 1 &&
         (args.tokens + result.together - 1) / result.together * tiles < 2 * std::int64_t{units}) {
    result.together /= 2;
  }
  return result;
}

}  // namespace tamis::hip
