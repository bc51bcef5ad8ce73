// A captured decode step replayed with other inputs, and what a plan may not do while running: allocate.
#include <cstdlib>
#include <cstring>

#include "tests/model/allocation_counter.h"
#include "tests/model/model_fixture.h"

namespace tamis::model_tests {
namespace {

class CapturedPlan : public ::testing::Test {
 protected:
  static std::unique_ptr<Runner> open(bool capture) {
    ModelSetup setup{tiny_v32_path(), {}, {}};
    setup.options.precision.kv_format = KvFormat::kPackedFp8;
    setup.options.precision.index_format = IndexFormat::kFp8Paged;
    setup.options.cache_tokens = 2048;
    setup.options.max_sequences = 2;
    std::unique_ptr<Runner> runner = open_runner(setup);
    runner->set_capture(capture);
    return runner;
  }
  static std::vector<std::int32_t> tokens(std::int64_t first, std::int64_t n) {
    std::vector<std::int32_t> ids;
    for (std::int64_t i = first; i < first + n; ++i)
      ids.push_back(static_cast<std::int32_t>((i * 733 + 5) % 3000));
    return ids;
  }
  // Of decode steps whose longest sequence has `longest` tokens with the one that it adds.
  static StepKey decode_key(const Runner& runner, std::int64_t sequences, std::int64_t longest) {
    return runner.key_for_shapes(std::vector<StepShape>(static_cast<std::size_t>(sequences), {1, longest}));
  }
  // Logits of both must have the same bits.
  static void expect_same(const StepResult& captured, const StepResult& plain, std::int64_t length) {
    ASSERT_EQ(captured.logits.size(), plain.logits.size());
    EXPECT_EQ(std::memcmp(captured.logits.data(), plain.logits.data(), plain.logits.size() * sizeof(float)),
              0)
        << "at " << length << " tokens: " << max_difference(captured.logits, plain.logits);
  }
};

// One sequence, 100 to 300 tokens: the bound on the length doubles at 256, so there are two decode plans,
// each captured once and replayed.
TEST_F(CapturedPlan, ReplaysAcrossLengthBuckets) {
  const std::unique_ptr<Runner> captured = open(true), plain = open(false);
  const SequenceId a = must(captured->new_sequence()), b = must(plain->new_sequence());
  advance(*captured, a, tokens(0, 99));
  advance(*plain, b, tokens(0, 99));
  const std::size_t before = captured->plans().size();
  for (std::int64_t length = 99; length < 300; ++length) {
    const StepResult result = advance(*captured, a, tokens(length, 1));
    expect_same(result, advance(*plain, b, tokens(length, 1)), length + 1);
    ASSERT_EQ(captured->plans().size(), before + (length < 256 ? 1 : 2));
  }
  for (std::int64_t bound : {256, 512}) {
    EXPECT_GT(must(captured->plan(decode_key(*captured, 1, bound)))->captured_segments(), 0);
    EXPECT_EQ(must(plain->plan(decode_key(*plain, 1, bound)))->captured_segments(), 0);
  }
  EXPECT_EQ(captured->plans().size(), before + 2) << "the keys above are not those of the steps";
}

// A second sequence of 300 tokens keeps the bucket at 512: one plan for all lengths of the first. Between the
// steps that are compared the first grows by chunks.
TEST_F(CapturedPlan, ReplaysOnePlanFrom100To300) {
  const std::unique_ptr<Runner> captured = open(true), plain = open(false);
  const auto prepare = [](Runner& runner) {
    std::vector<StepItem> items(2);
    for (StepItem& item : items) item.sequence = must(runner.new_sequence());
    advance(runner, items[1].sequence, tokens(1000, 299));
    return items;
  };
  std::vector<StepItem> a = prepare(*captured), b = prepare(*plain);
  const Plan* plan = must(captured->plan(decode_key(*captured, 2, 512)));
  for (const std::int64_t length : {99, 127, 128, 191, 192, 255, 256, 299}) {
    const std::int64_t missing = length - captured->length(a[0].sequence);
    if (missing > 0) {
      advance(*captured, a[0].sequence, tokens(length - missing, missing));
      advance(*plain, b[0].sequence, tokens(length - missing, missing));
    }
    const std::size_t plans = captured->plans().size();
    for (std::vector<StepItem>* items : {&a, &b}) {
      (*items)[0].tokens = tokens(length, 1);
      (*items)[1].tokens = tokens(2000 + length, 1);
    }
    expect_same(must(captured->step(a)), must(plain->step(b)), length + 1);
    EXPECT_EQ(captured->plans().size(), plans) << "another plan than the one asked for above";
    EXPECT_GT(plan->captured_segments(), 0);
  }
}

// The inputs of the last step still lie there: running its plan again repeats it.
TEST_F(CapturedPlan, RunsWithoutAllocating) {
  if (!allocations_are_counted()) GTEST_SKIP() << "malloc belongs to a sanitizer";
  if (tested_device().starts_with("vulkan")) GTEST_SKIP() << "Vulkan's drivers allocate when they submit";
  for (const bool capture : {true, false}) {
    if (!capture && tested_device() != "cpu") continue;  // a vendor's library may allocate in a launch
    const std::unique_ptr<Runner> runner = open(capture);
    const SequenceId sequence = must(runner->new_sequence());
    advance(*runner, sequence, tokens(0, 300));
    advance(*runner, sequence, tokens(300, 1));
    const std::unique_ptr<Queue> queue = must(runner->device().create_queue());
    const std::unique_ptr<Queue> host_queue = must(runner->device().create_queue());
    Plan* plan = must(runner->plan(decode_key(*runner, 1, 512)));
    must(plan->run(*queue, *host_queue));
    const std::int64_t before = allocations_so_far();
    const Status status = plan->run(*queue, *host_queue);
    const std::int64_t allocations = allocations_so_far() - before;
    must(status);
    EXPECT_EQ(allocations, 0) << (capture ? "replayed" : "launched one by one");
  }
}

TEST_F(CapturedPlan, TheCounterCounts) {
  if (!allocations_are_counted()) GTEST_SKIP();
  const std::int64_t before = allocations_so_far();
  // volatile: a compiler may leave out an allocation that nobody uses.
  void* volatile bytes = std::malloc(10);
  int* volatile number = new int(1);
  EXPECT_EQ(allocations_so_far() - before, 2);
  std::free(bytes);
  delete number;
}

}  // namespace
}  // namespace tamis::model_tests
