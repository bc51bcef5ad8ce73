// Operands as the kernels of kernels_cuda/ take them.
#pragma once

#include "backends/cuda/queue.h"
#include "backends/gpu/operands.h"
#include "kernels_cuda/common/matrix.h"

namespace tamis::cuda {

using gpu::element_of;

// Of an operand, of a weight's stored piece, or of scratch memory; null for no buffer.
inline std::byte* address(const Buffer* buffer, std::int64_t offset) {
  return gpu::address_of(buffer, offset);
}
inline std::byte* address(const Tensor& tensor) { return address(tensor.buffer, tensor.offset); }

inline ConstMatrix const_matrix(const Tensor& tensor) {
  return {address(tensor), tensor.desc.stride(0), element_of(tensor.desc.dtype)};
}
inline Matrix matrix(const Tensor& tensor) {
  return {address(tensor), tensor.desc.stride(0), element_of(tensor.desc.dtype)};
}
// Null for an operand that is absent.
template <class T>
T* pointer(const Tensor& tensor) {
  return gpu::data<T>(tensor);
}

}  // namespace tamis::cuda
