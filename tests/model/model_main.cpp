// The main of tamis_model_tests, tamis_memory_tests and tamis_quality: whole models against the numbers of
// independent implementations. A failure prints the command that runs the test alone, and often one of
// `tamis` that shows it.
#include <filesystem>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace {

std::string program;

// After a failure, the command that runs this test alone.
class ReproPrinter final : public ::testing::EmptyTestEventListener {
  void OnTestEnd(const ::testing::TestInfo& info) override {
    if (info.result()->Failed()) {
      fmt::print("repro: {} --gtest_filter={}.{}\n", program, info.test_suite_name(), info.name());
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  program = std::filesystem::path(argv[0]).filename().string();
  ::testing::InitGoogleTest(&argc, argv);
  ::testing::UnitTest::GetInstance()->listeners().Append(new ReproPrinter);  // owned by gtest
  return RUN_ALL_TESTS();
}
