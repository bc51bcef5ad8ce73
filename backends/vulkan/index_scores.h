// shaders/indexer_scores/portable.comp, as the rows of indexer_scores and indexer_topk dispatch it: both get
// the same bits.
#pragma once

#include "backends/vulkan/caches.h"

namespace tamis::vulkan {

struct IndexScores {
  VectorArguments q;
  IndexCacheArguments keys;
  PageTableArguments table;
  std::uint64_t w = 0, w_stride = 0, q_scale = 0, q_scale_stride = 0;
  std::uint64_t key_scale = 0, sequence = 0, ks = 0, ke = 0;  // 0: absent
  // Columns [first_key, first_key + keys_count) of tokens [first_token, first_token + tokens); `scores` is
  // where the first of them goes.
  std::uint64_t scores = 0, scores_stride = 0;  // bytes
  std::uint32_t heads = 0, max_keys = 0;
  std::uint32_t first_token = 0, tokens = 0, first_key = 0, keys_count = 0;
  std::uint32_t min_keys = 0;  // tokens that see fewer are passed over
  float scale = 1;
  std::uint32_t tokens_each = 1, unused = 0;  // prefill_coopmat: tokens of a work group
};
static_assert(sizeof(IndexScores) > kPushBytes, "the shader takes them by address");

// What both ops have under their own names.
struct IndexQueries {
  const Tensor &q, &w, &q_scale;
};

inline IndexScores index_scores(const IndexQueries& in, float scale) {
  IndexScores args;
  args.q = vectors_of(in.q);
  args.w = address(in.w);
  args.w_stride = row_stride(in.w);
  args.q_scale = address(in.q_scale);
  args.q_scale_stride = in.q_scale.present() ? row_stride(in.q_scale) : 0;
  args.heads = dim(in.q, 1);
  args.scale = scale;
  return args;
}

inline constexpr std::int64_t kIndexScoresShared = 22 << 10;  // with 64 heads

inline Reason accept_index_scores(const DeviceInfo& device, std::int64_t max_keys) {
  Reason bad = accept_shared(device, kIndexScoresShared);
  return bad.accepted() ? accept_width("max_keys", max_keys) : bad;
}

// Element types, and whether keys lie in pages.
inline Kernel index_scores_kernel(std::uint32_t q_type, std::uint32_t key_type, bool paged,
                                  std::uint32_t heads) {
  const std::uint32_t threads = heads <= 8 ? 32 : heads <= 16 ? 64 : heads <= 32 ? 128 : 256;
  return {"indexer_scores/portable", {q_type, key_type, paged ? 1u : 0u, threads}};
}

inline Status dispatch_index_scores(VulkanQueue& recorder, const Kernel& kernel, const IndexScores& args) {
  constexpr std::int64_t kKeys = 64;  // of a work group
  return recorder.dispatch(kernel, args, args.tokens * ((args.keys_count + kKeys - 1) / kKeys));
}

}  // namespace tamis::vulkan
