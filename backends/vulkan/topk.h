// shaders/topk_select, as the rows of topk_select and indexer_topk dispatch them.
#pragma once

#include <cmath>

#include "backends/vulkan/sheet.h"

namespace tamis::vulkan {

// As in shaders/topk_select/arguments.glsl.
struct TopkArguments {
  std::uint64_t scores = 0, ks = 0, ke = 0, idx = 0, count = 0;  // ks 0: absent
  std::uint64_t scores_stride = 0, idx_stride = 0;               // bytes
  std::uint32_t rows = 0, k = 0, width = 0, sample_rank = 0;
};

// A rank r among a 16th of the scores, such that 16 r of all, give or take 16 sqrt(r), are as good or better:
// 3.5 of these above k.
inline std::uint32_t sample_rank(std::int32_t k) {
  const double root = (3.5 + std::sqrt(3.5 * 3.5 + k / 4.0)) / 2;
  return static_cast<std::uint32_t>(root * root) + 1;
}

// Of sampled.comp.
inline Reason accept_sampled(const DeviceInfo& device, std::int32_t k) {
  constexpr std::int32_t kMost =
      2048;  // with more, too many rows have more candidates than there is room for
  constexpr std::int64_t kShared = 8 * 3584 + 4 * (256 + 256 + 16 + 6);  // candidates, bins, scans
  if (k > kMost) return reason::size("k", k, "up to 2048");
  return accept_shared_memory(device, kShared);
}

inline Status dispatch_topk(VulkanQueue& recorder, const char* shader, const TopkArguments& arguments) {
  return recorder.dispatch({shader, {}}, arguments, arguments.rows);
}

}  // namespace tamis::vulkan
