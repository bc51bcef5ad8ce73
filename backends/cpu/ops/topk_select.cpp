// CPU rows of topk_select, one row per task. avx512 and avx2 guess a threshold from a sample
// (kernels/topk_select/vector_select.h); portable is a radix selection on the 32-bit sortable key:
//
// Three histograms (11, 11 and 10 bits, high bits first) narrow the key of rank k down to all its bits; a
// last scan in ascending order takes every better key, and of the equal ones the first that still fit, which
// is the tie order of the contract. So a row is read four times (it stays in the cache up to some 100 K
// scores), nothing is sorted or copied, and the worst case equals the usual one. 2048 counters on the stack
// are all the memory.
#include "core/ops/topk_select/topk_select.h"

#include <algorithm>

#include "backends/cpu/kernels/indexer/page_slot.h"
#include "backends/cpu/kernels/topk_select/vector.h"
#include "backends/cpu/queue.h"
#include "backends/cpu/threads.h"
#include "core/numeric/sortable_key.h"

namespace tamis::cpu {
namespace {

using namespace topk_select_operand;
using numeric::sortable_key;

struct Digit {
  int shift, bits;
};
constexpr Digit kDigits[] = {{21, 11}, {10, 11}, {0, 10}};
constexpr int kBins = 1 << 11;

// The key of rank k, and how many keys equal to it belong to the best k.
struct Threshold {
  std::uint32_t key;
  std::int64_t equal;
};

Threshold find_threshold(const float* scores, std::int64_t n, std::int64_t k) {
  std::uint32_t prefix = 0, known = 0;  // the bits of the threshold found so far, and which they are
  std::int64_t wanted = k;              // rank among the keys that share them
  for (const Digit& digit : kDigits) {
    std::int32_t counts[kBins] = {};
    const std::uint32_t mask = (1u << digit.bits) - 1;
    for (std::int64_t i = 0; i < n; ++i) {
      const std::uint32_t key = sortable_key(scores[i]);
      if ((key & known) == prefix) ++counts[(key >> digit.shift) & mask];
    }
    std::uint32_t bin = mask;
    while (counts[bin] < wanted) wanted -= counts[bin--];
    prefix |= bin << digit.shift;
    known |= mask << digit.shift;
  }
  return {prefix, wanted};
}

// The best k of n > k scores, ascending.
void select(const float* scores, std::int64_t n, std::int64_t k, std::int32_t* idx) {
  Threshold threshold = find_threshold(scores, n, k);
  std::int64_t chosen = 0;
  for (std::int64_t i = 0; chosen < k; ++i) {
    const std::uint32_t key = sortable_key(scores[i]);
    const bool tie = key == threshold.key && threshold.equal > 0;
    if (tie) --threshold.equal;
    if (tie || key > threshold.key) idx[chosen++] = static_cast<std::int32_t>(i);
  }
}

Reason accepts(const DeviceInfo&, const OpCall& call) {
  const std::int64_t width = call[kScores].desc.dim(1);
  return width <= indexer::kMaxSlot ? accept() : reason::size("S", width, "up to 2^31 - 1");
}

// Memory of a thread: candidates and sample. More candidates than three deviations beyond a mean of 1.4 k,
// which is where sampled thresholds of 64 K scores put them.
std::int64_t capacity(std::int64_t k) { return 2 * k + 4096; }
std::int64_t thread_bytes(std::int64_t k) {
  return 4 * (2 * (capacity(k) + topk::kPadding) + topk::kMaxSamples + topk::kPadding);
}

std::int64_t workspace(const DeviceInfo& device, const OpCall& call) {
  return device.units * thread_bytes(call.as<TopkSelectParams>().k);
}

// SelectRow(row, thread): the best k of n > k.
template <class SelectRow>
void select_rows(const OpCall& call, const SelectRow& select_row) {
  const Tensor &scores = call[kScores], &ks = call[kKs], &idx = call[kIdx];
  const std::int64_t k = call.as<TopkSelectParams>().k, width = scores.desc.dim(1);
  parallel_for(scores.desc.dim(0), 1, [&](std::int64_t begin, std::int64_t end, int thread) {
    for (std::int64_t t = begin; t < end; ++t) {
      const std::int64_t first =
          ks.present() ? std::clamp<std::int64_t>(indexer::read_i32(ks, t), 0, width) : 0;
      const std::int64_t last = std::min(indexer::read_i32(call[kKe], t), width);
      const std::int64_t n = std::max<std::int64_t>(0, last - first), count = std::min(n, k);
      auto* out = reinterpret_cast<std::int32_t*>(row_address(idx, t));
      if (n > k) {
        const auto* row = reinterpret_cast<const float*>(row_address(scores, t)) + first;
        select_row(topk::Row{row, n, k, out, nullptr, 0}, thread);
      } else {
        for (std::int64_t i = 0; i < n; ++i) out[i] = static_cast<std::int32_t>(i);
      }
      for (std::int64_t i = count; i < k; ++i) out[i] = -1;
      data<std::int32_t>(call[kCount])[t] = static_cast<std::int32_t>(count);
    }
  });
}

Status compute(const OpCall& call, const Scratch&) {
  select_rows(call, [](const topk::Row& row, int) { select(row.scores, row.n, row.k, row.idx); });
  return {};
}

#if defined(__x86_64__)
template <topk::Select& select_vectors>
Status compute_vectors(const OpCall& call, const Scratch& scratch) {
  const std::int64_t k = call.as<TopkSelectParams>().k;
  std::byte* memory = scratch.workspace->host() + scratch.workspace_offset;
  select_rows(call, [&](topk::Row row, int thread) {
    row.memory = reinterpret_cast<std::uint32_t*>(memory + thread * thread_bytes(k));
    row.capacity = capacity(k);
    select_vectors(row);
  });
  return {};
}
#endif

// A row: `base` says its name, what it needs and how it selects.
constexpr KernelRow row(KernelRow base) {
  base.op = "topk_select";
  base.numerics.invariance = Invariance::kBatch;
  base.accepts = accepts;
  return base;
}

constexpr KernelRow kRows[] = {
#if defined(__x86_64__)
    row({.name = "cpu.topk_select.avx512",
         .families = "avx512",
         .needs = {.all_of = kAvx512},
         .workspace = workspace,
         .launch = launch<&compute_vectors<topk::select_avx512>>}),
    row({.name = "cpu.topk_select.avx2",
         .families = "avx2",
         .needs = {.all_of = kAvx2},
         .workspace = workspace,
         .launch = launch<&compute_vectors<topk::select_avx2>>}),
#endif
    row({.name = "cpu.topk_select.portable", .families = "portable", .launch = launch<&compute>}),
};

}  // namespace

std::span<const KernelRow> rows_topk_select() { return kRows; }

}  // namespace tamis::cpu
