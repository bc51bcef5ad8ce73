// CPU rows of linear. Both widen the weight to f32 in blocks that stay in the cache; the OpenBLAS row
// multiplies them with sgemm, the portable row with plain loops.
#include "core/ops/linear/linear.h"

#include <algorithm>

#include "backends/cpu/blas.h"
#include "backends/cpu/host_tensor.h"
#include "backends/cpu/queue.h"
#include "backends/cpu/threads.h"
#include "backends/cpu/weight_access.h"

namespace tamis::cpu {
namespace {

using namespace linear_operand;

constexpr std::int64_t kBlockRows = 32;  // weight rows widened at a time by one thread
constexpr std::int64_t kTokenBlock =
    256;  // activation rows widened at a time: bounds the workspace for long prefills

Reason accepts(const DeviceInfo&, const OpCall& call) {
  if (!is_activation(call[kX].desc.dtype))
    return reason::dtype("x", dtype_name(call[kX].desc.dtype), "f32, bf16, f16");
  if (!is_activation(call[kY].desc.dtype))
    return reason::dtype("y", dtype_name(call[kY].desc.dtype), "f32, bf16, f16");
  if (call[kWeight].weight != nullptr && !call[kWeight].weight->stored()) {
    return reason::weight_layout(call[kWeight].weight->layout);
  }
  return accept();
}

// Floats: the activations of a token block, then per thread a weight block and its outputs.
std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  const std::int64_t tokens = std::min(call[kX].desc.dim(0), kTokenBlock), k = call[kX].desc.dim(1);
  return 4 * (tokens * k + device.units * (kBlockRows * k + tokens * kBlockRows));
}

void load_activations(const OpCall& call, std::int64_t first, std::int64_t count, float* dst) {
  const Tensor& x = call[kX];
  const std::int64_t k = x.desc.dim(1);
  for (std::int64_t t = 0; t < count; ++t) {
    load_floats(x.desc.dtype, row_address(x, first + t), k, dst + t * k);
    fake_quantize_row(call.as<LinearParams>().act_quant, dst + t * k, k);
  }
}

// out[t, j] = x[t] · w[j]; eight running sums so that the compiler can vectorise without reassociating one
// sum.
void multiply_block(const float* x, const float* w, const SgemmShape& s, float* out) {
  for (std::int64_t t = 0; t < s.m; ++t) {
    for (std::int64_t j = 0; j < s.n; ++j) {
      float sums[8] = {};
      const float* a = x + t * s.lda;
      const float* b = w + j * s.ldb;
      std::int64_t i = 0;
      for (; i + 8 <= s.k; i += 8) {
        for (int lane = 0; lane < 8; ++lane) sums[lane] += a[i + lane] * b[i + lane];
      }
      for (; i < s.k; ++i) sums[i % 8] += a[i] * b[i];
      float total = 0;
      for (float sum : sums) total += sum;
      out[t * s.ldc + j] = total;
    }
  }
}

using MultiplyFn = void (*)(const float* x, const float* w, const SgemmShape& shape, float* out);

template <MultiplyFn multiply>
Status compute(const OpCall& call, const Scratch& scratch) {
  const Tensor& y = call[kY];
  const std::int64_t tokens = call[kX].desc.dim(0), k = call[kX].desc.dim(1), n = y.desc.dim(1);
  const std::int64_t block_tokens = std::min(tokens, kTokenBlock);
  auto* x = reinterpret_cast<float*>(scratch.workspace->host() + scratch.workspace_offset);
  float* per_thread = x + block_tokens * k;
  const std::int64_t thread_floats = kBlockRows * k + block_tokens * kBlockRows;
  const std::int64_t blocks = (n + kBlockRows - 1) / kBlockRows;
  for (std::int64_t first = 0; first < tokens; first += kTokenBlock) {
    const std::int64_t count = std::min(kTokenBlock, tokens - first);
    load_activations(call, first, count, x);
    parallel_for(blocks, 1, [&](std::int64_t begin, std::int64_t end, int thread) {
      float* w = per_thread + thread * thread_floats;
      float* out = w + kBlockRows * k;
      for (std::int64_t b = begin; b < end; ++b) {
        const std::int64_t j = b * kBlockRows, rows = std::min(kBlockRows, n - j);
        widen_weight(*call[kWeight].weight, {j, rows, 0, k}, w);
        multiply(x, w, {count, rows, k, k, k, rows}, out);
        for (std::int64_t t = 0; t < count; ++t) {
          std::byte* dst =
              row_address(y, first + t) + j * static_cast<std::int64_t>(dtype_size(y.desc.dtype));
          store_floats(y.desc.dtype, out + t * rows, rows, dst);
        }
      }
    });
  }
  return {};
}

void multiply_blas(const float* x, const float* w, const SgemmShape& shape, float* out) {
  sgemm_nt(shape, x, w, out);
}

Reason prefers_blas(const DeviceInfo&, const OpCall& call) {
  return call[kX].desc.dim(0) >= 4 ? accept() : reason::slower("fewer than 4 tokens");
}

constexpr KernelRow kRows[] = {
    {.name = "cpu.linear.openblas",
     .op = "linear",
     .families = "openblas",
     .needs = {.all_of = kOpenBlas},
     .accepts = accepts,
     .prefers = prefers_blas,
     .workspace = workspace,
     .launch = launch<&compute<&multiply_blas>>},
    {.name = "cpu.linear.portable",
     .op = "linear",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accepts,
     .workspace = workspace,
     .launch = launch<&compute<&multiply_block>>},
};

}  // namespace

std::span<const KernelRow> rows_linear() { return kRows; }

}  // namespace tamis::cpu
