// Copies of rows (shaders/common/copy_rows.comp), as gather_rows, concat and moe_permute launch them.
#pragma once

#include "backends/vulkan/sheet.h"

namespace tamis::vulkan {

struct CopyRows {
  Planes from, to;
  std::uint64_t index = 0;  // 0: none
  std::uint32_t rows = 0, source_rows = 0, width = 0;
};

// The largest unit of a copy that divides all of these bytes.
inline std::uint32_t copy_unit(std::initializer_list<std::uint64_t> bytes) {
  std::uint64_t all = 0;
  for (std::uint64_t each : bytes) all |= each;
  return all % 16 == 0 ? 16 : all % 4 == 0 ? 4 : all % 2 == 0 ? 2 : 1;
}

// Row r of `to` = row index[r] of `from`; `width_bytes` of each.
inline Status copy_rows(VulkanQueue& recorder, CopyRows copy, std::int64_t width_bytes) {
  const std::uint32_t unit =
      copy_unit({copy.from.data, copy.from.stride0, copy.from.stride1, copy.from.stride2, copy.to.data,
                 copy.to.stride0, copy.to.stride1, copy.to.stride2, static_cast<std::uint64_t>(width_bytes)});
  const std::int64_t width = width_bytes / unit;
  copy.width = static_cast<std::uint32_t>(width);
  return dispatch_sheet(recorder, {"common/copy_rows", {unit}}, copy, copy.rows, width);
}

inline std::int64_t row_bytes(const Tensor& tensor) {
  return tensor.desc.dim(-1) * static_cast<std::int64_t>(dtype_size(tensor.desc.dtype));
}

// y[r] = x[index[r]], zeros for an index that x has no row of.
inline Status gather_rows(VulkanQueue& recorder, const Tensor& x, std::uint64_t index, const Tensor& y) {
  return copy_rows(recorder,
                   {.from = planes_of(x),
                    .to = planes_of(y),
                    .index = index,
                    .rows = static_cast<std::uint32_t>(row_count(y.desc)),
                    .source_rows = static_cast<std::uint32_t>(row_count(x.desc))},
                   row_bytes(x));
}

// Rows are copied in units of at least a byte.
inline Reason accept_copy(const char* name, const Tensor& tensor) {
  Reason bad = accept_rows(name, row_count(tensor.desc));
  return bad.accepted() ? accept_width(name, row_bytes(tensor)) : bad;
}

}  // namespace tamis::vulkan
