// tamis_conformance [--device D] [gtest options]
#include <algorithm>
#include <cstdio>
#include <string_view>

#include "tests/conformance/conformance.h"

namespace tamis::conformance {

std::vector<std::string>& device_names() {
  static std::vector<std::string> names;
  return names;
}

std::string test_name(const ::testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == ':' || c == '-'; }, '_');
  return name;
}

}  // namespace tamis::conformance

int main(int argc, char** argv) {
  auto& devices = tamis::conformance::device_names();
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::string_view(argv[i]) != "--device") continue;
    devices.emplace_back(argv[i + 1]);
    std::copy(argv + i + 2, argv + argc, argv + i);
    argc -= 2;
    break;
  }
  if (devices.empty()) {
    for (const tamis::BackendRecord& record : tamis::Registry::instance().backends()) {
      for (std::size_t i = 0; i < record.devices.size() && record.name != "null"; ++i)
        devices.push_back(fmt::format("{}:{}", record.name, i));
    }
  }
  for (const std::string& name : devices) {
    if (const auto device = tamis::Registry::instance().device(name); !device.ok()) {
      std::fprintf(stderr, "%s\n", device.status().message().c_str());
      return 1;
    }
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
