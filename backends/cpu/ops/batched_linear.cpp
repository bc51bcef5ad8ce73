// CPU rows of batched_linear. Work is cut into (head, 64 outputs): a thread widens that block of the weight
// to f32 once (64 K floats, in the second-level cache up to K = 512), then takes the tokens 64 at a time.
// Each weight element is read from memory once, x once per block of outputs. Bound by memory for few tokens
// (a decode step reads h N K weights for 2 FLOPs each per token), by the multiplication otherwise. The
// OpenBLAS row multiplies with sgemm, the portable row with plain loops.
#include "core/ops/batched_linear/batched_linear.h"

#include "backends/cpu/blas.h"
#include "backends/cpu/kernels/common/rows.h"
#include "backends/cpu/queue.h"
#include "backends/cpu/weight_access.h"

namespace tamis::cpu {
namespace {

using namespace batched_linear_operand;

constexpr std::int64_t kBlockOutputs = 64;
constexpr std::int64_t kBlockTokens = 64;

// One thread's workspace.
struct Blocks {
  float* w;    // [outputs, K], or [K, outputs] if w_is_kn
  float* x;    // [tokens, K]
  float* out;  // [tokens, outputs]
};

std::int64_t thread_floats(const OpCall& call) {
  const std::int64_t k = call[kX].desc.dim(2);
  return kBlockOutputs * k + kBlockTokens * k + kBlockTokens * kBlockOutputs;
}

std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  return thread_workspace_bytes(device, thread_floats(call));
}

Blocks thread_blocks(const OpCall& call, const Scratch& scratch, int thread) {
  float* w = thread_workspace(scratch, thread, thread_floats(call));
  const std::int64_t k = call[kX].desc.dim(2);
  return {w, w + kBlockOutputs * k, w + (kBlockOutputs + kBlockTokens) * k};
}

// Outputs [first, first + count) of one head.
struct Task {
  std::int64_t head, first, count;
};

void widen_block(const OpCall& call, const Task& task, float* dst) {
  const std::int64_t k = call[kX].desc.dim(2), n = call[kY].desc.dim(2);
  if (call.as<BatchedLinearParams>().w_is_kn) {
    widen_weight(*call[kWeight].weight, {task.head * k, k, task.first, task.count}, dst);
  } else {
    widen_weight(*call[kWeight].weight, {task.head * n + task.first, task.count, 0, k}, dst);
  }
}

// out[t, j] = x[t] · w[j].
void multiply_nt(const float* x, const float* w, const SgemmShape& s, float* out) {
  for (std::int64_t t = 0; t < s.m; ++t) {
    const float* a = x + t * s.lda;
    for (std::int64_t j = 0; j < s.n; ++j) {
      const float* b = w + j * s.ldb;
      out[t * s.ldc + j] = lane_sum<float>(s.k, [a, b](std::int64_t i) { return a[i] * b[i]; });
    }
  }
}

// out[t] = sum over i of x[t, i] · w[i]: running sums of all outputs, one weight row after the other.
void multiply_nn(const float* x, const float* w, const SgemmShape& s, float* out) {
  for (std::int64_t t = 0; t < s.m; ++t) {
    float* sums = out + t * s.ldc;
    std::fill(sums, sums + s.n, 0.0f);
    for (std::int64_t i = 0; i < s.k; ++i) {
      const float value = x[t * s.lda + i];
      const float* b = w + i * s.ldb;
      for (std::int64_t j = 0; j < s.n; ++j) sums[j] += value * b[j];
    }
  }
}

void multiply_nt_blas(const float* x, const float* w, const SgemmShape& s, float* out) {
  sgemm_nt(s, x, w, out);
}
void multiply_nn_blas(const float* x, const float* w, const SgemmShape& s, float* out) {
  sgemm_nn(s, x, w, out);
}

using MultiplyFn = void (*)(const float* x, const float* w, const SgemmShape& shape, float* out);

template <MultiplyFn nt, MultiplyFn nn>
void run_task(const OpCall& call, const Task& task, const Blocks& blocks) {
  const auto& params = call.as<BatchedLinearParams>();
  const Tensor &x = call[kX], &y = call[kY];
  const std::int64_t tokens = x.desc.dim(0), heads = x.desc.dim(1), k = x.desc.dim(2);
  const auto y_size = static_cast<std::int64_t>(dtype_size(y.desc.dtype));
  widen_block(call, task, blocks.w);
  for (std::int64_t begin = 0; begin < tokens; begin += kBlockTokens) {
    const std::int64_t count = std::min(kBlockTokens, tokens - begin);
    for (std::int64_t t = 0; t < count; ++t) {
      load_row(x, (begin + t) * heads + task.head, blocks.x + t * k);
      fake_quantize_row(params.act_quant, blocks.x + t * k, k);
    }
    const SgemmShape shape{count, task.count, k, k, params.w_is_kn ? task.count : k, task.count};
    (params.w_is_kn ? nn : nt)(blocks.x, blocks.w, shape, blocks.out);
    for (std::int64_t t = 0; t < count; ++t) {
      std::byte* dst = row_address(y, begin + t, task.head) + task.first * y_size;
      store_floats(y.desc.dtype, blocks.out + t * task.count, task.count, dst);
    }
  }
}

template <MultiplyFn nt, MultiplyFn nn>
Status compute(const OpCall& call, const Scratch& scratch) {
  const std::int64_t heads = call[kX].desc.dim(1), n = call[kY].desc.dim(2);
  const std::int64_t blocks_per_head = (n + kBlockOutputs - 1) / kBlockOutputs;
  parallel_for(heads * blocks_per_head, 1, [&](std::int64_t begin, std::int64_t end, int thread) {
    const Blocks blocks = thread_blocks(call, scratch, thread);
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t first = item % blocks_per_head * kBlockOutputs;
      const Task task{item / blocks_per_head, first, std::min(kBlockOutputs, n - first)};
      run_task<nt, nn>(call, task, blocks);
    }
  });
  return {};
}

Reason prefers_blas(const DeviceInfo&, const OpCall& call) {
  return call[kX].desc.dim(0) >= 4 ? accept() : reason::slower("fewer than 4 tokens");
}

constexpr KernelRow kRows[] = {
    {.name = "cpu.batched_linear.openblas",
     .op = "batched_linear",
     .families = "openblas",
     .needs = {.all_of = kOpenBlas},
     .accepts = accepts_stored_weights,
     .prefers = prefers_blas,
     .workspace = workspace,
     .launch = launch<&compute<&multiply_nt_blas, &multiply_nn_blas>>},
    {.name = "cpu.batched_linear.portable",
     .op = "batched_linear",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accepts_stored_weights,
     .workspace = workspace,
     .launch = launch<&compute<&multiply_nt, &multiply_nn>>},
};

}  // namespace

std::span<const KernelRow> rows_batched_linear() { return kRows; }

}  // namespace tamis::cpu
