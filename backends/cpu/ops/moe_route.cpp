// CPU rows of moe_route. A token at a time, parallel over tokens: E sigmoids in fp64 (portable: about 4 us at
// E = 256), then repeated scans for the best group and the best expert, topk * E comparisons of integer keys.
// Bound by the sigmoids; 3e-4 of the time of the experts that it chooses.
#include "core/ops/moe_route/moe_route.h"

#include <algorithm>

#include "backends/cpu/host_tensor.h"
#include "backends/cpu/kernels/rows/row_levels.h"
#include "backends/cpu/queue.h"
#include "backends/cpu/threads.h"
#include "core/numeric/sortable_key.h"

namespace tamis::cpu {
namespace {

using namespace moe_route_operand;

constexpr std::uint32_t kTaken = 0;  // a rank that is out of the race: chosen already, or of a dropped group

// Larger is better; NaN gives 1, the least rank that can still be chosen.
std::uint32_t rank_of(float score) { return numeric::sortable_key(score) + 1; }

// One thread's memory: E probabilities, biased scores and ranks, n_group group ranks.
struct RowScratch {
  float* p;
  float* biased;
  std::uint32_t* rank;
  std::uint32_t* group_rank;
};

std::int64_t scratch_words(const OpCall& call) {
  return 3 * call[kLogits].desc.dim(1) + call.as<MoeRouteParams>().n_group;
}

std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  return 4 * device.units * scratch_words(call);
}

// First index of the largest rank, and takes it out of the race; -1 when none is left.
std::int64_t take_best(const RowOps& ops, std::uint32_t* ranks, std::int64_t count) {
  const std::int64_t index = ops.best(ranks, count);
  if (index >= 0) ranks[index] = kTaken;
  return index;
}

void score_experts(const RowOps& ops, const OpCall& call, std::int64_t token, const RowScratch& s) {
  const auto* logits = reinterpret_cast<const float*>(row_address(call[kLogits], token));
  const float* bias = call[kBias].present() ? data<float>(call[kBias]) : nullptr;
  const std::int64_t experts = call[kLogits].desc.dim(1);
  ops.sigmoid(logits, experts, s.p);
  for (std::int64_t e = 0; e < experts; ++e) {
    s.biased[e] = bias != nullptr ? s.p[e] + bias[e] : s.p[e];
    s.rank[e] = rank_of(s.biased[e]);
  }
}

float group_score(const float* biased, const std::uint32_t* rank, std::int64_t size) {
  std::int64_t first = 0, second = -1;
  for (std::int64_t i = 1; i < size; ++i) {
    if (rank[i] > rank[first]) {
      second = first;
      first = i;
    } else if (second < 0 || rank[i] > rank[second]) {
      second = i;
    }
  }
  return second < 0 ? biased[first] : biased[first] + biased[second];
}

// Takes the experts of all but the topk_group best groups out of the race.
void drop_groups(const RowOps& ops, const MoeRouteParams& params, std::int64_t experts, const RowScratch& s) {
  const std::int64_t size = experts / params.n_group;
  if (params.topk_group == params.n_group) return;
  for (std::int64_t g = 0; g < params.n_group; ++g) {
    s.group_rank[g] = rank_of(group_score(s.biased + g * size, s.rank + g * size, size));
  }
  for (std::int32_t kept = 0; kept < params.topk_group; ++kept) {
    take_best(ops, s.group_rank, params.n_group);
  }
  for (std::int64_t g = 0; g < params.n_group; ++g) {
    if (s.group_rank[g] != kTaken) std::fill_n(s.rank + g * size, size, kTaken);
  }
}

void route_token(const RowOps& ops, const OpCall& call, std::int64_t token, const RowScratch& s) {
  const auto& params = call.as<MoeRouteParams>();
  const std::int64_t experts = call[kLogits].desc.dim(1);
  auto* ids = reinterpret_cast<std::int32_t*>(row_address(call[kIds], token));
  auto* weights = reinterpret_cast<float*>(row_address(call[kWeights], token));
  std::int64_t count = 0;
  if (!call[kSlot].present() || data<std::int32_t>(call[kSlot])[token] >= 0) {
    score_experts(ops, call, token, s);
    drop_groups(ops, params, experts, s);
    for (; count < params.topk; ++count) {
      const std::int64_t e = take_best(ops, s.rank, experts);
      if (e < 0) break;
      ids[count] = static_cast<std::int32_t>(e);
    }
    std::sort(ids, ids + count);
  }
  float sum = 0;
  for (std::int64_t j = 0; j < count; ++j) {
    weights[j] = s.p[ids[j]] == s.p[ids[j]] ? s.p[ids[j]] : 0.0f;
    sum += weights[j];
  }
  for (std::int64_t j = 0; j < count; ++j) {
    weights[j] = (params.norm_topk ? weights[j] / (sum + 1e-20f) : weights[j]) * params.scale;
  }
  std::fill(ids + count, ids + params.topk, -1);
  std::fill(weights + count, weights + params.topk, 0.0f);
}

struct MoeRoute {
  template <const RowOps& ops>
  static Status compute(const OpCall& call, const Scratch& scratch) {
    const std::int64_t experts = call[kLogits].desc.dim(1);
    auto* words = reinterpret_cast<float*>(scratch.workspace->host() + scratch.workspace_offset);
    parallel_for(call[kLogits].desc.dim(0), 8, [&](std::int64_t begin, std::int64_t end, int thread) {
      float* mine = words + thread * scratch_words(call);
      auto* ranks = reinterpret_cast<std::uint32_t*>(mine + 2 * experts);
      const RowScratch row{mine, mine + experts, ranks, ranks + experts};
      for (std::int64_t token = begin; token < end; ++token) route_token(ops, call, token, row);
    });
    return {};
  }
};

Reason accepts(const DeviceInfo&, const OpCall& call) {
  return call[kLogits].desc.dtype == DType::kF32
             ? accept()
             : reason::dtype("logits", dtype_name(call[kLogits].desc.dtype), "f32");
}

constexpr auto kRows =
    row_levels<MoeRoute>({.op = "moe_route", .accepts = accepts, .workspace = workspace},
                         {"cpu.moe_route.avx512", "cpu.moe_route.avx2", "cpu.moe_route.portable"});

}  // namespace

std::span<const KernelRow> rows_moe_route() { return kRows; }

}  // namespace tamis::cpu
