// CPU rows of sparse_mla. A task is one token with all its heads: its valid slots are gathered, 64 cache rows
// at a time, into an f32 block that stays in the L2 cache, and multiplied with all heads' queries. Bytes: k
// cache rows per token; FLOPs 2 h k (2 C + R) per token: at 4 heads or more bound by the products, below that
// by decoding the rows.
#include "core/ops/sparse_mla/sparse_mla.h"

#include <algorithm>

#include "backends/cpu/kernels/product/product_rows.h"
#include "backends/cpu/kernels/sparse_mla/latent_attention.h"
#include "backends/cpu/kernels/sparse_mla/latent_rows.h"
#include "backends/cpu/queue.h"
#include "backends/cpu/threads.h"

namespace tamis::cpu {
namespace {

using namespace sparse_mla_operand;

Reason accepts(const DeviceInfo&, const OpCall&) { return accept(); }

KvLayout layout_of(const OpCall& call) {
  const auto& params = call.as<SparseMlaParams>();
  return {params.format, params.c, params.r};
}

std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  return latent_workspace(latent_tiling(call[kQLatent].desc, 1, device.units), layout_of(call), device.units);
}

LatentOperands operands_of(const OpCall& call) {
  const auto optional = [&](int i) { return call[i].present() ? &call[i] : nullptr; };
  return {.q_latent = &call[kQLatent],
          .q_rope = &call[kQRope],
          .cache = &call[kCache],
          .sink = optional(kSink),
          .out = &call[kOut],
          .lse = &call[kLse],
          .max_logits = optional(kMaxLogits),
          .layout = layout_of(call),
          .scale = call.as<SparseMlaParams>().scale,
          .vectors = nullptr};
}

// Gathers the token's valid slots block by block, so that its result depends on nothing but its own list.
void attend_token(const OpCall& call, std::int64_t t, LatentTile& tile) {
  const auto* slots = reinterpret_cast<const std::int32_t*>(row_address(call[kSlots], t));
  std::int64_t length = call[kSlots].desc.dim(1);
  if (call[kLength].present()) length = std::min<std::int64_t>(length, data<std::int32_t>(call[kLength])[t]);
  const std::int64_t cache_slots = call[kCache].desc.dim(0);
  std::int64_t n = 0;
  const auto attend = [&] { tile.attend(n, [n](std::int64_t) { return n; }); };
  for (std::int64_t i = 0; i < length; ++i) {
    if (slots[i] < 0 || slots[i] >= cache_slots) continue;
    tile.load_key(n++, slots[i]);
    if (n < LatentTile::kKeys) continue;
    attend();
    n = 0;
  }
  if (n > 0) attend();
}

// vectors: null where plain code decodes the cache.
template <const Gemm& gemm, const F32Kernels* vectors = nullptr>
Status compute(const OpCall& call, const Scratch& scratch) {
  const LatentTiling tiling = latent_tiling(call[kQLatent].desc, 1, thread_count());
  LatentOperands operands = operands_of(call);
  operands.vectors = vectors;
  const std::int64_t heads = call[kQLatent].desc.dim(1);
  auto* memory = reinterpret_cast<float*>(scratch.workspace->host() + scratch.workspace_offset);
  parallel_for(tiling.tasks(), 1, [&](std::int64_t begin, std::int64_t end, int thread) {
    LatentTile tile(operands, tiling, gemm, memory + thread * LatentTile::floats(tiling, operands.layout));
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t t = task / tiling.head_tiles, head = task % tiling.head_tiles * tiling.heads;
      tile.begin(t, 1, head, std::min(tiling.heads, heads - head));
      attend_token(call, t, tile);
      tile.finish();
    }
  });
  return {};
}

#if defined(__x86_64__)
struct Op {
  static constexpr const char* kName = "sparse_mla";
  static LatentOperands operands(const OpCall& call) { return operands_of(call); }
  static mla::KeyLists lists(const OpCall& call) {
    const auto walk = [](const OpCall& of, std::int64_t token, std::int64_t split, std::int64_t splits) {
      return mla::RowWalker(of, token, split, splits);
    };
    return {call, call[kSlots].desc.dim(1), walk};
  }
};

Reason accepts_vectors(const DeviceInfo&, const OpCall& call) {
  return accept_latent_vectors(layout_of(call));
}
#endif

// One Zen 5 core, f32 cache, k 128, C 512, R 64, per token: 1 head 37 us against 15 of the portable row, 4
// heads 38 against 36, 8 heads 53 against 68, 16 heads 76 against 139.
Reason prefers_blas(const DeviceInfo&, const OpCall& call) {
  return call[kQLatent].desc.dim(1) >= 4 ? accept() : reason::slower("fewer than 4 heads");
}

// A row over f32 products: `base` says its name and what it needs beside the product.
template <const Gemm& gemm, const F32Kernels* vectors = nullptr>
constexpr KernelRow row(KernelRow base) {
  base.op = "sparse_mla";
  if (base.accepts == nullptr) base.accepts = accepts;
  base.workspace = workspace;
  base.launch = launch<&compute<gemm, vectors>>;
  return base;
}

constexpr KernelRow kRows[] = {
#if defined(__x86_64__)
    mla::amx_row<Op>({.name = "cpu.sparse_mla.amx_bf16"}),
    mla::avx512_bf16_row<Op>({.name = "cpu.sparse_mla.avx512_bf16"}),
    row<kAvx512Gemm, &kF32Avx512>({.name = "cpu.sparse_mla.avx512",
                                   .families = "avx512",
                                   .needs = {.all_of = kAvx512},
                                   .accepts = accepts_vectors}),
    row<kAvx2Gemm, &kF32Avx2>({.name = "cpu.sparse_mla.avx2",
                               .families = "avx2",
                               .needs = {.all_of = kAvx2},
                               .accepts = accepts_vectors}),
#endif
    row<kBlasGemm>({.name = "cpu.sparse_mla.openblas",
                    .families = "openblas",
                    .needs = {.all_of = kOpenBlas},
                    .prefers = prefers_blas}),
    row<kPortableGemm>({.name = "cpu.sparse_mla.portable",
                        .families = "portable",
                        .numerics = {.invariance = Invariance::kBatch}}),
};

}  // namespace

std::span<const KernelRow> rows_sparse_mla() { return kRows; }

}  // namespace tamis::cpu
