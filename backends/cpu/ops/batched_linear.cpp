// CPU rows of batched_linear. Work is cut into (head, 64 outputs). Weights [h, N, K] go through a product
// (kernels/product/product.h). Weights [h, K, N] are widened to f32, [K, 64 outputs], and meet the tokens 64
// at a time: K is at most 512 in the published models, 128 KiB. Each weight element is read from memory once,
// x once per block of outputs. Bound by memory for few tokens (a decode step reads h N K weights for 2 FLOPs
// each per token), by the multiplication otherwise.
#include "core/ops/batched_linear/batched_linear.h"

#include "backends/cpu/blas.h"
#include "backends/cpu/kernels/common/rows.h"
#include "backends/cpu/kernels/product/f32.h"
#include "backends/cpu/kernels/product/product_rows.h"
#include "backends/cpu/kernels/product/runs.h"
#include "backends/cpu/queue.h"
#include "backends/cpu/weight_access.h"

namespace tamis::cpu {
namespace {

using namespace batched_linear_operand;

constexpr std::int64_t kBlockOutputs = 64;
// Tokens at a time: a product widens its weights for each block of them.
constexpr std::int64_t kKnBlockTokens = 64, kNkBlockTokens = 256;

// How a row multiplies: weights [N, K] by a product; [K, N] by widening rows of it (columns from `first`) to
// dst[rows, kBlockOutputs], and adding a[m, k] · b[k, n] to c.
struct KnKernels {
  void (*widen)(const Weight& weight, const WeightBlock& block, float* dst);
  void (*add)(const TileShape& shape, const float* a, const float* b, float* c);
};

// One thread's workspace: the prepared tokens and the product's scratch, or x and w in f32; then c.
struct Sizes {
  std::int64_t k, tokens, row, x, w, thread;

  Sizes(const Product& product, const OpCall& call) {
    const bool kn = call.as<BatchedLinearParams>().w_is_kn;
    k = call[kX].desc.dim(2);
    tokens = std::min(call[kX].desc.dim(0), kn ? kKnBlockTokens : kNkBlockTokens);
    row = kn ? 4 * ((k + 15) / 16 * 16) : product.row_bytes(k);
    x = tokens * row;
    w = kn ? 4 * k * kBlockOutputs : product.scratch_bytes(k);
    thread = x + w + 4 * std::max((k + 15) / 16 * 16, tokens * kBlockOutputs);
  }
};

template <const Product& product>
std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  return device.units * Sizes(product, call).thread;
}

// Outputs [first, first + count) of one head.
struct Task {
  std::int64_t head, first, count;
};

void widen_portable(const Weight& weight, const WeightBlock& block, float* dst) {
  for (std::int64_t r = 0; r < block.rows; ++r) {
    widen_weight(weight, {block.first_row + r, 1, block.first_col, block.cols}, dst + r * kBlockOutputs);
  }
}

template <const F32Kernels& kernels>
void widen_vectors(const Weight& weight, const WeightBlock& block, float* dst) {
  for_each_run(weight, block.first_row, block.rows, [&](const WeightRows& run, std::int64_t at) {
    kernels.widen(run, {block.first_col, block.cols, dst + at * kBlockOutputs, kBlockOutputs});
  });
}

// Running sums of all outputs, one weight row after the other.
void add_portable(const TileShape& s, const float* a, const float* b, float* c) {
  for (std::int64_t t = 0; t < s.m; ++t) {
    for (std::int64_t i = 0; i < s.k; ++i) {
      const float value = a[t * s.lda + i];
      for (std::int64_t j = 0; j < s.n; ++j) c[t * s.ldc + j] += value * b[i * s.ldb + j];
    }
  }
}

void add_blas(const TileShape& s, const float* a, const float* b, float* c) {
  sgemm_nn({s.m, s.n, s.k, s.lda, s.ldb, s.ldc}, a, b, c, 1.0f, 1.0f);
}

template <const F32Kernels& kernels>
void add_vectors(const TileShape& s, const float* a, const float* b, float* c) {
  kernels.add_nn({s.m, (s.n + 15) / 16 * 16, s.k, s.lda, s.ldb, s.ldc}, a, b, c);
}

// Activations that a [K, N] product can read where they lie.
bool read_in_place(const OpCall& call) {
  const auto& params = call.as<BatchedLinearParams>();
  return params.w_is_kn && params.act_quant == ActQuant::kNone && call[kX].desc.dtype == DType::kF32;
}

// Tokens [first, first + count) of a task.
struct Tokens {
  std::int64_t first, count;
};

// c[tokens, 64] = x · W of the task.
template <const Product& product, const KnKernels& kn>
void multiply(const OpCall& call, const Task& task, const Tokens& tokens, std::byte* memory, float* c) {
  const Sizes sizes(product, call);
  const auto& params = call.as<BatchedLinearParams>();
  if (!params.w_is_kn) {
    const std::int64_t first_row = task.head * call[kY].desc.dim(2) + task.first;
    const ProductInput in{call[kWeight].weight, params.act_quant, sizes.k, memory,
                          tokens.count,         memory + sizes.x};
    return product.multiply(in, first_row, task.count, c, kBlockOutputs);
  }
  const bool in_place = read_in_place(call);
  const std::byte* x = in_place ? row_address(call[kX], tokens.first, task.head) : memory;
  const std::int64_t x_stride = in_place ? call[kX].desc.stride(0) : sizes.row / 4;
  const auto* w = reinterpret_cast<const float*>(memory + sizes.x);
  std::fill_n(c, tokens.count * kBlockOutputs, 0.0f);
  kn.add({tokens.count, task.count, sizes.k, x_stride, kBlockOutputs, kBlockOutputs},
         reinterpret_cast<const float*>(x), w, c);
}

template <const Product& product>
void prepare(const OpCall& call, std::int64_t row, float* scratch, std::byte* dst) {
  const auto& params = call.as<BatchedLinearParams>();
  const std::int64_t k = call[kX].desc.dim(2);
  auto* values = params.w_is_kn ? reinterpret_cast<float*>(dst) : scratch;
  load_row(call[kX], row, values);
  if (params.w_is_kn) return fake_quantize_row(kPortableRowOps, params.act_quant, values, k);
  product.prepare(params.act_quant, values, k, dst);
}

template <const Product& product, const KnKernels& kn>
void run_task(const OpCall& call, const Task& task, std::byte* memory) {
  const Sizes sizes(product, call);
  const Tensor& y = call[kY];
  const std::int64_t tokens = y.desc.dim(0), heads = y.desc.dim(1);
  const auto y_size = static_cast<std::int64_t>(dtype_size(y.desc.dtype));
  auto* c = reinterpret_cast<float*>(memory + sizes.x + sizes.w);
  if (call.as<BatchedLinearParams>().w_is_kn) {
    auto* w = reinterpret_cast<float*>(memory + sizes.x);
    if (task.count < kBlockOutputs) std::fill_n(w, sizes.k * kBlockOutputs, 0.0f);
    kn.widen(*call[kWeight].weight, {task.head * sizes.k, sizes.k, task.first, task.count}, w);
  }
  for (std::int64_t begin = 0; begin < tokens; begin += sizes.tokens) {
    const std::int64_t count = std::min(sizes.tokens, tokens - begin);
    for (std::int64_t t = 0; t < count && !read_in_place(call); ++t) {
      prepare<product>(call, (begin + t) * heads + task.head, c, memory + t * sizes.row);
    }
    multiply<product, kn>(call, task, {begin, count}, memory, c);
    for (std::int64_t t = 0; t < count; ++t) {
      std::byte* dst = row_address(y, begin + t, task.head) + task.first * y_size;
      store_floats(y.desc.dtype, c + t * kBlockOutputs, task.count, dst);
    }
  }
}

template <const Product& product, const KnKernels& kn>
Status compute(const OpCall& call, const Scratch& scratch) {
  const Sizes sizes(product, call);
  const std::int64_t heads = call[kX].desc.dim(1), n = call[kY].desc.dim(2);
  const std::int64_t blocks_per_head = (n + kBlockOutputs - 1) / kBlockOutputs;
  std::byte* memory = scratch.workspace->host() + scratch.workspace_offset;
  parallel_for(heads * blocks_per_head, 1, [&](std::int64_t begin, std::int64_t end, int thread) {
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t first = item % blocks_per_head * kBlockOutputs;
      const Task task{item / blocks_per_head, first, std::min(kBlockOutputs, n - first)};
      run_task<product, kn>(call, task, memory + thread * sizes.thread);
    }
  });
  return {};
}

