// CPU rows of dense_mla. A task is up to 128 (token, head) query rows of consecutive tokens; tokens of one
// sequence share each block of 64 positions, decoded once to f32 for all of them, and mask by their own ke.
// Bytes: the sequence's rows once per task; FLOPs 2 h (2 C + R) per (token, key): bound by the products.
#include "core/ops/dense_mla/dense_mla.h"

#include <algorithm>

#include "backends/cpu/kernels/common/token_runs.h"
#include "backends/cpu/kernels/product/product_rows.h"
#include "backends/cpu/kernels/sparse_mla/latent_attention.h"
#include "backends/cpu/kernels/sparse_mla/latent_rows.h"
#include "backends/cpu/queue.h"
#include "backends/cpu/threads.h"

namespace tamis::cpu {
namespace {

using namespace dense_mla_operand;

constexpr std::int64_t kMaxTokens =
    32;  // per tile; more leaves too few tasks and masks more of the last block

Reason accepts(const DeviceInfo&, const OpCall&) { return accept(); }

KvLayout layout_of(const OpCall& call) {
  const auto& params = call.as<DenseMlaParams>();
  return {params.format, params.c, params.r};
}

std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  const LatentTiling tiling = latent_tiling(call[kQLatent].desc, kMaxTokens, device.units);
  return latent_workspace(tiling, layout_of(call), device.units);
}

LatentOperands operands_of(const OpCall& call) {
  return {.q_latent = &call[kQLatent],
          .q_rope = &call[kQRope],
          .cache = &call[kCache],
          .out = &call[kOut],
          .lse = &call[kLse],
          .layout = layout_of(call),
          .scale = call.as<DenseMlaParams>().scale,
          .vectors = nullptr};
}

// All blocks of the run's sequence. Blocks begin at multiples of 64 positions whatever the run, so that a
// token's result does not depend on which tokens share its tile.
void attend_run(const OpCall& call, const TokenRun& run, LatentTile& tile) {
  const PagedKeys keys{&call[kPageTable], call.as<DenseMlaParams>().page_size, call[kCache].desc.dim(0)};
  const std::int64_t limit = call[kPageTable].desc.dim(1) * keys.page_size;
  std::int64_t end = 0;
  for (std::int64_t t = 0; t < run.count; ++t)
    end = std::max(end, visible_keys(call[kKe], run.first + t, limit));
  for (std::int64_t block = 0; block < end; block += LatentTile::kKeys) {
    std::int64_t positions[LatentTile::kKeys];
    std::int64_t n = 0;
    for (std::int64_t position = block; position < std::min(end, block + LatentTile::kKeys); ++position) {
      const std::int64_t slot = paged_slot(keys, run.seq, position);
      if (slot < 0) continue;
      tile.load_key(n, slot);
      positions[n++] = position;
    }
    if (n == 0) continue;
    tile.attend(n, [&](std::int64_t token) {
      const std::int64_t ke = visible_keys(call[kKe], run.first + token, limit);
      return std::lower_bound(positions, positions + n, ke) - positions;
    });
  }
}

// vectors: null where plain code decodes the cache.
template <const Gemm& gemm, const F32Kernels* vectors = nullptr>
Status compute(const OpCall& call, const Scratch& scratch) {
  const std::int64_t tokens = call[kQLatent].desc.dim(0), heads = call[kQLatent].desc.dim(1);
  const LatentTiling tiling = latent_tiling(call[kQLatent].desc, kMaxTokens, thread_count());
  LatentOperands operands = operands_of(call);
  operands.vectors = vectors;
  auto* memory = reinterpret_cast<float*>(scratch.workspace->host() + scratch.workspace_offset);
  parallel_for(tiling.tasks(), 1, [&](std::int64_t begin, std::int64_t end, int thread) {
    LatentTile tile(operands, tiling, gemm, memory + thread * LatentTile::floats(tiling, operands.layout));
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t first = task / tiling.head_tiles * tiling.tokens;
      const std::int64_t last = std::min(tokens, first + tiling.tokens);
      const std::int64_t head = task % tiling.head_tiles * tiling.heads;
      for (std::int64_t t = first; t < last;) {
        const TokenRun run = token_run(call[kSeqOfToken], t, last);
        tile.begin(run.first, run.count, head, std::min(tiling.heads, heads - head));
        attend_run(call, run, tile);
        tile.finish();
        t += run.count;
      }
    }
  });
  return {};
}

