// What the row-wise kernels share. Each handles every row (last dimension) of its operands on its own: widen
// the row to f32 in the thread's workspace, compute there, round once when storing. Large calls are bound by
// memory and conversion; small ones by the start of the parallel region, so a thread takes at least
// kRowGrainElements.
#pragma once

#include <algorithm>

#include "backends/cpu/host_tensor.h"
#include "backends/cpu/kernels/rows/row_ops.h"
#include "backends/cpu/threads.h"
#include "core/backend/kernel_table.h"

namespace tamis::cpu {

inline constexpr std::int64_t kRowGrainElements =
    16384;  // about 10 us of rms_norm (0.5 ns per element and core)

// For rows that take every call that infer() lets through, given that weights lie as stored.
inline Reason accepts_stored_weights(const DeviceInfo&, const OpCall& call) {
  for (const Tensor& operand : call.operands) {
    if (operand.weight != nullptr && !operand.weight->stored())
      return reason::weight_layout(operand.weight->layout);
  }
  return accept();
}

// Rows are numbered in row-major order of the leading dimensions.
inline std::int64_t row_count(const TensorDesc& desc) {
  std::int64_t count = 1;
  for (int axis = 0; axis + 1 < desc.rank; ++axis) count *= desc.dim(axis);
  return count;
}

inline std::byte* nth_row(const Tensor& tensor, std::int64_t row) {
  const TensorDesc& d = tensor.desc;
  std::int64_t elements = 0;
  for (int axis = d.rank - 2; axis > 0; --axis) {
    elements += row % d.dim(axis) * d.stride(axis);
    row /= d.dim(axis);
  }
  if (d.rank > 1) elements += row * d.stride(0);
  return tensor.buffer->host() + tensor.offset + elements * static_cast<std::int64_t>(dtype_size(d.dtype));
}

inline void load_row(const Tensor& tensor, std::int64_t row, float* dst) {
  load_floats(tensor.desc.dtype, nth_row(tensor, row), tensor.desc.dim(-1), dst);
}

inline void store_row(const Tensor& tensor, std::int64_t row, const float* src) {
  store_floats(tensor.desc.dtype, src, tensor.desc.dim(-1), nth_row(tensor, row));
}

inline void load_row(const RowOps& ops, const Tensor& tensor, std::int64_t row, float* dst) {
  ops.load(tensor.desc.dtype, nth_row(tensor, row), tensor.desc.dim(-1), dst);
}

inline void store_row(const RowOps& ops, const Tensor& tensor, std::int64_t row, const float* src) {
  ops.store(tensor.desc.dtype, src, tensor.desc.dim(-1), nth_row(tensor, row));
}

// fn(row, thread) for every row of `rows`, in parallel.
template <class F>
void for_each_row(const TensorDesc& rows, F&& fn) {
  const std::int64_t grain =
      std::max<std::int64_t>(1, kRowGrainElements / std::max<std::int64_t>(1, rows.dim(-1)));
  parallel_for(row_count(rows), grain, [&](std::int64_t begin, std::int64_t end, int thread) {
    for (std::int64_t row = begin; row < end; ++row) fn(row, thread);
  });
}

// A workspace of `floats` per thread.
inline std::int64_t thread_workspace_bytes(const DeviceInfo& device, std::int64_t floats) {
  return device.units * floats * 4;
}

inline float* thread_workspace(const Scratch& scratch, int thread, std::int64_t floats) {
  return reinterpret_cast<float*>(scratch.workspace->host() + scratch.workspace_offset) + thread * floats;
}

// Sum of value(i) over [0, n): sixteen running sums, so that the compiler can vectorise without reassociating
// one, and so that the error grows with n / 16.
template <class Sum, class F>
Sum lane_sum(std::int64_t n, F&& value) {
  constexpr int kLanes = 16;
  Sum sums[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) sums[lane] += value(i + lane);
  }
  for (; i < n; ++i) sums[i % kLanes] += value(i);
  for (int half = kLanes / 2; half > 0; half /= 2) {
    for (int lane = 0; lane < half; ++lane) sums[lane] += sums[lane + half];
  }
  return sums[0];
}

}  // namespace tamis::cpu
