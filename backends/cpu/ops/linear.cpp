// CPU rows of linear: one walk over blocks of outputs, by the product that multiplies them
// (kernels/product/product.h).
#include "core/ops/linear/linear.h"

#include <algorithm>

#include "backends/cpu/host_tensor.h"
#include "backends/cpu/kernels/product/prepare_rows.h"
#include "backends/cpu/kernels/product/product_rows.h"
#include "backends/cpu/queue.h"
#include "backends/cpu/threads.h"
#include "core/base/ceil_div.h"

namespace tamis::cpu {
namespace {

using namespace linear_operand;

Reason accepts(const DeviceInfo&, const OpCall& call) {
  for (int i : {kX, kY}) {
    if (!is_activation(call[i].desc.dtype)) {
      return reason::dtype(i == kX ? "x" : "y", dtype_name(call[i].desc.dtype), "f32, bf16, f16");
    }
  }
  const Weight* weight = call[kWeight].weight;
  return weight == nullptr || weight->stored() ? accept() : reason::weight_layout(weight->layout);
}

Reason accepts_bf16(const DeviceInfo& device, const OpCall& call) {
  Reason reason = accepts(device, call);
  return reason.accepted() ? accept_bf16_product(call[kX], call[kWeight], call.as<LinearParams>().act_quant)
                           : reason;
}

// Workspace: the prepared activations, then per thread the product's scratch and `c`, which first serves as
// the row to prepare.
struct Sizes {
  std::int64_t tokens, row, x, scratch, thread;

  Sizes(const Product& product, const OpCall& call) {
    const std::int64_t k = call[kX].desc.dim(1);
    tokens = std::min(call[kX].desc.dim(0), product.rows_at_once);
    row = product.row_bytes(k);
    x = tokens * row;
    scratch = product.scratch_bytes(k);
    thread = scratch + 4 * std::max((k + 15) / 16 * 16, tokens * kProductOutputs);
  }
};

template <const Product& product>
std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  const Sizes sizes(product, call);
  return sizes.x + device.units * sizes.thread;
}

template <const Product& product>
Status compute(const OpCall& call, const Scratch& scratch) {
  const Sizes sizes(product, call);
  const Tensor &x = call[kX], &y = call[kY];
  const ActQuant act_quant = call.as<LinearParams>().act_quant;
  const std::int64_t tokens = x.desc.dim(0), k = x.desc.dim(1), n = y.desc.dim(1);
  const auto y_size = static_cast<std::int64_t>(dtype_size(y.desc.dtype));
  std::byte* prepared = scratch.workspace->host() + scratch.workspace_offset;
  const auto thread_memory = [&](int thread) { return prepared + sizes.x + thread * sizes.thread; };
  const std::int64_t outputs = product_outputs(n), blocks = (n + outputs - 1) / outputs;
  for (std::int64_t first = 0; first < tokens; first += sizes.tokens) {
    const std::int64_t count = std::min(sizes.tokens, tokens - first);
    const InputRows rows{product, *call[kWeight].weight, act_quant, k, count, prepared};
    parallel_for(ceil_div(count, rows.group()), 1, [&](std::int64_t begin, std::int64_t end, int thread) {
      auto* row = reinterpret_cast<float*>(thread_memory(thread) + sizes.scratch);
      for (std::int64_t t = begin * rows.group(); t < std::min(end * rows.group(), count);
           t += rows.group()) {
        prepare_group(rows, t, {thread_memory(thread), row}, [&](std::int64_t i, float* floats) {
          load_floats(x.desc.dtype, row_address(x, first + i), k, floats);
        });
      }
    });
    parallel_for(blocks, 1, [&](std::int64_t begin, std::int64_t end, int thread) {
      auto* c = reinterpret_cast<float*>(thread_memory(thread) + sizes.scratch);
      ProductInput in{call[kWeight].weight, act_quant, k, prepared, count, thread_memory(thread)};
      for (std::int64_t j = begin * outputs; j < std::min(end * outputs, n); j += outputs) {
        const std::int64_t columns = std::min(outputs, n - j);
        in.next = j + outputs < n ? j + outputs : -1;
        product.multiply(in, j, columns, c, kProductOutputs);
        for (std::int64_t t = 0; t < count; ++t) {
          store_sums(product, y.desc.dtype, c + t * kProductOutputs, columns,
                     row_address(y, first + t) + j * y_size);
        }
      }
    });
  }
  return {};
}

Reason prefers_bf16_dot(const DeviceInfo& device, const OpCall& call) {
  return prefer_bf16_product(device, call[kX].desc.dim(0));
}

Reason prefers_blas(const DeviceInfo&, const OpCall& call) {
  return call[kX].desc.dim(0) >= 4 ? accept() : reason::slower("fewer than 4 tokens");
}

constexpr auto kRows = product_rows({
  .op = "linear", .names = {"cpu.linear.amx_bf16", "cpu.linear.avx512_bf16", "cpu.linear.avx512",
                            "cpu.linear.avx2",     "cpu.linear.openblas",    "cpu.linear.portable"},
  .accepts = accepts, .accepts_bf16 = accepts_bf16, .prefers_bf16_dot = prefers_bf16_dot,
  .prefers_blas = prefers_blas,
#if defined(__x86_64__)
  .amx = {workspace<kAmxProduct>, launch<&compute<kAmxProduct>>},
  .avx512_bf16 = {workspace<kAvx512Bf16Product>, launch<&compute<kAvx512Bf16Product>>},
  .avx512 = {workspace<kAvx512Product>, launch<&compute<kAvx512Product>>},
  .avx2 = {workspace<kAvx2Product>, launch<&compute<kAvx2Product>>},
#endif
  .openblas = {workspace<kBlasProduct>, launch<&compute<kBlasProduct>>},
  .portable = {workspace<kPortableProduct>, launch<&compute<kPortableProduct>>},
});

}  // namespace

std::span<const KernelRow> rows_linear() { return kRows; }

}  // namespace tamis::cpu
