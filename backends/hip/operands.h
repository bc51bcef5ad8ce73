// What the rows of this backend share: operands of a call as the kernels take them.
#pragma once

#include "backends/hip/buffer.h"
#include "backends/hip/queue.h"
#include "core/backend/kernel_table.h"
#include "core/graph/op_call.h"
#include "kernels_hip/common/launch.h"

namespace tamis::hip {

static_assert(static_cast<int>(hip_kernels::Element::kF32) == static_cast<int>(DType::kF32));
static_assert(static_cast<int>(hip_kernels::Element::kBF16) == static_cast<int>(DType::kBF16));
static_assert(static_cast<int>(hip_kernels::Element::kF16) == static_cast<int>(DType::kF16));
static_assert(static_cast<int>(hip_kernels::Element::kE4M3) == static_cast<int>(DType::kE4M3));

inline hip_kernels::Element element_of(DType dtype) { return static_cast<hip_kernels::Element>(dtype); }

inline std::byte* address_of(const Buffer* buffer, std::int64_t offset) {
  return static_cast<const HipBuffer*>(buffer)->device_address() + offset;
}

template <class T>
T* data(const Tensor& tensor) {
  return reinterpret_cast<T*>(address_of(tensor.buffer, tensor.offset));
}

// A tensor of rank 2. Elements that are no number (u8) are bytes to the kernels.
inline hip_kernels::Rows rows_of(const Tensor& tensor) {
  return {data<std::byte>(tensor), tensor.desc.stride(0), element_of(tensor.desc.dtype)};
}

// An i32 tensor of rank 1 or 2; absent: null.
inline hip_kernels::Ints ints_of(const Tensor& tensor) {
  if (!tensor.present()) return {};
  return {data<std::int32_t>(tensor), tensor.desc.stride(0)};
}

inline bool is_activation(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kBF16 || dtype == DType::kF16;
}

// A row's launch: the arguments made of the call, the kernel on the queue's stream.
template <auto arguments, auto kernel>
Status launch(Queue& queue, const OpCall& call, const Scratch&) {
  auto& hip_queue = static_cast<HipQueue&>(queue);
  TAMIS_RETURN_IF_ERROR(hip_queue.enter());
  return hip_queue.submitted(kernel(arguments(call), hip_queue.stream()), call.op->name);
}

inline Reason accept_any(const DeviceInfo&, const OpCall&) { return accept(); }

}  // namespace tamis::hip
