// Barriers follow from operand roles alone: one between a write and what depends on it, none between
// strangers. Devices whose queues order everything themselves have nothing to count.
#include "core/backend/queue_stats.h"
#include "tests/conformance/chain.h"

namespace tamis::conformance {
namespace {

class Barriers : public Chain {
 protected:
  void SetUp() override {
    Chain::SetUp();
    stats_ = static_cast<QueueStats*>(device_->extension(kQueueStats));
    if (stats_ == nullptr) GTEST_SKIP() << device_->info().name << " counts no barriers";
  }
  // Barriers between the launches of y_i = rms_norm(x_i), with these (x, y) buffers.
  std::int64_t barriers_of(const std::vector<std::pair<Buffer*, Buffer*>>& launches) {
    const KernelRow& row = backend_->rows("rms_norm").back();
    const RmsNormParams params;
    const TensorDesc desc(DType::kF32, {kTokens, kWidth});
    std::vector<std::vector<Tensor>> operands;
    const std::int64_t before = stats_->barriers;
    for (const auto& [x, y] : launches) {
      operands.push_back({{desc, x, 0, nullptr},
                          {{DType::kF32, {kWidth}}, weights_->norm.get(), 0, nullptr},
                          {desc, y, 0, nullptr}});
      const OpCall call{&op::rms_norm, &params, operands.back()};
      queue_->log().set_current(&row, &call);
      must(row.launch(*queue_, call, {}));
    }
    const std::int64_t count = stats_->barriers - before;
    must(queue_->sync());
    return count;
  }
  QueueStats* stats_ = nullptr;
};

TEST_P(Barriers, OnlyWhereOneLaunchDependsOnAnother) {
  std::vector<std::shared_ptr<Buffer>> buffers;
  for (int i = 0; i < 4; ++i) buffers.push_back(must(device_->alloc(kTokens * kWidth * 4)));
  Buffer *a = buffers[0].get(), *b = buffers[1].get(), *c = buffers[2].get(), *d = buffers[3].get();
  upload(*a, ChainInputs::make(1, kTokens).x);
  upload(*c, ChainInputs::make(2, kTokens).x);
  must(queue_->sync());
  EXPECT_EQ(barriers_of({{a, b}, {c, d}}), 0);          // strangers
  EXPECT_EQ(barriers_of({{a, b}, {a, d}}), 0);          // two readers
  EXPECT_EQ(barriers_of({{a, b}, {b, d}}), 1);          // read after write
  EXPECT_EQ(barriers_of({{a, b}, {c, a}}), 1);          // write after read
  EXPECT_EQ(barriers_of({{a, b}, {c, b}}), 1);          // write after write
  EXPECT_EQ(barriers_of({{a, b}, {b, a}, {a, b}}), 2);  // write, read, write
}

TEST_P(Barriers, BehindEveryCommandWhenAskedFor) {
  const auto a = must(device_->alloc(kTokens * kWidth * 4)), b = must(device_->alloc(kTokens * kWidth * 4));
  const auto c = must(device_->alloc(kTokens * kWidth * 4)), d = must(device_->alloc(kTokens * kWidth * 4));
  upload(*a, ChainInputs::make(1, kTokens).x);
  upload(*c, ChainInputs::make(2, kTokens).x);
  must(queue_->sync());
  const bool before = stats_->full_barriers.exchange(true);
  EXPECT_EQ(barriers_of({{a.get(), b.get()}, {c.get(), d.get()}}), 2);
  stats_->full_barriers = before;
}

// Captures of the chain recorded with and without: a barrier that the roles should have asked for would show.
TEST_P(Barriers, MoreOfThemGiveTheSameBits) {
  const auto usual = make_plan(*backend_), full = make_plan(*backend_);
  bind(*usual);
  bind(*full);
  const bool before = stats_->full_barriers;
  for (int seed = 1; seed <= 3; ++seed) {
    const ChainInputs inputs = ChainInputs::make(seed, kTokens - seed);
    stats_->full_barriers = false;
    reset(inputs);
    run(*usual);
    const Outcome found = outcome(*usual);
    stats_->full_barriers = true;
    reset(inputs);
    run(*full);
    EXPECT_TRUE(outcome(*full) == found) << "seed " << seed;
  }
  stats_->full_barriers = before;
}

TAMIS_ON_EVERY_DEVICE(Barriers);

}  // namespace
}  // namespace tamis::conformance
