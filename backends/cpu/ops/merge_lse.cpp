// CPU row of merge_lse: two weights per (token, head), then one pass over D. Bytes: a and b read, out
// written; bound by memory.
#include "core/ops/merge_lse/merge_lse.h"

#include <algorithm>
#include <cmath>

#include "backends/cpu/host_tensor.h"
#include "backends/cpu/queue.h"
#include "backends/cpu/threads.h"
#include "core/numeric/online_softmax.h"

namespace tamis::cpu {
namespace {

using namespace merge_lse_operand;
using numeric::kNegInf;

constexpr std::int64_t kGrain = 64;   // rows of D values
constexpr std::int64_t kChunk = 256;  // values at a time, so that the working memory has a fixed size

Reason accepts(const DeviceInfo&, const OpCall&) { return accept(); }

struct Weights {
  float a, b, lse;
};

Weights merge_weights(float lse_a, float lse_b) {
  const float top = lse_a > lse_b ? lse_a : lse_b;
  if (top == kNegInf) return {0, 0, kNegInf};
  const float a = lse_a == top ? 1.0f : std::exp(lse_a - top);
  const float b = lse_b == top ? 1.0f : std::exp(lse_b - top);
  return {a / (a + b), b / (a + b), top + std::log(a + b)};
}

void merge_row(const OpCall& call, std::int64_t t, std::int64_t h) {
  const Tensor &a = call[kA], &b = call[kB], &out = call[kOut];
  const float lse_a = reinterpret_cast<const float*>(row_address(call[kLseA], t))[h];
  const float lse_b = reinterpret_cast<const float*>(row_address(call[kLseB], t))[h];
  const Weights weights = merge_weights(lse_a, lse_b);
  reinterpret_cast<float*>(row_address(call[kLse], t))[h] = weights.lse;
  const auto size_a = static_cast<std::int64_t>(dtype_size(a.desc.dtype));
  const auto size_b = static_cast<std::int64_t>(dtype_size(b.desc.dtype));
  for (std::int64_t first = 0; first < a.desc.dim(2); first += kChunk) {
    const std::int64_t n = std::min(kChunk, a.desc.dim(2) - first);
    float from_a[kChunk] = {}, from_b[kChunk] = {};  // a side without keys stays 0: it may hold anything
    if (lse_a != kNegInf) load_floats(a.desc.dtype, row_address(a, t, h) + first * size_a, n, from_a);
    if (lse_b != kNegInf) load_floats(b.desc.dtype, row_address(b, t, h) + first * size_b, n, from_b);
    for (std::int64_t i = 0; i < n; ++i) from_a[i] = weights.a * from_a[i] + weights.b * from_b[i];
    store_floats(out.desc.dtype, from_a, n, row_address(out, t, h) + first * size_a);
  }
}

Status compute(const OpCall& call, const Scratch&) {
  const std::int64_t heads = call[kA].desc.dim(1);
  parallel_for(call[kA].desc.dim(0) * heads, kGrain, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t row = begin; row < end; ++row) merge_row(call, row / heads, row % heads);
  });
  return {};
}

constexpr KernelRow kRows[] = {
    {.name = "cpu.merge_lse.portable",
     .op = "merge_lse",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accepts,
     .launch = launch<&compute>},
};

}  // namespace

std::span<const KernelRow> rows_merge_lse() { return kRows; }

}  // namespace tamis::cpu
