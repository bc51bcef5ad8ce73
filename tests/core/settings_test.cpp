// Settings that are more than the text of a variable.
#include "core/base/settings.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <optional>
#include <string>

namespace tamis {
namespace {

// The environment as it was before the test.
class Settings : public ::testing::Test {
 protected:
  ~Settings() override {
    for (const auto& [name, value] : before_) restore(name, value);
  }
  // Null: not set.
  void set(const char* name, const char* value) {
    if (!before_.contains(name)) {
      const char* old = std::getenv(name);
      before_[name] = old != nullptr ? std::optional<std::string>(old) : std::nullopt;
    }
    restore(name, value != nullptr ? std::optional<std::string>(value) : std::nullopt);
  }

 private:
  static void restore(const std::string& name, const std::optional<std::string>& value) {
    if (value) {
      setenv(name.c_str(), value->c_str(), 1);
    } else {
      unsetenv(name.c_str());
    }
  }
  std::map<std::string, std::optional<std::string>> before_;
};

TEST_F(Settings, PipelineCacheLiesWhereTheUserOrXdgSays) {
  set("HOME", "/home/someone");
  set("XDG_CACHE_HOME", nullptr);
  set("TAMIS_VULKAN_CACHE", nullptr);
  EXPECT_EQ(settings::vulkan_cache_path(), "/home/someone/.cache/tamis");
  set("XDG_CACHE_HOME", "/var/cache/someone");
  EXPECT_EQ(settings::vulkan_cache_path(), "/var/cache/someone/tamis");
  set("XDG_CACHE_HOME", "relative");
  EXPECT_EQ(settings::vulkan_cache_path(), "/home/someone/.cache/tamis");
  set("HOME", nullptr);
  EXPECT_EQ(settings::vulkan_cache_path(), "");
  set("TAMIS_VULKAN_CACHE", "elsewhere");
  EXPECT_EQ(settings::vulkan_cache_path(), "elsewhere");
  set("TAMIS_VULKAN_CACHE", "off");
  EXPECT_EQ(settings::vulkan_cache_path(), "");
}

}  // namespace
}  // namespace tamis
