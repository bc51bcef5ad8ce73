// Launches over the elements of rows (shaders/common/sheet.glsl), and rows of tensors of any rank
// (shaders/common/planes.glsl).
#pragma once

#include "backends/vulkan/launch.h"

namespace tamis::vulkan {

inline constexpr std::size_t kSheetConstant = 7;  // of kAcross

struct Sheet {
  std::uint32_t across = 0;
  std::int64_t groups = 0;
};

inline Sheet sheet_of(std::int64_t rows, std::int64_t width) {
  constexpr std::int64_t kThreads = 256, kPerThread = 4;
  std::int64_t across = kThreads;
  while (across > 8 && across / 2 * kPerThread >= width) across /= 2;
  const std::int64_t columns = across * kPerThread, down = kThreads / across;
  return {static_cast<std::uint32_t>(across), (rows + down - 1) / down * ((width + columns - 1) / columns)};
}

// Dispatches `kernel`, whose last constant becomes kAcross.
template <class Arguments>
Status dispatch_sheet(VulkanQueue& recorder, Kernel kernel, const Arguments& arguments, std::int64_t rows,
                      std::int64_t width) {
  static_assert(sizeof(Arguments) <= kPushBytes);
  const Sheet sheet = sheet_of(rows, width);
  kernel.constants[kSheetConstant] = sheet.across;
  return recorder.dispatch(kernel, arguments, sheet.groups);
}

// As in planes.glsl.
struct Planes {
  std::uint64_t data = 0;
  std::uint64_t stride0 = 0, stride1 = 0, stride2 = 0;  // bytes
  std::uint32_t dim1 = 1, dim2 = 1;
};

inline std::int64_t row_count(const TensorDesc& desc) {
  std::int64_t count = 1;
  for (int axis = 0; axis + 1 < desc.rank; ++axis) count *= desc.dim(axis);
  return count;
}

inline Planes planes_of(const Tensor& tensor) {
  const TensorDesc& desc = tensor.desc;
  const auto stride = [&](int axis) {
    return static_cast<std::uint64_t>(desc.stride(axis)) * dtype_size(desc.dtype);
  };
  Planes planes{.data = address(tensor)};
  if (desc.rank >= 2) {
    planes.dim2 = dim(tensor, -2);
    planes.stride2 = stride(-2);
  }
  if (desc.rank >= 3) {
    planes.dim1 = dim(tensor, -3);
    planes.stride1 = stride(-3);
  }
  if (desc.rank >= 4) planes.stride0 = stride(-4);
  return planes;
}

// Shaders number rows with 32 bits.
inline Reason accept_rows(const char* what, std::int64_t rows) {
  return rows <= 0x7fffffff ? accept() : reason::size(what, rows, "up to 2^31 - 1");
}

// What shaders count: the rows of a tensor, and the elements of a row.
inline Reason accept_sheet(const char* name, const Tensor& tensor) {
  Reason bad = accept_rows(name, row_count(tensor.desc));
  return bad.accepted() ? accept_width(name, tensor.desc.dim(-1)) : bad;
}

// Vulkan promises 16 KB of shared memory; every desktop GPU has 32 or more.
inline Reason accept_shared_memory(const DeviceInfo& device, std::int64_t bytes) {
  if (device.local_memory_bytes >= bytes) return accept();
  return reject("a work group has {} bytes of shared memory, the row takes {}", device.local_memory_bytes,
                bytes);
}

}  // namespace tamis::vulkan
