// CPU row of topk_select: radix selection on the 32-bit sortable key, one row per task.
//
// Three histograms (11, 11 and 10 bits, high bits first) narrow the key of rank k down to all its bits; a
// last scan in ascending order takes every better key, and of the equal ones the first that still fit, which
// is the tie order of the contract. So a row is read four times (it stays in the cache up to some 100 K
// scores), nothing is sorted or copied, and the worst case equals the usual one. 2048 counters on the stack
// are all the memory.
#include "core/ops/topk_select/topk_select.h"

#include <algorithm>

#include "backends/cpu/kernels/indexer/page_slot.h"
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

Status compute(const OpCall& call, const Scratch&) {
  const Tensor &scores = call[kScores], &ks = call[kKs], &idx = call[kIdx];
  const std::int64_t k = call.as<TopkSelectParams>().k, width = scores.desc.dim(1);
  parallel_for(scores.desc.dim(0), 1, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t t = begin; t < end; ++t) {
      const std::int64_t first =
          ks.present() ? std::clamp<std::int64_t>(indexer::read_i32(ks, t), 0, width) : 0;
      const std::int64_t last = std::min(indexer::read_i32(call[kKe], t), width);
      const std::int64_t n = std::max<std::int64_t>(0, last - first), count = std::min(n, k);
      auto* out = reinterpret_cast<std::int32_t*>(row_address(idx, t));
      if (n > k) {
        select(reinterpret_cast<const float*>(row_address(scores, t)) + first, n, k, out);
      } else {
        for (std::int64_t i = 0; i < n; ++i) out[i] = static_cast<std::int32_t>(i);
      }
      for (std::int64_t i = count; i < k; ++i) out[i] = -1;
      data<std::int32_t>(call[kCount])[t] = static_cast<std::int32_t>(count);
    }
  });
  return {};
}

constexpr KernelRow kRows[] = {
    {.name = "cpu.topk_select.portable",
     .op = "topk_select",
     .families = "portable",
     .numerics = {.invariance = Invariance::kBatch},
     .accepts = accepts,
     .launch = launch<&compute>},
};

}  // namespace

std::span<const KernelRow> rows_topk_select() { return kRows; }

}  // namespace tamis::cpu
