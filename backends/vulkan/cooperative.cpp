#include "backends/vulkan/cooperative.h"

#include <map>
#include <vector>

#include "core/backend/device_info.h"

namespace tamis::vulkan {
namespace {

enum Component : std::int32_t { kF16 = 0, kF32 = 1, kS8 = 3, kS32 = 5, kBf16 = 1000141000 };
constexpr std::int32_t kSubgroupScope = 3;

std::string component_name(std::int32_t type) {
  switch (type) {
    case kF16: return "f16";
    case kF32: return "f32";
    case 2: return "f64";
    case kS8: return "s8";
    case 4: return "s16";
    case kS32: return "s32";
    case 7: return "u8";
    case 8: return "u16";
    case 9: return "u32";
    case kBf16: return "bf16";
    default: return fmt::format("type {}", type);
  }
}

// What rows ask for: 16x16 products with wide sums.
std::uint64_t feature_of(const CooperativeMatrixShape& shape) {
  if (shape.m != 16 || shape.n != 16 || shape.a != shape.b || shape.c != shape.result) return 0;
  if (shape.saturating != VK_FALSE) return 0;
  if (shape.a == kF16 && shape.c == kF32 && shape.k == 16) return kCoopmatF16;
  if (shape.a == kBf16 && shape.c == kF32 && shape.k == 16) return kCoopmatBf16;
  if (shape.a == kS8 && shape.c == kS32 && shape.k == 32) return kCoopmatS8;
  return 0;
}

}  // namespace

Result<CooperativeMatrices> cooperative_matrices(const InstanceApi& vk, VkPhysicalDevice handle) {
  constexpr const char* kCall = "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR";
  if (vk.get_cooperative_matrix_shapes == nullptr) return not_found("no entry point {}", kCall);
  std::uint32_t count = 0;
  TAMIS_RETURN_IF_ERROR(check(vk.get_cooperative_matrix_shapes(handle, &count, nullptr), kCall));
  std::vector<CooperativeMatrixShape> shapes(count);
  TAMIS_RETURN_IF_ERROR(check(vk.get_cooperative_matrix_shapes(handle, &count, shapes.data()), kCall));
  CooperativeMatrices found;
  std::map<std::string, std::string> by_types;
  for (const CooperativeMatrixShape& shape : shapes) {
    if (shape.scope != kSubgroupScope) continue;
    found.features |= feature_of(shape);
    std::string& sizes = by_types[component_name(shape.a) + " " + component_name(shape.result)];
    const std::string size = fmt::format(" {}x{}x{}", shape.m, shape.n, shape.k);
    if (sizes.find(size) == std::string::npos) sizes += size;
  }
  for (const auto& [types, sizes] : by_types) {
    found.shapes += (found.shapes.empty() ? "" : "; ") + types + sizes;
  }
  return found;
}

}  // namespace tamis::vulkan
