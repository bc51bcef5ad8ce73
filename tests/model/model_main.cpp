// Model tests: whole models against the numbers of independent implementations.
//
//   tamis_model_tests --gtest_filter=-Slow*:*/Slow*:ResidentMemory*   what ctest runs as `model`
//   tamis_model_tests --gtest_filter=Slow*:*/Slow*                    perplexity and pass keys: `model_slow`
//   tamis_model_tests --gtest_filter=ResidentMemory*                  alone: it measures its own process
//   tamis_model_tests --gtest_also_run_disabled_tests --gtest_filter=*DISABLED*   minutes each; by hand
#include <fmt/format.h>
#include <gtest/gtest.h>

namespace {

// After a failure, the command that runs this test alone.
class ReproPrinter final : public ::testing::EmptyTestEventListener {
  void OnTestEnd(const ::testing::TestInfo& info) override {
    if (info.result()->Failed()) {
      fmt::print("repro: tamis_model_tests --gtest_filter={}.{}\n", info.test_suite_name(), info.name());
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  ::testing::UnitTest::GetInstance()->listeners().Append(new ReproPrinter);  // owned by gtest
  return RUN_ALL_TESTS();
}
