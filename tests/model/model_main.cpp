// The main of tamis_model_tests, tamis_memory_tests and tamis_quality: whole models against the numbers of
// independent implementations. A failure prints the command that runs the test alone, and often one of
// `tamis` that shows it. `--device cuda` runs them on that device.
#include <filesystem>
#include <string_view>

#include <fmt/format.h>
#include "tests/model/model_fixture.h"

namespace {

std::string program;

// After a failure, the command that runs this test alone.
class ReproPrinter final : public ::testing::EmptyTestEventListener {
  void OnTestEnd(const ::testing::TestInfo& info) override {
    if (info.result()->Failed()) {
      fmt::print("repro: {} --device {} --gtest_filter={}.{}\n", program, tamis::model_tests::tested_device(),
                 info.test_suite_name(), info.name());
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  program = std::filesystem::path(argv[0]).filename().string();
  ::testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--device" && i + 1 < argc) {
      tamis::model_tests::tested_device() = argv[++i];
    } else {
      fmt::print(stderr, "{}: unknown argument {}; --device DEVICE, or one of gtest\n", program, argv[i]);
      return 2;
    }
  }
  ::testing::UnitTest::GetInstance()->listeners().Append(new ReproPrinter);  // owned by gtest
  return RUN_ALL_TESTS();
}
