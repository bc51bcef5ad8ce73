#include "backends/cuda/moe_experts_fp8.h"

#include <algorithm>

#include "backends/cuda/fp8_mma.h"
#include "backends/cuda/grouped_gemm_call.h"
#include "core/ops/moe_experts/moe_experts.h"
#include "kernels_cuda/moe_combine/launch.h"
#include "kernels_cuda/moe_permute/launch.h"

namespace tamis::cuda {
namespace {

using namespace moe_experts_operand;

struct Shape {
  std::int64_t tokens, topk, rows, experts, hidden, inner;

  explicit Shape(const OpCall& call)
      : tokens(call[kX].desc.dim(0)),
        topk(call[kIds].desc.dim(1)),
        rows(tokens * topk),
        experts(call[kW2].desc.dim(0)),
        hidden(call[kX].desc.dim(1)),
        inner(call[kW2].desc.dim(2)) {}
};

// Where the intermediates lie in the workspace. Copies of a token are rows, sorted by expert. The experts'
// outputs take the place of gate and up, which only mma.sync writes.
struct Parts {
  std::int64_t row_of, offsets, x, x_scales, product, product_scales, y, bytes;

  Parts(const Shape& s, Fp8Unit unit) {
    const std::int64_t capacity = fp8_plane_capacity(s.rows), groups = (s.hidden + 127) / 128;
    WorkspaceLayout layout;
    row_of = layout.add(s.rows * 4);
    offsets = layout.add((s.experts + 1) * 4);
    x = layout.add(groups * capacity * 128);
    x_scales = layout.add(groups * capacity * 4);
    product = layout.add(s.inner * capacity);
    product_scales = layout.add(s.inner / 128 * capacity * 4);
    y = layout.add(s.rows * std::max(s.hidden, unit == Fp8Unit::kMma ? 2 * s.inner : 0) * 2);
    bytes = layout.bytes();
  }
};

// A call that is being launched.
class Experts {
 public:
  Experts(CudaQueue& queue, const OpCall& call, const Scratch& scratch, Fp8Unit unit)
      : queue_(queue), call_(call), scratch_(scratch), unit_(unit), shape_(call), parts_(shape_, unit) {}

  Status run() const {
    TAMIS_RETURN_IF_ERROR(sort_and_quantize());
    TAMIS_RETURN_IF_ERROR(unit_ == Fp8Unit::kWgmma ? multiply_wgmma() : multiply_mma());
    return combine();
  }

 private:
  bool dependent() const { return unit_ == Fp8Unit::kWgmma; }  // needs Hopper
  bool pow2() const { return call_.as<MoeExpertsParams>().act_quant == ActQuant::kE4M3Group128Pow2; }

  template <class T>
  T* part(std::int64_t offset) const {
    return workspace_part<T>(scratch_, offset);
  }
  const std::int32_t* offsets() const { return part<std::int32_t>(parts_.offsets); }
  Fp8Planes x() const {
    return {part<std::uint8_t>(parts_.x), part<float>(parts_.x_scales), fp8_plane_capacity(shape_.rows)};
  }
  Fp8Planes product() const {
    return {part<std::uint8_t>(parts_.product), part<float>(parts_.product_scales),
            fp8_plane_capacity(shape_.rows)};
  }
  Matrix wide(std::int64_t columns) const { return {part<std::uint16_t>(parts_.y), columns, Element::kBF16}; }

  Status sort_and_quantize() const {
    const MoeSortArgs sort{.ids = pointer<const std::int32_t>(call_[kIds]),
                           .ids_stride = call_[kIds].desc.stride(0),
                           .tokens = shape_.tokens,
                           .topk = shape_.topk,
                           .n_experts = static_cast<std::int32_t>(shape_.experts),
                           .row_of = part<std::int32_t>(parts_.row_of),
                           .offsets = part<std::int32_t>(parts_.offsets),
                           .dependent = dependent()};
    TAMIS_RETURN_IF_ERROR(queue_.launched(moe_sort(sort, queue_.stream())));
    const QuantizeRowsArgs quantize{.x = const_matrix(call_[kX]),
                                    .tokens = shape_.tokens,
                                    .columns = shape_.hidden,
                                    .row_of = sort.row_of,
                                    .topk = shape_.topk,
                                    .planes = x(),
                                    .pow2 = pow2(),
                                    .dependent = dependent(),
                                    .early = false};  // the product reads the sorted offsets before it waits
    return queue_.launched(quantize_rows(quantize, queue_.stream()));
  }

