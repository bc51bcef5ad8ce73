// What the rows of moe_grouped_gemm, linear and moe_experts share: the FP8 rows' conditions and the operands
// of the kernels in kernels_cuda/moe_grouped_gemm.
#pragma once

#include "backends/cuda/tensor_args.h"
#include "backends/cuda/weight_tiles.h"
#include "core/ops/ops.h"

namespace tamis::cuda {

// Parts of a workspace, each 256-byte aligned.
class WorkspaceLayout {
 public:
  std::int64_t add(std::int64_t bytes) {
    const std::int64_t offset = bytes_;
    bytes_ += (bytes + 255) / 256 * 256;
    return offset;
  }
  std::int64_t bytes() const { return bytes_; }

 private:
  std::int64_t bytes_ = 0;
};

template <class T>
T* workspace_part(const Scratch& scratch, std::int64_t offset) {
  return reinterpret_cast<T*>(address(scratch.workspace, scratch.workspace_offset + offset));
}

// A product y = quant(x) . W^T with W in tiles, as a grouped GEMM.
struct GroupedCall {
  const Tensor& x;
  const Tensor& w;
  const Tensor& y;
  const std::int32_t* offsets;  // null: one matrix
  ActQuant act_quant;
  const std::int32_t* used = nullptr;  // rows of x that were written, on the device; null: all

  std::int64_t rows() const { return x.desc.dim(0); }
  std::int64_t columns() const { return x.desc.dim(1); }
  std::int64_t groups() const { return (columns() + 127) / 128; }
  std::int64_t expected_rows() const {
    const std::int64_t experts = w.desc.rank > 2 ? w.desc.dim(0) : 1;
    return (rows() + experts - 1) / experts;
  }
  bool pow2() const { return act_quant == ActQuant::kE4M3Group128Pow2; }
};

// wgmma on e4m3: sums keep about 14 bits within 128 of K, too few for a y in f32 or f16: in f16 it was 1.1e-3
// off where 9.9e-4 are allowed.
Reason accept_grouped_fp8(const GroupedCall& call);
std::int64_t grouped_fp8_workspace(const GroupedCall& call);
Status launch_grouped_fp8(CudaQueue& queue, const GroupedCall& call, const Scratch& scratch);
// The same by mma.sync e4m3, which keeps as few bits (sm_89 on).
Reason accept_grouped_fp8_mma(const DeviceInfo& device, const GroupedCall& call);
Status launch_grouped_fp8_mma(CudaQueue& queue, const GroupedCall& call, const Scratch& scratch);
// wgmma for one matrix and at most kDecodeRows rows.
Reason accept_decode_fp8(const GroupedCall& call);
Status launch_decode_fp8(CudaQueue& queue, const GroupedCall& call, const Scratch& scratch);

// mma.sync on 16-bit values.
Reason accept_grouped_mma(const GroupedCall& call);
std::int64_t grouped_mma_workspace(const GroupedCall& call);
Status launch_grouped_mma(CudaQueue& queue, const GroupedCall& call, const Scratch& scratch);

}  // namespace tamis::cuda
