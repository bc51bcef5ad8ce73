// Operands of any rank as the kernels take them, and copies of their rows.
#pragma once

#include "backends/gpu/operands.h"
#include "kernels_gpu/common/copy_rows.h"
#include "kernels_gpu/common/planes.h"

namespace tamis::gpu {

inline std::int64_t row_count(const TensorDesc& desc) {
  std::int64_t count = 1;
  for (int axis = 0; axis + 1 < desc.rank; ++axis) count *= desc.dim(axis);
  return count;
}

// The rows of a tensor of rank 1 to 4.
inline Planes planes_of(const Tensor& tensor) {
  Planes planes;
  planes.data = data<std::byte>(tensor);
  planes.element = element_of(tensor.desc.dtype);
  const TensorDesc& desc = tensor.desc;
  if (desc.rank >= 2) {
    planes.dim2 = desc.dim(-2);
    planes.stride2 = desc.stride(-2);
  }
  if (desc.rank >= 3) {
    planes.dim1 = desc.dim(-3);
    planes.stride1 = desc.stride(-3);
  }
  if (desc.rank >= 4) planes.stride0 = desc.stride(-4);
  return planes;
}

// The largest unit that a copy of these tensors' rows may have; `unit` so far.
inline int copy_unit(const Tensor& tensor, int unit) {
  const auto size = static_cast<std::uint64_t>(dtype_size(tensor.desc.dtype));
  std::uint64_t all = reinterpret_cast<std::uintptr_t>(data<std::byte>(tensor));
  all |= static_cast<std::uint64_t>(tensor.desc.dim(-1)) * size;
  for (int axis = 0; axis + 1 < tensor.desc.rank; ++axis) {
    all |= static_cast<std::uint64_t>(tensor.desc.stride(axis)) * size;
  }
  for (int smaller : {4, 2, 1}) {
    if (all % static_cast<std::uint64_t>(unit) != 0) unit = unit < smaller ? unit : smaller;
  }
  return unit;
}

// planes_of with strides in units.
inline Planes planes_in_units(const Tensor& tensor, int unit) {
  Planes planes = planes_of(tensor);
  const auto size = static_cast<std::int64_t>(dtype_size(tensor.desc.dtype));
  for (std::int64_t* stride : {&planes.stride0, &planes.stride1, &planes.stride2})
    *stride = *stride * size / unit;
  return planes;
}

inline CopySource copy_source(const Tensor& tensor, int unit) {
  const auto size = static_cast<std::int64_t>(dtype_size(tensor.desc.dtype));
  return {planes_in_units(tensor, unit), tensor.desc.dim(-1) * size / unit};
}

// y[r] = x[index[r]], zeros for an index that x has no row of.
inline CopyRows gather(const Tensor& x, const Ints& index, const Tensor& y) {
  CopyRows copy;
  copy.unit = copy_unit(y, copy_unit(x, 16));
  copy.first = copy_source(x, copy.unit);
  copy.to = planes_in_units(y, copy.unit);
  copy.index = index;
  copy.source_rows = row_count(x.desc);
  copy.rows = row_count(y.desc);
  return copy;
}

}  // namespace tamis::gpu
