// CPU rows of mha_prefill. A task is up to 64 consecutive tokens x one head; tokens of one sequence share
// each block of 256 keys, widened to f32 once per task. Bytes: the head's keys and values once per 64
// queries; FLOPs 2 (dn + R + dv) per (token, head, key), and a quarter of a block above the diagonal; bound
// by the products.
#include "core/ops/mha_prefill/mha_prefill.h"

#include <algorithm>

#include "backends/cpu/kernels/common/attention_tile.h"
#include "backends/cpu/kernels/mha_prefill/bf16_prefill.h"
#include "backends/cpu/kernels/mha_prefill/prefill_call.h"
#include "backends/cpu/kernels/product/product_rows.h"
#include "backends/cpu/queue.h"

namespace tamis::cpu {
namespace {

using namespace mha_prefill_operand;

using prefill::RunKeys, prefill::Sizes;

constexpr std::int64_t kQueries = 64;
constexpr std::int64_t kKeys = 256;  // with dn + R + dv = 320: 330 KB of f32 keys and values

AttentionShape tile_shape(const Sizes& sizes) {
  return {kQueries, sizes.nope + sizes.rope, sizes.value, kKeys};
}

std::int64_t thread_floats(const Sizes& sizes) {
  return AttentionTile::floats(tile_shape(sizes)) + kKeys * (sizes.nope + sizes.rope + sizes.value);
}

Reason accepts(const DeviceInfo&, const OpCall&) { return accept(); }

std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  return 4 * device.units * thread_floats(Sizes(call));
}

// One thread's tile and its widened keys and values.
class HeadTask {
 public:
  HeadTask(const OpCall& call, const Gemm& gemm, float* memory)
      : call_(call),
        sizes_(call),
        rows_(*gemm.rows),
        tile_(gemm, tile_shape(sizes_), call.as<MhaPrefillParams>().scale, memory) {
    keys_ = memory + AttentionTile::floats(tile_shape(sizes_));
    values_ = keys_ + kKeys * (sizes_.nope + sizes_.rope);
  }

  void attend(const TokenRun& run, std::int64_t head) {
    load_queries(run, head);
    const RunKeys keys(call_, sizes_, run);
    const std::int64_t width = sizes_.nope + sizes_.rope;
    // Blocks begin at multiples of kKeys whatever the run, so that a token's result does not depend on its
    // neighbours.
    for (std::int64_t block = 0; block < keys.end; block += kKeys) {
      const std::int64_t n = std::min(kKeys, keys.end - block);
      load_keys(keys.start + block, n, head);
      tile_.add({n, keys_, width, values_, sizes_.value},
                [&](std::int64_t t) { return keys.visible(run.first + t, block, n); });
    }
    store(run, head);
  }

 private:
  void load_queries(const TokenRun& run, std::int64_t head) {
    const Tensor &nope = call_[kQNope], &rope = call_[kQRope];
    tile_.begin(run.count);
    for (std::int64_t t = 0; t < run.count; ++t) {
      float* query = tile_.query(t);
      rows_.load(nope.desc.dtype, row_address(nope, run.first + t, head), sizes_.nope, query);
      rows_.load(rope.desc.dtype, row_address(rope, run.first + t, head), sizes_.rope, query + sizes_.nope);
    }
  }

  void load_keys(std::int64_t first, std::int64_t n, std::int64_t head) {
    const Tensor &nope = call_[kKNope], &rope = call_[kKRope], &v = call_[kV];
    for (std::int64_t i = 0; i < n; ++i) {
      float* key = keys_ + i * (sizes_.nope + sizes_.rope);
      rows_.load(nope.desc.dtype, row_address(nope, first + i, head), sizes_.nope, key);
      rows_.load(rope.desc.dtype, row_address(rope, first + i), sizes_.rope, key + sizes_.nope);
      rows_.load(v.desc.dtype, row_address(v, first + i, head), sizes_.value, values_ + i * sizes_.value);
    }
  }

  void store(const TokenRun& run, std::int64_t head) {
    const Tensor& out = call_[kOut];
    for (std::int64_t t = 0; t < run.count; ++t) {
      rows_.store(out.desc.dtype, tile_.finish(t), sizes_.value, row_address(out, run.first + t, head));
      reinterpret_cast<float*>(row_address(call_[kLse], run.first + t))[head] = tile_.lse(t);
    }
  }

  const OpCall& call_;
  Sizes sizes_;
  const RowOps& rows_;
  AttentionTile tile_;
  float* keys_;    // [kKeys, nope + rope]
  float* values_;  // [kKeys, value]
};

template <const Gemm& gemm>
Status compute(const OpCall& call, const Scratch& scratch) {
  const Sizes sizes(call);
  auto* memory = reinterpret_cast<float*>(scratch.workspace->host() + scratch.workspace_offset);
  prefill::for_each_task(call, sizes, kQueries, [&](int thread) {
    return HeadTask(call, gemm, memory + thread * thread_floats(sizes));
  });
  return {};
}

Reason prefers_blas(const DeviceInfo&, const OpCall& call) {
  return call[kQNope].desc.dim(0) >= 8 ? accept() : reason::slower("fewer than 8 tokens");
}

#if defined(__x86_64__)
Reason accepts_bf16(const DeviceInfo&, const OpCall& call) { return prefill::accept_bf16(call); }

Reason prefers_bf16(const DeviceInfo& device, const OpCall&) { return prefer_fast_bf16_dot(device); }

std::int64_t workspace_bf16(const DeviceInfo& device, const OpCall& call) {
  return prefill::bf16_workspace(call, device.units);
}

Status compute_bf16(const OpCall& call, const Scratch& scratch) {
  prefill::bf16_prefill(call, scratch.workspace->host() + scratch.workspace_offset);
  return {};
}

Reason accepts_vectors(const DeviceInfo&, const OpCall& call) {
  const std::int64_t value = call[kV].desc.dim(2);
  return value % 16 == 0 ? accept() : reason::size("dv", value, "a multiple of 16");
}
#endif

// A row: `base` says its name and what it needs beside the product.
template <const Gemm& gemm>
constexpr KernelRow row(KernelRow base) {
  base.op = "mha_prefill";
  if (base.accepts == nullptr) base.accepts = accepts;
  base.workspace = workspace;
  base.launch = launch<&compute<gemm>>;
  return base;
}

constexpr KernelRow kRows[] = {
#if defined(__x86_64__)
    {.name = "cpu.mha_prefill.avx512_bf16",
     .op = "mha_prefill",
     .families = "avx512",
     .needs = {.all_of = kBf16ProductNeeds},
     .accepts = accepts_bf16,
     .prefers = prefers_bf16,
     .workspace = workspace_bf16,
     .launch = launch<&compute_bf16>},
    row<kAvx512Gemm>({.name = "cpu.mha_prefill.avx512",
                      .families = "avx512",
                      .needs = {.all_of = kAvx512},
                      .accepts = accepts_vectors}),
    row<kAvx2Gemm>({.name = "cpu.mha_prefill.avx2",
                    .families = "avx2",
                    .needs = {.all_of = kAvx2},
                    .accepts = accepts_vectors}),
#endif
    row<kBlasGemm>({.name = "cpu.mha_prefill.openblas",
                    .families = "openblas",
                    .needs = {.all_of = kOpenBlas},
                    .prefers = prefers_blas}),
    row<kPortableGemm>({.name = "cpu.mha_prefill.portable",
                        .families = "portable",
                        .numerics = {.invariance = Invariance::kBatch}}),
};

}  // namespace

std::span<const KernelRow> rows_mha_prefill() { return kRows; }

}  // namespace tamis::cpu
