// Operands as the kernels of kernels_cuda/ take them.
#pragma once

#include "backends/cuda/queue.h"
#include "backends/gpu/operands.h"
#include "kernels_cuda/common/matrix.h"

namespace tamis::cuda {

// f32, bf16, f16 and e4m3 only; rows check dtypes in accepts().
inline Element element_of(DType dtype) {
  switch (dtype) {
    case DType::kBF16: return Element::kBF16;
    case DType::kF16: return Element::kF16;
    case DType::kE4M3: return Element::kE4M3;
    default: return Element::kF32;
  }
}

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
template <class T>
T* pointer(const Tensor& tensor) {
  return reinterpret_cast<T*>(address(tensor));
}
// Null for an absent operand.
template <class T>
T* optional_pointer(const Tensor& tensor) {
  return tensor.present() ? pointer<T>(tensor) : nullptr;
}

}  // namespace tamis::cuda
