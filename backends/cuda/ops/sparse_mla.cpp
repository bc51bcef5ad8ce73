// CUDA rows of sparse_mla: tensor-core kernels for DeepSeek's and GLM's shape, C 512 and R 64. Blocks of 64
// heads where there are many, of 16 where there are few; the tile is the largest that the device's shared
// memory holds.
#include "core/ops/sparse_mla/sparse_mla.h"

#include <algorithm>

#include "backends/cuda/tensor_args.h"
#include "kernels_cuda/sparse_mla/launch.h"

namespace tamis::cuda {
namespace {

using namespace sparse_mla_operand;

// How a token's keys are split over blocks.
enum class Splits {
  kFill,   // so that the call fills the device; one part where there are tokens enough
  kFixed,  // every kFixedKeys keys, so that a token's bits do not depend on the batch
};
// Eight parts of a top-2048 put one token of 128 heads on 16 blocks.
constexpr std::int64_t kFixedKeys = 256;
// Fixed parts are merged every so many tokens: 134 MB of partial sums at 128 heads and 2048 keys.
constexpr std::int64_t kFixedTokens = 64;
constexpr std::int64_t kMaxSplits = 64;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

std::int64_t heads_of(const OpCall& call) { return call[kQLatent].desc.dim(1); }
std::int64_t tokens_of(const OpCall& call) { return call[kQLatent].desc.dim(0); }
std::int64_t tiles_of(const OpCall& call, const SparseMlaTile& tile) {
  return std::max<std::int64_t>(ceil_div(call[kSlots].desc.dim(1), tile.keys), 1);
}

// The number of parts that finishes first, if a block takes a tile's time to start and end, and a merge that
// of two tiles, a third from 64 parts on.
std::int64_t fill_splits(const DeviceInfo& device, const OpCall& call, const SparseMlaTile& tile) {
  const std::int64_t blocks = tokens_of(call) * ceil_div(heads_of(call), tile.heads);
  const std::int64_t fit = std::max<std::int64_t>(device.local_memory_bytes / tile.shared_bytes, 1);
  const std::int64_t at_once = device.units * std::min<std::int64_t>(tile.blocks_per_unit, fit);
  const std::int64_t tiles = tiles_of(call, tile);
  std::int64_t best = 1, best_cost = 0;
  for (std::int64_t wanted = 1; wanted <= std::min<std::int64_t>(tiles, kMaxSplits); ++wanted) {
    const std::int64_t each = ceil_div(tiles, wanted), splits = ceil_div(tiles, each);
    const std::int64_t cost =
        ceil_div(blocks * splits, at_once) * (each + 1) + (splits > 1 ? 2 + splits / 64 : 0);
    if (wanted > 1 && cost >= best_cost) continue;
    best = splits;
    best_cost = cost;
  }
  return best;
}

struct SplitPlan {
  std::int64_t splits;
  std::int64_t keys;
  std::int64_t tokens;  // of one launch
};

SplitPlan fixed_plan(const OpCall& call) {
  const std::int64_t splits = std::max<std::int64_t>(ceil_div(call[kSlots].desc.dim(1), kFixedKeys), 1);
  return {splits, kFixedKeys, splits == 1 ? tokens_of(call) : std::min(tokens_of(call), kFixedTokens)};
}

// At the launch the device is not known, but the workspace, which is planned for the number of parts.
SplitPlan fill_plan(const OpCall& call, const SparseMlaTile& tile, std::int64_t workspace_bytes) {
  const std::int64_t one = tokens_of(call) * heads_of(call) * (kSparseMlaC + 2) * 4;
  const std::int64_t splits = std::max<std::int64_t>(one > 0 ? workspace_bytes / one : 1, 1);
  return {splits, ceil_div(tiles_of(call, tile), splits) * tile.keys, tokens_of(call)};
}

const char* format_name(KvFormat format) { return format == KvFormat::kPackedFp8 ? "packed FP8" : "plain"; }

Reason takes_16_bytes(const char* operand, const TensorDesc& desc) {
  const auto size = static_cast<std::int64_t>(dtype_size(desc.dtype));
  for (int i = 0; i + 1 < desc.rank; ++i) {
    if (desc.stride(i) * size % 16 != 0) {
      return reject("{} has rows {} bytes apart, the row takes multiples of 16", operand,
                    desc.stride(i) * size);
    }
  }
  return accept();
}

Reason accepts_shape(const OpCall& call, KvFormat format) {
  const auto& p = call.as<SparseMlaParams>();
  if (p.format != format) {
    return reject("the cache is {}, the row takes {}", format_name(p.format), format_name(format));
  }
  if (p.c != kSparseMlaC) return reason::size("C", p.c, "512");
  if (p.r != kSparseMlaR) return reason::size("R", p.r, "64");
  const DType q = call[kQLatent].desc.dtype, rope = call[kQRope].desc.dtype, out = call[kOut].desc.dtype;
  if (q != DType::kBF16) return reason::dtype("q_latent", dtype_name(q), "bf16");
  if (rope != DType::kBF16) return reason::dtype("q_rope", dtype_name(rope), "bf16");
  if (out != DType::kBF16) return reason::dtype("out", dtype_name(out), "bf16");
  const TensorDesc& cache = call[kCache].desc;
  if (format == KvFormat::kPlain && cache.dtype != DType::kBF16) {
    return reason::dtype("cache", dtype_name(cache.dtype), "bf16");
  }
  if (Reason rows = takes_16_bytes("cache", cache); !rows.accepted()) return rows;
  return takes_16_bytes("out", call[kOut].desc);
}

using Kernels = const SparseMlaKernel (&)[2];  // by format

template <Kernels kKernels, KvFormat kFormat>
constexpr const SparseMlaKernel& kernel_of() {
  return kKernels[kFormat == KvFormat::kPackedFp8 ? 1 : 0];
}

template <Kernels kKernels, KvFormat kFormat>
Reason accepts(const DeviceInfo& device, const OpCall& call) {
  const std::int64_t shared = kernel_of<kKernels, kFormat>().tile.shared_bytes;
  if (device.local_memory_bytes < shared) {
    return reject("a block has {} bytes of shared memory, the row takes {}", device.local_memory_bytes,
                  shared);
  }
  return accepts_shape(call, kFormat);
}

// A block of 64 heads takes about the time of one and a half of 16, so it pays from 17 heads on, where there
// is room for it: Ada and consumer Blackwell have 99 KB a block.
template <KvFormat kFormat>
Reason prefers_few_heads(const DeviceInfo& device, const OpCall& call) {
  const std::int64_t shared = kernel_of<kSparseMlaHeads64Keys32, kFormat>().tile.shared_bytes;
  if (heads_of(call) <= 16 || device.local_memory_bytes < shared) return accept();
  return reason::slower("more than 16 heads");
}

template <Kernels kKernels, KvFormat kFormat, Splits kSplits>
std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  if constexpr (kSplits == Splits::kFixed) {
    const SplitPlan plan = fixed_plan(call);
    return sparse_mla_partial_bytes(plan.tokens, heads_of(call), plan.splits);
  }
  const std::int64_t splits = fill_splits(device, call, kernel_of<kKernels, kFormat>().tile);
  return sparse_mla_partial_bytes(tokens_of(call), heads_of(call), splits);
}

// Whether every row of a query begins at a multiple of 16 bytes; it may be columns of a wider tensor.
bool aligned(const std::byte* first, const TensorDesc& desc) {
  const std::int64_t size = static_cast<std::int64_t>(dtype_size(desc.dtype));
  return reinterpret_cast<std::uintptr_t>(first) % 16 == 0 && desc.stride(0) * size % 16 == 0 &&
         desc.stride(1) * size % 16 == 0;
}

SparseMlaArgs args_of(const OpCall& call, std::int64_t first, std::int64_t tokens) {
  // Token `first` of an operand, or null.
  const auto at = [&](int i) -> std::byte* {
    const Tensor& t = call[i];
    if (!t.present()) return nullptr;
    return address(t) + first * t.desc.stride(0) * static_cast<std::int64_t>(dtype_size(t.desc.dtype));
  };
  const auto stride = [&](int i, int dim) { return call[i].present() ? call[i].desc.stride(dim) : 0; };
  const TensorDesc& cache = call[kCache].desc;
  return {.q_latent = at(kQLatent),
          .q_latent_token = stride(kQLatent, 0),
          .q_latent_head = stride(kQLatent, 1),
          .q_rope = at(kQRope),
          .q_rope_token = stride(kQRope, 0),
          .q_rope_head = stride(kQRope, 1),
          .q_aligned = aligned(at(kQLatent), call[kQLatent].desc) && aligned(at(kQRope), call[kQRope].desc),
          .cache = address(call[kCache]),
          .cache_row_bytes = cache.stride(0) * static_cast<std::int64_t>(dtype_size(cache.dtype)),
          .cache_rows = cache.dim(0),
          .slots = reinterpret_cast<const std::int32_t*>(at(kSlots)),
          .slots_token = stride(kSlots, 0),
          .length = reinterpret_cast<const std::int32_t*>(at(kLength)),
          .length_token = stride(kLength, 0),
          .sink = pointer<const float>(call[kSink]),
          .out = at(kOut),
          .out_token = stride(kOut, 0),
          .out_head = stride(kOut, 1),
          .lse = reinterpret_cast<float*>(at(kLse)),
          .lse_token = stride(kLse, 0),
          .max_logits = reinterpret_cast<float*>(at(kMaxLogits)),
          .max_token = stride(kMaxLogits, 0),
          .partial = nullptr,
          .splits = 1,
          .keys_per_split = 0,
          .tokens = tokens,
          .heads = static_cast<int>(call[kQLatent].desc.dim(1)),
          .k = static_cast<int>(call[kSlots].desc.dim(1)),
          .scale = call.as<SparseMlaParams>().scale};
}

Status run(Queue& queue, const OpCall& call, const Scratch& scratch, const SparseMlaKernel& kernel,
           const SplitPlan& plan) {
  auto& cuda_queue = static_cast<CudaQueue&>(queue);
  const std::int64_t tokens = tokens_of(call);
  for (std::int64_t first = 0; first < tokens; first += plan.tokens) {
    SparseMlaArgs args = args_of(call, first, std::min(plan.tokens, tokens - first));
    args.partial = reinterpret_cast<float*>(address(scratch.workspace, scratch.workspace_offset));
    args.splits = static_cast<int>(plan.splits);
    args.keys_per_split = static_cast<int>(plan.keys);
    TAMIS_RETURN_IF_ERROR(cuda_queue.launched(kernel.launch(args, cuda_queue.stream())));
    if (plan.splits == 1) continue;
    TAMIS_RETURN_IF_ERROR(cuda_queue.launched(sparse_mla_merge(args, cuda_queue.stream())));
  }
  return {};
}

template <Kernels kKernels, KvFormat kFormat, Splits kSplits>
Status launch(Queue& queue, const OpCall& call, const Scratch& scratch) {
  const SparseMlaKernel& kernel = kernel_of<kKernels, kFormat>();
  const SplitPlan plan =
      kSplits == Splits::kFixed ? fixed_plan(call) : fill_plan(call, kernel.tile, scratch.workspace_bytes);
  return run(queue, call, scratch, kernel, plan);
}

template <Kernels kKernels, KvFormat kFormat, Splits kSplits>
constexpr KernelRow row(const char* name, Features needs,
                        Reason (*prefers)(const DeviceInfo&, const OpCall&) = nullptr) {
  return {.name = name,
          .op = "sparse_mla",
          .families = kFormat == KvFormat::kPackedFp8 ? "flashmla_kv trtllm" : "flashmla_sparse fa3 trtllm",
          .needs = needs,
          .numerics = {.accuracy = "bf16",
                       .invariance = kSplits == Splits::kFixed ? Invariance::kBatch : Invariance::kRun},
          .accepts = accepts<kKernels, kFormat>,
          .prefers = prefers,
          .workspace = workspace<kKernels, kFormat, kSplits>,
          .launch = launch<kKernels, kFormat, kSplits>};
}

constexpr KvFormat kBf16 = KvFormat::kPlain, kFp8 = KvFormat::kPackedFp8;
constexpr Features kSm80{.arch_min = 80}, kSm90Only{.arch_min = 90, .arch_max = 91};
constexpr auto& k16 = kSparseMlaHeads16;
constexpr auto& k64Wgmma = kSparseMlaHeads64Wgmma;
constexpr auto& k64 = kSparseMlaHeads64Keys64;
constexpr auto& k64Small = kSparseMlaHeads64Keys32;

// "split" rows divide a token's keys as the device has room for, "invariant" ones always alike.
constexpr KernelRow kRows[] = {
    row<k16, kBf16, Splits::kFill>("cuda.sparse_mla.split_mma_sm80_h16_bf16", kSm80,
                                   prefers_few_heads<kBf16>),
    row<k64Wgmma, kBf16, Splits::kFill>("cuda.sparse_mla.split_wgmma_sm90_h64_bf16", kSm90Only),
    row<k64, kBf16, Splits::kFill>("cuda.sparse_mla.split_mma_sm90_h64_bf16", kSm80),
    row<k64Small, kBf16, Splits::kFill>("cuda.sparse_mla.split_mma_sm80_h64_bf16", kSm80),
    row<k16, kFp8, Splits::kFill>("cuda.sparse_mla.split_mma_sm80_h16_fp8", kSm80, prefers_few_heads<kFp8>),
    row<k64Wgmma, kFp8, Splits::kFill>("cuda.sparse_mla.split_wgmma_sm90_h64_fp8", kSm90Only),
    row<k64, kFp8, Splits::kFill>("cuda.sparse_mla.split_mma_sm90_h64_fp8", kSm80),
    row<k64Small, kFp8, Splits::kFill>("cuda.sparse_mla.split_mma_sm80_h64_fp8", kSm80),
    row<k16, kBf16, Splits::kFixed>("cuda.sparse_mla.invariant_mma_sm80_h16_bf16", kSm80,
                                    prefers_few_heads<kBf16>),
    row<k64Wgmma, kBf16, Splits::kFixed>("cuda.sparse_mla.invariant_wgmma_sm90_h64_bf16", kSm90Only),
    row<k64, kBf16, Splits::kFixed>("cuda.sparse_mla.invariant_mma_sm90_h64_bf16", kSm80),
    row<k64Small, kBf16, Splits::kFixed>("cuda.sparse_mla.invariant_mma_sm80_h64_bf16", kSm80),
    row<k16, kFp8, Splits::kFixed>("cuda.sparse_mla.invariant_mma_sm80_h16_fp8", kSm80,
                                   prefers_few_heads<kFp8>),
    row<k64Wgmma, kFp8, Splits::kFixed>("cuda.sparse_mla.invariant_wgmma_sm90_h64_fp8", kSm90Only),
    row<k64, kFp8, Splits::kFixed>("cuda.sparse_mla.invariant_mma_sm90_h64_fp8", kSm80),
    row<k64Small, kFp8, Splits::kFixed>("cuda.sparse_mla.invariant_mma_sm80_h64_fp8", kSm80),
};

}  // namespace

std::span<const KernelRow> rows_sparse_mla() { return kRows; }

}  // namespace tamis::cuda
