// CPU row of layer_norm: a row in f32 stays in the cache over three passes (mean, variance, scaling). Bound
// by memory. The sums are in double: an fp32 mean of values around 64 would already cost half the tolerance.
#include "core/ops/layer_norm/layer_norm.h"

#include <cmath>

#include "backends/cpu/kernels/common/rows.h"
#include "backends/cpu/queue.h"

namespace tamis::cpu {
namespace {

using namespace layer_norm_operand;

void normalize(float* row, const float* weight, const float* bias, std::int64_t n, float eps) {
  const double mean = lane_sum<double>(n, [row](std::int64_t i) { return row[i]; }) / static_cast<double>(n);
  const auto squares =
      lane_sum<double>(n, [row, mean](std::int64_t i) { return (row[i] - mean) * (row[i] - mean); });
  const auto factor = static_cast<float>(1.0 / std::sqrt(squares / static_cast<double>(n) + eps));
  for (std::int64_t i = 0; i < n; ++i)
    row[i] = static_cast<float>(row[i] - mean) * factor * weight[i] + bias[i];
}

std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  return thread_workspace_bytes(device, call[kX].desc.dim(1));
}

Status compute(const OpCall& call, const Scratch& scratch) {
  const Tensor &x = call[kX], &y = call[kY];
  const auto *weight = data<float>(call[kWeight]), *bias = data<float>(call[kBias]);
  const std::int64_t h = x.desc.dim(1);
  for_each_row(x.desc, [&](std::int64_t t, int thread) {
    float* row = thread_workspace(scratch, thread, h);
    load_row(x, t, row);
    normalize(row, weight, bias, h, call.as<LayerNormParams>().eps);
    store_row(y, t, row);
  });
  return {};
}

constexpr KernelRow kRows[] = {{.name = "cpu.layer_norm.portable",
                                .op = "layer_norm",
                                .families = "portable",
                                .numerics = {.invariance = Invariance::kBatch},
                                .accepts = accepts_stored_weights,
                                .workspace = workspace,
                                .launch = launch<&compute>}};

}  // namespace

std::span<const KernelRow> rows_layer_norm() { return kRows; }

}  // namespace tamis::cpu
