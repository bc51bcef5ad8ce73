// The whole model on every device: what has no row there runs on the CPU, with copies, and the result is the
// CPU's. And what a failing device leaves behind.
#include <cmath>
#include <cstring>

#include "core/backend/queue_stats.h"
#include "tests/model/tiny_v32.h"
#include "tests/plugins/faulty.h"

namespace tamis::model_tests {
namespace {

std::vector<std::int32_t> prompt(std::int64_t n) {
  std::vector<std::int32_t> ids;
  for (std::int64_t i = 0; i < n; ++i) ids.push_back(static_cast<std::int32_t>(5 + i * 37 % 2900));
  return ids;
}

std::unique_ptr<Runner> open_on(const std::string& device) {
  ModelSetup setup = tiny_setup(tiny_mode("exact").precision, 1024);
  setup.options.max_sequences = 2;
  return open_runner_on(device, setup);
}

StepItem item_of(SequenceId sequence, std::vector<std::int32_t> tokens) {
  StepItem item;
  item.sequence = sequence;
  item.tokens = std::move(tokens);
  return item;
}

// Logits of a prompt and of the three tokens after it.
std::vector<float> logits_of(Runner& runner) {
  const SequenceId sequence = must(runner.new_sequence());
  std::vector<float> all;
  for (const auto& tokens : {prompt(40), {11}, {12}, {13}}) {
    const StepResult result = must(runner.step({item_of(sequence, tokens)}));
    all.insert(all.end(), result.logits.begin(), result.logits.end());
  }
  return all;
}

class OnDevice : public ::testing::TestWithParam<std::string> {};

TEST_P(OnDevice, GivesTheLogitsOfTheCpu) {
  const std::unique_ptr<Runner> runner = open_on(GetParam()), cpu = open_on("cpu");
  const std::vector<float> found = logits_of(*runner), want = logits_of(*cpu);
  ASSERT_EQ(found.size(), want.size());
  double worst = 0;
  for (std::size_t i = 0; i < want.size(); ++i)
    worst = std::max(worst, static_cast<double>(std::abs(found[i] - want[i])));
  EXPECT_LE(worst, 5e-4);
  // A backend without the first op of every step lacks others, too: what it lacks runs on the CPU.
  const bool partial = Registry::instance().backend(GetParam())->rows("embed").empty();
  for (const Plan* plan : runner->plans()) {
    EXPECT_EQ(plan->stats().host_rows > 0, partial);
    EXPECT_GT(plan->captured_segments(), 0);
  }
}

TEST_P(OnDevice, BarriersBehindEveryCommandGiveTheSameBits) {
  auto* stats =
      static_cast<QueueStats*>(must(Registry::instance().device(GetParam()))->extension(kQueueStats));
  if (stats == nullptr) GTEST_SKIP() << GetParam() << " has no such mode";
  const std::vector<float> usual = logits_of(*open_on(GetParam()));
  const bool before = stats->full_barriers.exchange(true);
  const std::vector<float> full = logits_of(*open_on(GetParam()));
  stats->full_barriers = before;
  EXPECT_EQ(std::memcmp(usual.data(), full.data(), usual.size() * sizeof(float)), 0);
}

std::vector<std::string> devices_with_memory_of_their_own() {
  std::vector<std::string> names;
  for (const BackendRecord& record : Registry::instance().backends()) {
    if (record.name != "cpu" && record.name != "null" && !record.devices.empty())
      names.push_back(record.name);
  }
  return names;
}
std::string test_name(const ::testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(Devices, OnDevice, ::testing::ValuesIn(devices_with_memory_of_their_own()),
                         test_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(OnDevice);

// A runner on the backend that fails when told to (tests/plugins/faulty.cpp).
class FaultyDevice : public ::testing::Test {
 protected:
  void SetUp() override {
    if (Registry::instance().backend("faulty") == nullptr)
      must(Registry::instance().load(TAMIS_TEST_PLUGINS "/libtamis_faulty.so"));
    faults_ = static_cast<faulty::Faults*>(
        must(Registry::instance().device("faulty"))->extension(faulty::kExtension));
  }
  // A step with both sequences fails with `code`, names what it was doing, and leaves both as they were; the
  // next steps give what an untouched runner gives.
  struct Failure {
    StatusCode code;
    std::vector<std::string> parts;  // of the message
    std::int64_t tokens = 1;         // that the first sequence adds
  };
  void expect_recovers(std::atomic<int>& fault, int after, const Failure& failure) {
    const std::unique_ptr<Runner> runner = open_on("faulty"), untouched = open_on("cpu");
    std::vector<SequenceId> ids;
    for (Runner* each : {runner.get(), untouched.get()}) {
      for (int s = 0; s < 2; ++s) {
        ids.push_back(must(each->new_sequence()));
        must(each->step({item_of(ids.back(), prompt(30 + s))}));
      }
    }
    const std::vector<StepItem> step{item_of(ids[0], prompt(failure.tokens)), item_of(ids[1], {8})};
    const std::int64_t pages = runner->cache().free_pages();
    fault = after;
    const Result<StepResult> failed = runner->step(step);
    ASSERT_FALSE(failed.ok());
    EXPECT_EQ(failed.status().code(), failure.code) << failed.status().message();
    for (const std::string& part : failure.parts)
      EXPECT_NE(failed.status().message().find(part), std::string::npos)
          << part << " not in: " << failed.status().message();
    EXPECT_EQ(runner->length(ids[0]), 30);
    EXPECT_EQ(runner->length(ids[1]), 31);
    EXPECT_EQ(runner->cache().free_pages(), pages);
    for (int repeat = 0; repeat < 2; ++repeat) {
      const StepResult found = must(runner->step(step));
      const StepResult want =
          must(untouched->step({item_of(ids[2], prompt(failure.tokens)), item_of(ids[3], {8})}));
      EXPECT_EQ(found.logits, want.logits) << "repeat " << repeat;
    }
  }
  faulty::Faults* faults_ = nullptr;
};

TEST_F(FaultyDevice, BadLaunchNamesRowShapeAndLayer) {
  expect_recovers(faults_->bad_launch_in, 3,
                  {StatusCode::kInternal,
                   {"layers.0.attention", "cpu.rms_norm.", "f32[2, 128]", "invalid configuration"}});
}

TEST_F(FaultyDevice, LostDeviceIsToldAtTheNextSync) {
  expect_recovers(faults_->lost_in, 0,
                  {StatusCode::kDeviceLost,
                   {"the device is lost", "from cpu.embed.portable: embed ids i32[2]", "to cpu."}});
}

TEST_F(FaultyDevice, NoMemoryForAPlanSaysWhatWasNeeded) {
  expect_recovers(faults_->no_memory_in, 0, {StatusCode::kOutOfMemory, {"needs", "0 are free"}, 300});
}

}  // namespace
}  // namespace tamis::model_tests
