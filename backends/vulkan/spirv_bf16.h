// Shaders whose 16-bit floats stand for bf16. Compilers before glslang 15.3 have no name for that type, but
// in SPIR-V it is one operand more on OpTypeFloat (SPV_KHR_bfloat16). Such a shader does nothing with 16-bit
// floats but load them into cooperative matrices and multiply those.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace tamis::vulkan {

// By name: "sparse_mla/prefill_bf16_coopmat".
inline bool stands_for_bf16(std::string_view shader) {
  constexpr std::string_view kEnd = "_bf16_coopmat";
  return shader.size() > kEnd.size() && shader.substr(shader.size() - kEnd.size()) == kEnd;
}

// The module with bf16 in the place of f16. `words` is a valid module.
std::vector<std::uint32_t> with_bf16(std::span<const std::uint32_t> words);

}  // namespace tamis::vulkan
