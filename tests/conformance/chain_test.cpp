// The step on a device: capture and replay, padding, barriers from roles, fallback, checked runs, trace.
#include "tests/conformance/chain.h"

namespace tamis::conformance {
namespace {

TEST_P(Chain, WriteReadWriteReadOverOneCache) {
  const ChainInputs inputs = ChainInputs::make(1, kTokens);
  const auto plan = make_plan(*backend_);
  plan->set_capture(false);
  bind(*plan);
  reset(inputs);
  run(*plan);
  expect_close(outcome(*plan), expected(inputs), inputs);
  EXPECT_EQ(plan->captured_segments(), 0);
}

TEST_P(Chain, ReplayWithOtherInputsGivesTheBitsOfAnUncapturedRun) {
  const auto captured = make_plan(*backend_), uncaptured = make_plan(*backend_);
  uncaptured->set_capture(false);
  bind(*captured);
  bind(*uncaptured);
  for (int seed = 1; seed <= 5; ++seed) {
    const ChainInputs inputs = ChainInputs::make(seed, kTokens - 2 * seed);  // other lengths, more padding
    reset(inputs);
    run(*uncaptured);
    const Outcome want = outcome(*uncaptured);
    reset(inputs);
    run(*captured);
    const Outcome found = outcome(*captured);
    EXPECT_TRUE(found == want) << "seed " << seed;
    expect_close(found, expected(inputs), inputs);
  }
  EXPECT_EQ(captured->captured_segments(), 1);
}

TEST_P(Chain, PaddedTokensWriteNothing) {
  const ChainInputs inputs = ChainInputs::make(2, 0);
  const auto plan = make_plan(*backend_);
  bind(*plan);
  reset(inputs);
  run(*plan);
  for (float value : outcome(*plan).cache) ASSERT_EQ(value, kUntouched);
}

TEST_P(Chain, HostRowCutsTheSegmentAndIsCounted) {
  if (is_host()) GTEST_SKIP() << "the host has no fallback but itself";
  const ChainInputs inputs = ChainInputs::make(3, kTokens);
  const ChangedBackend no_store(*backend_, {"kv_store"});
  const auto plan = make_plan(no_store);
  EXPECT_EQ(plan->stats().host_rows, 2);
  EXPECT_EQ(plan->segments().size(), 5u);  // the two writes cut what runs on the device into three
  ASSERT_EQ(plan->stats().fallbacks.size(), 1u);
  EXPECT_NE(plan->stats().fallbacks[0].find("kv_store: cpu row with copies"), std::string::npos)
      << plan->stats().fallbacks[0];
  bind(*plan);
  for (int repeat = 0; repeat < 2; ++repeat) {  // captured, then replayed around the host rows
    reset(inputs);
    run(*plan);
    expect_close(outcome(*plan), expected(inputs), inputs);
  }
  EXPECT_EQ(plan->captured_segments(), 3);
  PlanOptions strict;
  strict.strict = true;
  const auto refused = try_plan(no_store, strict);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), StatusCode::kUnsupported);
}

TEST_P(Chain, PlacedOnTheHostByRuleIsNoFallback) {
  if (is_host()) GTEST_SKIP() << "there is one device";
  const ChainInputs inputs = ChainInputs::make(3, kTokens);
  PlanOptions options;
  options.on_host = {"linear"};
  options.strict = true;
  const auto plan = must(try_plan(*backend_, options));
  EXPECT_EQ(plan->stats().host_rows, 0);
  EXPECT_EQ(plan->segments().size(), 7u);  // two of the four products follow one another
  bind(*plan);
  reset(inputs);
  run(*plan);
  expect_close(outcome(*plan), expected(inputs), inputs);
}

TEST_P(Chain, CheckedRunPassesAndGivesTheSameBits) {
  const ChainInputs inputs = ChainInputs::make(4, kTokens - 3);
  const auto plan = make_plan(*backend_);
  bind(*plan);
  reset(inputs);
  run(*plan);
  const Outcome want = outcome(*plan);
  reset(inputs);
  must(plan->run_checked(*queue_, *host_queue_));
  EXPECT_TRUE(outcome(*plan) == want);
}

// An op whose roles hide that it writes: no barrier would order its readers after it.
TEST_P(Chain, CheckedRunCatchesAWriteThatNoRoleDeclares) {
  static constexpr OperandDef kHidden[] = {
      {"latent", Role::kIn}, {"k_rope", Role::kIn}, {"slot", Role::kIn}, {"cache", Role::kIn}};
  OpDef hidden = op::kv_store;
  hidden.name = "hidden_store";
  hidden.operands = kHidden;
  const ChangedBackend renamed(*backend_, {}, {{"hidden_store", "kv_store"}});
  const auto plan = make_plan(renamed, hidden);
  bind(*plan);
  reset(ChainInputs::make(5, kTokens));
  const Status caught = plan->run_checked(*queue_, *host_queue_);
  ASSERT_FALSE(caught.ok());
  for (const char* part : {"cache, which the op declares as read only", "first write", "kv_store.portable"})
    EXPECT_NE(caught.message().find(part), std::string::npos) << caught.message();
}

TEST_P(Chain, TraceTimesEveryNodeAndSaysThatItIsUncaptured) {
  const auto plan = make_plan(*backend_);
  bind(*plan);
  reset(ChainInputs::make(6, kTokens));
  Trace trace;
  must(plan->run(*queue_, *host_queue_, &trace));
  ASSERT_EQ(trace.events().size(), plan->nodes().size());
  for (const TraceEvent& event : trace.events()) {
    EXPECT_GE(event.seconds, 0) << event.name;
    EXPECT_LT(event.seconds, 60) << event.name;
    EXPECT_EQ(event.device, device_->info().name);
  }
  EXPECT_EQ(plan->captured_segments(), 0);
  EXPECT_NE(trace.to_chrome_json().find("uncaptured"), std::string::npos);
}

TAMIS_ON_EVERY_DEVICE(Chain);

}  // namespace
}  // namespace tamis::conformance
