#include "backends/cuda/grouped_gemm_call.h"

#include "backends/cuda/fp8_mma.h"

namespace tamis::cuda {
namespace {

// Of x rounded to e4m3: planes for wgmma, or 16-bit values for mma.sync.
struct QuantizedParts {
  std::int64_t codes = 0;
  std::int64_t scales = 0;
  std::int64_t bytes = 0;
};

QuantizedParts plane_parts(const GroupedCall& call) {
  const std::int64_t capacity = fp8_plane_capacity(call.rows());
  WorkspaceLayout layout;
  QuantizedParts parts;
  parts.codes = layout.add(call.groups() * capacity * 128);
  parts.scales = layout.add(call.groups() * capacity * 4);
  parts.bytes = layout.bytes();
  return parts;
}

QuantizedParts value_parts(const GroupedCall& call) {
  WorkspaceLayout layout;
  QuantizedParts parts;
  parts.codes = layout.add(call.rows() * call.groups() * 256);
  parts.scales = layout.add(call.rows() * call.groups() * 4);
  parts.bytes = layout.bytes();
  return parts;
}

Reason accept_experts(const GroupedCall& call) {
  const std::int64_t experts = call.w.desc.rank > 2 ? call.w.desc.dim(0) : 1;
  if (experts > kMaxGroupedExperts) return reason::size("experts", experts, "up to 1024");
  // The schedule counts rows in int.
  if (call.rows() > (1 << 30)) return reason::size("rows", call.rows(), "up to 2^30");
  return accept_tiles(call.w);
}

GroupedFp8Args fp8_product(const GroupedCall& call, const Fp8Planes& x, bool dependent) {
  return {.w = weight_tiles(call.w),
          .x = x,
          .offsets = call.offsets,
          .rows = call.rows(),
          .expected_rows = call.expected_rows(),
          .y = matrix(call.y),
          .product = {},
          .pow2 = call.pow2(),
          .dependent = dependent};
}

// Quantises x into the workspace and describes the product. `dependent`: Hopper only.
Result<GroupedFp8Args> quantize_fp8(CudaQueue& queue, const GroupedCall& call, const Scratch& scratch,
                                    bool dependent) {
  const QuantizedParts parts = plane_parts(call);
  const Fp8Planes planes{workspace_part<std::uint8_t>(scratch, parts.codes),
                         workspace_part<float>(scratch, parts.scales), fp8_plane_capacity(call.rows())};
  const QuantizeRowsArgs quantize{.x = const_matrix(call.x),
                                  .tokens = call.rows(),
                                  .columns = call.columns(),
                                  .row_of = nullptr,
                                  .topk = 1,
                                  .planes = planes,
                                  .pow2 = call.pow2(),
                                  .dependent = dependent,
                                  .early = call.offsets == nullptr,
                                  .used = call.used};
  TAMIS_RETURN_IF_ERROR(queue.launched(quantize_rows(quantize, queue.stream())));
  return fp8_product(call, planes, dependent);
}

}  // namespace

Reason accept_grouped_fp8(const GroupedCall& call) {
  if (call.w.desc.dtype != DType::kE4M3) return reason::dtype("w", dtype_name(call.w.desc.dtype), "e4m3");
  if (call.act_quant == ActQuant::kNone) return reject("act_quant is none, the row multiplies e4m3");
  if (call.y.desc.dtype != DType::kBF16) return reason::dtype("y", dtype_name(call.y.desc.dtype), "bf16");
  const std::int64_t n = call.w.desc.dim(-2);
  if (n % 8 != 0) return reason::size("N", n, "multiples of 8");
  if (call.y.desc.stride(0) % 8 != 0)
    return reason::size("row stride of y", call.y.desc.stride(0), "multiples of 8");
  return accept_experts(call);
}

std::int64_t grouped_fp8_workspace(const GroupedCall& call) { return plane_parts(call).bytes; }

Status launch_grouped_fp8(CudaQueue& queue, const GroupedCall& call, const Scratch& scratch) {
  TAMIS_ASSIGN_OR_RETURN(const GroupedFp8Args args, quantize_fp8(queue, call, scratch, true));
  return queue.launched(grouped_fp8_sm90(args, queue.stream()));
}

Reason accept_grouped_fp8_mma(const DeviceInfo& device, const GroupedCall& call) {
  if (Reason why = accept_fp8_mma(device); !why.accepted()) return why;
  if (call.columns() == 0) return reject("K is 0");
  return accept_grouped_fp8(call);
}

Status launch_grouped_fp8_mma(CudaQueue& queue, const GroupedCall& call, const Scratch& scratch) {
  TAMIS_ASSIGN_OR_RETURN(const GroupedFp8Args args, quantize_fp8(queue, call, scratch, false));
  return queue.launched(grouped_fp8_sm89(args, queue.stream()));
}

Reason accept_decode_fp8(const GroupedCall& call) {
  if (call.rows() > kDecodeRows) return reason::size("tokens", call.rows(), "up to 16");
  if (call.columns() == 0) return reject("K is 0");
  return accept_grouped_fp8(call);
}

Status launch_decode_fp8(CudaQueue& queue, const GroupedCall& call, const Scratch& scratch) {
  DecodeFp8Args args{.product = {}, .x = {}, .columns = call.columns()};
  if (call.rows() <= kRoundedRows) {
    args.x = const_matrix(call.x);
    args.product = fp8_product(call, {}, true);
  } else {
    TAMIS_ASSIGN_OR_RETURN(args.product, quantize_fp8(queue, call, scratch, true));
  }
  return queue.launched(decode_fp8_sm90(args, queue.stream()));
}

Reason accept_grouped_mma(const GroupedCall& call) {
  const DType x = call.x.desc.dtype, w = call.w.desc.dtype;
  if (call.act_quant != ActQuant::kNone) {
    if (w != DType::kE4M3) return reason::dtype("w", dtype_name(w), "e4m3 where x is quantised");
    return accept_experts(call);
  }
  if (x == DType::kF32) return reason::dtype("x", "f32", "bf16, f16");
  if (w != DType::kE4M3 && w != x) return reason::dtype("w", dtype_name(w), "e4m3 or x's type");
  if (call.columns() % 8 != 0) return reason::size("K", call.columns(), "multiples of 8");
  if (call.x.desc.stride(0) % 8 != 0)
    return reason::size("row stride of x", call.x.desc.stride(0), "multiples of 8");
  if (call.x.offset % 16 != 0) return reason::size("offset of x", call.x.offset, "multiples of 16");
  return accept_experts(call);
}

std::int64_t grouped_mma_workspace(const GroupedCall& call) {
  return call.act_quant == ActQuant::kNone ? 0 : value_parts(call).bytes;
}

Status launch_grouped_mma(CudaQueue& queue, const GroupedCall& call, const Scratch& scratch) {
  GroupedMmaArgs args{.w = weight_tiles(call.w),
                      .x = pointer<const std::uint16_t>(call.x),
                      .x_stride = call.x.desc.stride(0),
                      .x_scales = nullptr,
                      .f16 = call.x.desc.dtype == DType::kF16,
                      .offsets = call.offsets,
                      .rows = call.rows(),
                      .columns = call.columns(),
                      .expected_rows = call.expected_rows(),
                      .y = matrix(call.y)};
  if (call.act_quant != ActQuant::kNone) {
    const QuantizedParts parts = value_parts(call);
    const QuantizeDenseArgs quantize{.x = const_matrix(call.x),
                                     .rows = call.rows(),
                                     .columns = call.columns(),
                                     .values = workspace_part<std::uint16_t>(scratch, parts.codes),
                                     .scales = workspace_part<float>(scratch, parts.scales),
                                     .pow2 = call.pow2(),
                                     .used = call.used};
    TAMIS_RETURN_IF_ERROR(queue.launched(quantize_dense(quantize, queue.stream())));
    args.x = quantize.values;
    args.x_stride = args.columns = call.groups() * 128;
    args.x_scales = quantize.scales;
    args.f16 = true;
  }
  return queue.launched(grouped_mma(args, queue.stream()));
}

}  // namespace tamis::cuda
