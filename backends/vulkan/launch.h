// What the rows of this backend share: operands as addresses, and what they accept.
#pragma once

#include "backends/vulkan/queue.h"
#include "core/graph/op_call.h"

namespace tamis::vulkan {

inline constexpr Features kNeeds = {.all_of = kBufferAddress};
// Of rows on cooperative matrices: subgroups of 32 with full control over their size, and 16x16x16 products
// of f16 with f32 sums.
inline constexpr Features kNeedsMatrices = {.all_of = kBufferAddress | kWave32 | kSubgroupSizeControl |
                                                      kCoopmatF16};

// Of a shader that only newer compilers know.
inline Reason accept_built(std::string_view shader) {
  return has_shader(shader) ? accept() : reject("this build's shader compiler knows no cooperative matrices");
}

inline std::uint64_t address(Buffer* buffer, std::int64_t offset) {
  return static_cast<VulkanBuffer*>(buffer)->address() + static_cast<std::uint64_t>(offset);
}
// 0 for an absent operand.
inline std::uint64_t address(const Tensor& tensor) {
  return tensor.present() ? address(tensor.buffer, tensor.offset) : 0;
}

// Bytes from one row (along axis 0) to the next.
inline std::uint64_t row_stride(const Tensor& tensor) {
  return static_cast<std::uint64_t>(tensor.desc.stride(0)) * dtype_size(tensor.desc.dtype);
}

inline std::uint32_t dim(const Tensor& tensor, int axis) {
  return static_cast<std::uint32_t>(tensor.desc.dim(axis));
}

// Shaders number element types as tamis::DType (shaders/common/types.glsl).
inline std::uint32_t type_of(const Tensor& tensor) { return static_cast<std::uint32_t>(tensor.desc.dtype); }

inline Reason accept_activation(const char* name, const Tensor& tensor) {
  const DType dtype = tensor.desc.dtype;
  if (dtype == DType::kF32 || dtype == DType::kBF16 || dtype == DType::kF16) return accept();
  return reason::dtype(name, dtype_name(dtype), "f32, bf16, f16");
}

// Shaders count the elements of a row in 32 bits; rows lie at 64-bit addresses.
inline Reason accept_width(const char* what, std::int64_t width) {
  return width <= 0x7fffffff ? accept() : reason::size(what, width, "up to 2^31 - 1");
}

inline VulkanQueue& as_vulkan(Queue& queue) { return static_cast<VulkanQueue&>(queue); }

}  // namespace tamis::vulkan
