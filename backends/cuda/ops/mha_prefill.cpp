// CUDA rows of mha_prefill: tensor cores for bf16 and f16, in tiles for heads as wide as DeepSeek's (192 and
// 128) and as GLM's (256 and 256).
#include "core/ops/mha_prefill/mha_prefill.h"

#include "backends/cuda/tensor_args.h"
#include "kernels_cuda/mha_prefill/launch.h"

namespace tamis::cuda {
namespace {

using namespace mha_prefill_operand;

MhaPrefill arguments(const OpCall& call) {
  using gpu::vectors_of, gpu::rows_of, gpu::ints_of;
  return {.q_nope = vectors_of(call[kQNope]),
          .q_rope = vectors_of(call[kQRope]),
          .k_nope = vectors_of(call[kKNope]),
          .k_rope = rows_of(call[kKRope]),
          .v = vectors_of(call[kV]),
          .sequence = ints_of(call[kSeqOfToken]),
          .lengths = ints_of(call[kKvLen]),
          .ke = ints_of(call[kKe]),
          .sequences = call[kKvLen].desc.dim(0),
          .out = vectors_of(call[kOut]),
          .lse = pointer<float>(call[kLse]),
          .tokens = call[kQNope].desc.dim(0),
          .heads = call[kQNope].desc.dim(1),
          .rows = call[kKNope].desc.dim(0),
          .nope = call[kQNope].desc.dim(2),
          .rope = call[kQRope].desc.dim(2),
          .value = call[kV].desc.dim(2),
          .scale = call.as<MhaPrefillParams>().scale};
}

Reason accepts_types(const OpCall& call) {
  const DType q = call[kQNope].desc.dtype;
  if (q != DType::kBF16 && q != DType::kF16) return reason::dtype("q_nope", dtype_name(q), "bf16, f16");
  const std::pair<const char*, int> others[] = {
      {"q_rope", kQRope}, {"k_nope", kKNope}, {"k_rope", kKRope}, {"v", kV}};
  for (const auto& [name, index] : others)
    if (const DType found = call[index].desc.dtype; found != q)
      return reason::dtype(name, dtype_name(found), "q_nope's type");
  return accept();
}

Reason accepts_width(const char* name, std::int64_t width, std::int64_t most) {
  if (width % 8 != 0) return reject("{} is {}, the row takes multiples of 8", name, width);
  if (width > most) return reject("{} is {}, the row takes at most {}", name, width, most);
  return accept();
}

template <const MhaPrefillKernel& kKernel>
Reason accepts(const DeviceInfo& device, const OpCall& call) {
  if (Reason r = accepts_types(call); !r.accepted()) return r;
  const std::int64_t nope = call[kQNope].desc.dim(2), rope = call[kQRope].desc.dim(2);
  if (Reason r = accepts_width("dn", nope, kKernel.dims); !r.accepted()) return r;
  if (Reason r = accepts_width("R", rope, kKernel.dims); !r.accepted()) return r;
  if (Reason r = accepts_width("dn + R", nope + rope, kKernel.dims); !r.accepted()) return r;
  if (Reason r = accepts_width("dv", call[kV].desc.dim(2), kKernel.columns); !r.accepted()) return r;
  if (device.local_memory_bytes < kKernel.shared_bytes) {
    return reject("a block has {} bytes of shared memory, the row takes {}", device.local_memory_bytes,
                  kKernel.shared_bytes);
  }
  return accept();
}

template <const MhaPrefillKernel& kKernel>
Status launch(Queue& queue, const OpCall& call, const Scratch&) {
  auto& cuda_queue = static_cast<CudaQueue&>(queue);
  return cuda_queue.launched(kKernel.launch(arguments(call), cuda_queue.stream()));
}

template <const MhaPrefillKernel& kKernel>
constexpr KernelRow row(const char* name) {
  return {.name = name,
          .op = "mha_prefill",
          .families = "flash_attn_varlen fa3 mma",
          .needs = {.arch_min = 80},
          .numerics = {.accuracy = "bf16", .invariance = Invariance::kBatch},
          .accepts = accepts<kKernel>,
          .launch = launch<kKernel>};
}

constexpr KernelRow kRows[] = {
    row<kMhaPrefillMma192>("cuda.mha_prefill.mma_sm80_d192"),
    row<kMhaPrefillMma256>("cuda.mha_prefill.mma_sm80_d256"),
};

}  // namespace

std::span<const KernelRow> rows_mha_prefill() { return kRows; }

}  // namespace tamis::cuda
