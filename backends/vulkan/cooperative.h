// VK_KHR_cooperative_matrix and VK_KHR_shader_bfloat16, for headers that are older than they are, and what a
// device says about them.
#pragma once

#include "backends/vulkan/instance.h"

namespace tamis::vulkan {

// As in the registry. Own names, so that newer headers do no harm.
inline constexpr const char* kCooperativeMatrixExtension = "VK_KHR_cooperative_matrix";
inline constexpr const char* kShaderBf16Extension = "VK_KHR_shader_bfloat16";

struct CooperativeMatrixFeatures {
  VkStructureType sType = static_cast<VkStructureType>(1000506000);
  void* pNext = nullptr;
  VkBool32 cooperativeMatrix = VK_FALSE;
  VkBool32 cooperativeMatrixRobustBufferAccess = VK_FALSE;
};

struct ShaderBf16Features {
  VkStructureType sType = static_cast<VkStructureType>(1000141000);
  void* pNext = nullptr;
  VkBool32 shaderBFloat16Type = VK_FALSE;
  VkBool32 shaderBFloat16DotProduct = VK_FALSE;
  VkBool32 shaderBFloat16CooperativeMatrix = VK_FALSE;
};

struct CooperativeMatrixShape {
  VkStructureType sType = static_cast<VkStructureType>(1000506001);
  void* pNext = nullptr;
  std::uint32_t m = 0, n = 0, k = 0;
  std::int32_t a = 0, b = 0, c = 0, result = 0;  // VkComponentTypeKHR
  VkBool32 saturating = VK_FALSE;
  std::int32_t scope = 0;  // VkScopeKHR
};

// Bits of DeviceInfo::features, and the shapes as text: "f16 f32 16x16x16 16x8x16; s8 s32 16x16x32".
struct CooperativeMatrices {
  std::uint64_t features = 0;
  std::string shapes;
};

// Of a device that has the extension and its feature.
Result<CooperativeMatrices> cooperative_matrices(const InstanceApi& vk, VkPhysicalDevice handle);

}  // namespace tamis::vulkan
