// Portable rows of batched_linear on CUDA and HIP. With act_quant each first rounds the activations into the
// workspace. A weight that lies in one piece, packed FP8 always, is one launch, otherwise a launch per 32
// pieces.
#include "core/ops/batched_linear/batched_linear.h"

#include "backends/gpu/products.h"
#include "kernels_gpu/batched_linear/launch.h"

namespace tamis::gpu {
namespace {

using namespace batched_linear_operand;

Quantized quantized_x(const OpCall& call) {
  const TensorDesc& x = call[kX].desc;
  return quantized_shape(call.as<BatchedLinearParams>().act_quant, x.dim(0) * x.dim(1), x.dim(2));
}

std::int64_t workspace(const DeviceInfo&, const OpCall& call) { return quantized_x(call).bytes; }

Reason accept_common(const OpCall& call) {
  if (Reason why = accept_activations("x", call[kX]); !why.accepted()) return why;
  if (Reason why = accept_activations("y", call[kY]); !why.accepted()) return why;
  const std::int64_t heads = call[kX].desc.dim(1);
  return heads <= kMaxGridY ? accept() : reason::size("h", heads, "up to 65535");
}

// With w [h, K, N] the parts of a head are summed by one launch.
Reason accept_parts(const OpCall& call) {
  const Weight* weight = call[kWeight].weight;
  if (weight == nullptr || !call.as<BatchedLinearParams>().w_is_kn || weight->pieces.size() <= kMaxParts) {
    return accept();
  }
  std::int64_t group = -1;
  int count = 0;
  for (const WeightPart& part : weight_parts(*weight)) {
    count = part.group == group ? count + 1 : 1;
    group = part.group;
    if (count > kMaxParts) return reject("w[{}] lies in more than {} pieces", group, kMaxParts);
  }
  return accept();
}

Reason accepts_stored(const DeviceInfo&, const OpCall& call) {
  if (Reason why = accept_common(call); !why.accepted()) return why;
  if (Reason why = accept_stored(call[kWeight]); !why.accepted()) return why;
  return accept_parts(call);
}

Reason accepts_packed(const DeviceInfo&, const OpCall& call) {
  if (Reason why = accept_common(call); !why.accepted()) return why;
  return accept_row_scales(call[kWeight]);
}

Reason prefers_few_tokens(const DeviceInfo&, const OpCall& call) {
  return call[kX].desc.dim(0) <= 2 * kBatchedDecodeTokens ? accept() : reason::slower("more than 8 tokens");
}

BatchedLinear arguments(const OpCall& call) {
  BatchedLinear args;
  const Tensor &x = call[kX], &y = call[kY];
  args.x.rows = {data<std::byte>(x), x.desc.stride(0), element_of(x.desc.dtype)};
  args.x_head_stride = x.desc.stride(1);
  args.y = {data<std::byte>(y), y.desc.stride(0), element_of(y.desc.dtype)};
  args.y_head_stride = y.desc.stride(1);
  args.tokens = x.desc.dim(0);
  args.k = x.desc.dim(2);
  args.n = y.desc.dim(2);
  args.transposed = call.as<BatchedLinearParams>().w_is_kn;
  args.packed = !call[kWeight].weight->stored();
  return args;
}

// The codes of [tokens, heads] rows as those of heads.
void read_codes(const Activations& codes, std::int64_t heads, BatchedLinear& args) {
  args.x = codes;
  args.x.rows.stride = heads * args.k;
  args.x.groups = heads * codes.groups;
  args.x_head_stride = args.k;
  args.scale_head_stride = codes.groups;
}

// Which heads a launch of transposed parts computes: all that its parts are of.
void set_heads(BatchedLinear& args) {
  args.first_head = args.w.whole ? 0 : args.w.list[0].group;
  args.heads = args.w.whole ? args.w.count : args.w.list[args.w.count - 1].group + 1 - args.first_head;
}

template <bool decode>
Status launch_row(Queue& queue, const OpCall& call, const Scratch& scratch) {
  auto& gpu_queue = static_cast<GpuQueue&>(queue);
  BatchedLinear args = arguments(call);
  if (const Quantized shape = quantized_x(call); shape.bytes > 0) {
    std::byte* codes = address_of(scratch.workspace, scratch.workspace_offset);
    const ActQuant mode = call.as<BatchedLinearParams>().act_quant;
    TAMIS_ASSIGN_OR_RETURN(const Activations x,
                           quantize(gpu_queue, "batched_linear", mode, planes_of(call[kX]), shape, codes));
    read_codes(x, call[kX].desc.dim(1), args);
  }
  for (const WeightParts& parts : weight_launches(*call[kWeight].weight)) {
    args.w = parts;
    set_heads(args);
    TAMIS_RETURN_IF_ERROR(decode ? gpu_queue.submit("batched_linear", launch_batched_linear_decode, args)
                                 : gpu_queue.submit("batched_linear", launch_batched_linear_tiled, args));
  }
  return {};
}

constexpr auto kRows = product_rows(
    {.op = "batched_linear",
     .names = {TAMIS_GPU_ROOM ".batched_linear.packed_decode", TAMIS_GPU_ROOM ".batched_linear.packed",
               TAMIS_GPU_ROOM ".batched_linear.decode", TAMIS_GPU_ROOM ".batched_linear.portable"},
     .accepts_packed = accepts_packed,
     .accepts_stored = accepts_stored,
     .prefers_decode = prefers_few_tokens,
     .workspace = workspace,
     .launch_packed_decode = launch_row<true>,
     .launch_packed = launch_row<false>,
     .launch_stored_decode = launch_row<true>,
     .launch_stored = launch_row<false>});

}  // namespace

std::span<const KernelRow> rows_batched_linear() { return kRows; }

}  // namespace tamis::gpu
