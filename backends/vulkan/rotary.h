// Rotations as shaders/common/rotate_heads.glsl takes them.
#pragma once

#include "backends/vulkan/caches.h"

namespace tamis::vulkan {

struct RopeArguments {
  VectorArguments x, y;
  std::uint64_t positions = 0, inv_freq = 0;
  std::uint32_t tokens = 0, heads = 0, pairs = 0, begin = 0;
  float magnitude = 1;
  std::uint32_t width = 0;
};

inline constexpr std::uint32_t kRopeHeads = 16;  // of a work group

inline std::uint32_t rope_parts(std::uint32_t heads) { return (heads + kRopeHeads - 1) / kRopeHeads; }

inline RopeArguments rope_of(const Tensor& x, const Tensor& y, const Tensor& positions,
                             const Tensor& inv_freq) {
  RopeArguments rope{vectors_of(x), vectors_of(y), address(positions), address(inv_freq)};
  rope.tokens = dim(x, 0);
  rope.heads = heads_of(x);
  rope.pairs = dim(inv_freq, 0);
  rope.width = static_cast<std::uint32_t>(x.desc.dim(-1));
  return rope;
}

}  // namespace tamis::vulkan