// Few query rows per sequence leave sgemm too little to do (cpu.sparse_mla.openblas has the figures).
Reason prefers_blas(const DeviceInfo&, const OpCall& call) {
  return call[kQLatent].desc.dim(1) >= 4 ? accept() : reason::slower("fewer than 4 heads");
}

#if defined(__x86_64__)
std::int64_t longest_list(const OpCall& call) {
  return call[kPageTable].desc.dim(1) * call.as<DenseMlaParams>().page_size;
}

mla::RowWalker walk(const OpCall& call, std::int64_t token, std::int64_t split, std::int64_t splits) {
  const PagedKeys keys{&call[kPageTable], call.as<DenseMlaParams>().page_size, call[kCache].desc.dim(0)};
  const std::int64_t length = visible_keys(call[kKe], token, longest_list(call));
  mla::RowWalker rows(call[kCache], keys, data<std::int32_t>(call[kSeqOfToken])[token], length);
  rows.take_part(length, split, splits);
  return rows;
}

struct Op {
  static constexpr const char* kName = "dense_mla";
  static LatentOperands operands(const OpCall& call) { return operands_of(call); }
  static mla::KeyLists lists(const OpCall& call) {
    return {call, longest_list(call), walk, &call[kSeqOfToken], &call[kKe]};
  }
};

// The row widens keys for each token, the f32 ones for up to 32.
Reason prefers_bf16(const DeviceInfo& device, const OpCall& call) {
  if (Reason why = prefer_fast_bf16_dot(device); !why.accepted()) return why;
  const TensorDesc& q = call[kQLatent].desc;
  return q.dim(1) >= 16 || q.dim(0) == 1 ? accept() : reason::slower("fewer than 16 heads");
}

Reason accepts_vectors(const DeviceInfo&, const OpCall& call) {
  return accept_latent_vectors(layout_of(call));
}
#endif

// A row: `base` says its name and what it needs beside the product.
template <const Gemm& gemm, const F32Kernels* vectors = nullptr>
constexpr KernelRow row(KernelRow base) {
  base.op = "dense_mla";
  if (base.accepts == nullptr) base.accepts = accepts;
  base.workspace = workspace;
  base.launch = launch<&compute<gemm, vectors>>;
  return base;
}

constexpr KernelRow kRows[] = {
#if defined(__x86_64__)
    mla::amx_row<Op>({.name = "cpu.dense_mla.amx_bf16"}),
    mla::avx512_bf16_row<Op>({.name = "cpu.dense_mla.avx512_bf16", .prefers = prefers_bf16}),
    row<kAvx512Gemm, &kF32Avx512>({.name = "cpu.dense_mla.avx512",
                                   .families = "avx512",
                                   .needs = {.all_of = kAvx512},
                                   .accepts = accepts_vectors}),
    row<kAvx2Gemm, &kF32Avx2>({.name = "cpu.dense_mla.avx2",
                               .families = "avx2",
                               .needs = {.all_of = kAvx2},
                               .accepts = accepts_vectors}),
#endif
    row<kBlasGemm>({.name = "cpu.dense_mla.openblas",
                    .families = "openblas",
                    .needs = {.all_of = kOpenBlas},
                    .prefers = prefers_blas}),
    row<kPortableGemm>({.name = "cpu.dense_mla.portable",
                        .families = "portable",
                        .numerics = {.invariance = Invariance::kBatch}}),
};

}  // namespace

std::span<const KernelRow> rows_dense_mla() { return kRows; }

}  // namespace tamis::cpu