Reason accepts_bf16(const DeviceInfo& device, const OpCall& call) {
  const auto& params = call.as<BatchedLinearParams>();
  if (params.w_is_kn) return reject("w is [h, K, N], the row takes [h, N, K]");
  Reason stored = accepts_stored_weights(device, call);
  return stored.accepted() ? accept_bf16_product(call[kX], call[kWeight], params.act_quant) : stored;
}

Reason prefers_bf16_dot(const DeviceInfo& device, const OpCall& call) {
  return prefer_bf16_product(device, call[kX].desc.dim(0));
}

constexpr KnKernels kPortableKn{&widen_portable, &add_portable}, kBlasKn{&widen_portable, &add_blas};
#if defined(__x86_64__)
constexpr KnKernels kAvx2Kn{&widen_vectors<kF32Avx2>, &add_vectors<kF32Avx2>};
constexpr KnKernels kAvx512Kn{&widen_vectors<kF32Avx512>, &add_vectors<kF32Avx512>};
#endif

Reason prefers_blas(const DeviceInfo&, const OpCall& call) {
  return call[kX].desc.dim(0) >= 4 ? accept() : reason::slower("fewer than 4 tokens");
}

constexpr auto kRows = product_rows({
  .op = "batched_linear",
  .names = {"cpu.batched_linear.amx_bf16", "cpu.batched_linear.avx512_bf16", "cpu.batched_linear.avx512",
            "cpu.batched_linear.avx2",     "cpu.batched_linear.openblas",    "cpu.batched_linear.portable"},
  .accepts = accepts_stored_weights, .accepts_bf16 = accepts_bf16, .prefers_bf16_dot = prefers_bf16_dot,
  .prefers_blas = prefers_blas,
#if defined(__x86_64__)
  .amx = {workspace<kAmxBlocksProduct>, launch<&compute<kAmxBlocksProduct, kAvx512Kn>>},
  .avx512_bf16 = {workspace<kAvx512Bf16Product>, launch<&compute<kAvx512Bf16Product, kAvx512Kn>>},
  .avx512 = {workspace<kAvx512Product>, launch<&compute<kAvx512Product, kAvx512Kn>>},
  .avx2 = {workspace<kAvx2Product>, launch<&compute<kAvx2Product, kAvx2Kn>>},
#endif
  .openblas = {workspace<kBlasProduct>, launch<&compute<kBlasProduct, kBlasKn>>},
  .portable = {workspace<kPortableProduct>, launch<&compute<kPortableProduct, kPortableKn>>},
});

}  // namespace

std::span<const KernelRow> rows_batched_linear() { return kRows; }

}  // namespace tamis::cpu