  GroupedFp8Args gate_up_product() const {
    return {.w = weight_tiles(call_[kW13]),
            .x = x(),
            .offsets = offsets(),
            .rows = shape_.rows,
            .expected_rows = (shape_.rows + shape_.experts - 1) / shape_.experts,
            .y = wide(2 * shape_.inner),
            .product = product(),
            .pow2 = pow2(),
            .dependent = dependent()};
  }
  GroupedFp8Args down_product() const {
    GroupedFp8Args args = gate_up_product();
    args.w = weight_tiles(call_[kW2]);
    args.x = product();
    args.y = wide(shape_.hidden);
    return args;
  }

  Status multiply_wgmma() const {
    TAMIS_RETURN_IF_ERROR(queue_.launched(grouped_fp8_gate_up_sm90(gate_up_product(), queue_.stream())));
    return queue_.launched(grouped_fp8_sm90(down_product(), queue_.stream()));
  }

  Status multiply_mma() const {
    const GroupedFp8Args gate_up = gate_up_product();
    TAMIS_RETURN_IF_ERROR(queue_.launched(grouped_fp8_sm89(gate_up, queue_.stream())));
    const SiluQuantizeArgs silu{.gate_up = {gate_up.y.data, gate_up.y.row_stride, gate_up.y.type},
                                .rows = shape_.rows,
                                .width = shape_.inner,
                                .planes = product(),
                                .pow2 = pow2(),
                                .used = offsets() + shape_.experts};
    TAMIS_RETURN_IF_ERROR(queue_.launched(silu_quantize(silu, queue_.stream())));
    return queue_.launched(grouped_fp8_sm89(down_product(), queue_.stream()));
  }

  Status combine() const {
    const bool shared = call_[kShared].present();
    const Matrix y = wide(shape_.hidden);
    const MoeCombineArgs combine{
        .y = {y.data, y.row_stride, y.type},
        .row_of = part<std::int32_t>(parts_.row_of),
        .row_of_stride = shape_.topk,
        .weights = pointer<const float>(call_[kWeights]),
        .weights_stride = call_[kWeights].desc.stride(0),
        .shared = shared ? const_matrix(call_[kShared]) : ConstMatrix{nullptr, 0, Element::kF32},
        .out = matrix(call_[kOut]),
        .rows = shape_.rows,
        .tokens = shape_.tokens,
        .topk = shape_.topk,
        .hidden = shape_.hidden,
        .dependent = dependent()};
    return queue_.launched(moe_combine(combine, queue_.stream()));
  }

  CudaQueue& queue_;
  const OpCall& call_;
  const Scratch& scratch_;
  Fp8Unit unit_;
  Shape shape_;
  Parts parts_;
};

}  // namespace

Reason accept_experts_wgmma(const DeviceInfo&, const OpCall& call) {
  const Shape s(call);
  if (call[kX].desc.dtype != DType::kBF16) return reason::dtype("x", dtype_name(call[kX].desc.dtype), "bf16");
  if (call.as<MoeExpertsParams>().act_quant == ActQuant::kNone)
    return reject("act_quant is none, the row multiplies e4m3");
  if (s.inner % 128 != 0) return reason::size("I", s.inner, "multiples of 128");
  if (s.hidden % 8 != 0) return reason::size("H", s.hidden, "multiples of 8");
  if (s.experts > kMaxGroupedExperts) return reason::size("experts", s.experts, "up to 1024");
  if (s.rows > (1 << 30)) return reason::size("rows", s.rows, "up to 2^30");
  for (int i : {kW13, kW2}) {
    if (call[i].desc.dtype != DType::kE4M3)
      return reason::dtype(i == kW13 ? "w13" : "w2", dtype_name(call[i].desc.dtype), "e4m3");
    if (Reason why = accept_tiles(call[i]); !why.accepted()) return why;
  }
  return accept();
}

Reason accept_experts_mma_fp8(const DeviceInfo& device, const OpCall& call) {
  if (Reason why = accept_fp8_mma(device); !why.accepted()) return why;
  return accept_experts_wgmma(device, call);
}

template <Fp8Unit unit>
std::int64_t experts_fp8_workspace(const DeviceInfo&, const OpCall& call) {
  return Parts(Shape(call), unit).bytes;
}

template <Fp8Unit unit>
Status launch_experts_fp8(Queue& queue, const OpCall& call, const Scratch& scratch) {
  return Experts(static_cast<CudaQueue&>(queue), call, scratch, unit).run();
}

template std::int64_t experts_fp8_workspace<Fp8Unit::kWgmma>(const DeviceInfo&, const OpCall&);
template std::int64_t experts_fp8_workspace<Fp8Unit::kMma>(const DeviceInfo&, const OpCall&);
template Status launch_experts_fp8<Fp8Unit::kWgmma>(Queue&, const OpCall&, const Scratch&);
template Status launch_experts_fp8<Fp8Unit::kMma>(Queue&, const OpCall&, const Scratch&);

}  // namespace tamis::cuda
