// The arena: storages that live at the same time never overlap, and the arena is not larger than it must be.
#include "core/exec/memory_plan.h"

#include <gtest/gtest.h>

#include "tests/cases/case.h"

namespace tamis {
namespace {

constexpr std::int64_t kAlignment = 256;

std::int64_t rounded(std::int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

TEST(MemoryPlan, NeverOverlapsLiveStorages) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    cases::Rng rng(seed);
    std::vector<MemoryRequest> requests;
    for (int i = 0; i < 200; ++i) {
      const int first = static_cast<int>(rng.below(100));
      requests.push_back({rng.below(5000), first, first + static_cast<int>(rng.below(12))});
    }
    const MemoryPlan plan = plan_memory(requests, kAlignment);
    for (std::size_t a = 0; a < requests.size(); ++a) {
      EXPECT_EQ(plan.offsets[a] % kAlignment, 0);
      EXPECT_LE(plan.offsets[a] + requests[a].bytes, plan.arena_bytes);
      for (std::size_t b = 0; b < a; ++b) {
        const bool together = requests[a].first <= requests[b].last && requests[b].first <= requests[a].last;
        if (!together || requests[a].bytes == 0 || requests[b].bytes == 0) continue;
        const bool apart = plan.offsets[a] + requests[a].bytes <= plan.offsets[b] ||
                           plan.offsets[b] + requests[b].bytes <= plan.offsets[a];
        EXPECT_TRUE(apart) << "seed " << seed << ": requests " << a << " and " << b;
      }
    }
  }
}

TEST(MemoryPlan, ReusesMemoryOfDeadStorages) {
  // A chain: each value is read by the next node only, so two of them live at a time.
  std::vector<MemoryRequest> chain;
  for (int i = 0; i < 50; ++i) chain.push_back({1000, i, i + 1});
  EXPECT_EQ(plan_memory(chain, kAlignment).arena_bytes, 2 * rounded(1000));
}

TEST(MemoryPlan, EmptyRequestsTakeNothing) {
  EXPECT_EQ(plan_memory({}, kAlignment).arena_bytes, 0);
  EXPECT_EQ(plan_memory({{0, 0, 5}}, kAlignment).arena_bytes, 0);
}

}  // namespace
}  // namespace tamis
