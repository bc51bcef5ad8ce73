// What the rows of rms_norm and add_rms_norm that keep a row in registers share.
#pragma once

#include "backends/cuda/tensor_args.h"
#include "kernels_cuda/rms_norm/launch.h"

namespace tamis::cuda {

// Vectors, or rows, that lie at multiples of 16 bytes.
inline Reason accept_vector_rows(const char* operand, const Tensor& tensor) {
  const auto bytes = static_cast<std::int64_t>(dtype_size(tensor.desc.dtype));
  if (tensor.desc.rank > 1 && tensor.desc.dim(0) > 1 && tensor.desc.stride(0) * bytes % 16 != 0)
    return reject("row stride of {} is {} elements, the row takes multiples of 16 bytes", operand,
                  tensor.desc.stride(0));
  if (tensor.offset % 16 != 0)
    return reject("offset of {} is {}, the row takes multiples of 16", operand, tensor.offset);
  return accept();
}

inline Reason accept_norm_width(std::int64_t width) {
  if (width % 8 != 0) return reason::size("H", width, "multiples of 8");
  return width <= kMaxNormWidth ? accept() : reason::size("H", width, "up to 8192");
}

}  // namespace tamis::cuda
