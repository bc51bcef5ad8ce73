// Settings that are more than the text of a variable.
#include "core/base/settings.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace tamis {
namespace {

// Null: not set.
struct Environment {
  const char* home;
  const char* xdg_cache_home;
  const char* tamis_vulkan_cache;
};

void set(const char* name, const char* value) {
  if (value != nullptr) {
    setenv(name, value, 1);
  } else {
    unsetenv(name);
  }
}

// In a process of its own, whose environment may be spoiled.
void expect_cache_path(const Environment& environment, const std::string& expected) {
  const auto run = [&] {
    set("HOME", environment.home);
    set("XDG_CACHE_HOME", environment.xdg_cache_home);
    set("TAMIS_VULKAN_CACHE", environment.tamis_vulkan_cache);
    const std::string found = settings::vulkan_cache_path();
    if (found != expected) std::fprintf(stderr, "expected %s, found %s\n", expected.c_str(), found.c_str());
    std::_Exit(found == expected ? 0 : 1);
  };
  EXPECT_EXIT(run(), ::testing::ExitedWithCode(0), "");
}

TEST(Settings, PipelineCacheLiesWhereTheUserOrXdgSays) {
  expect_cache_path({"/people/someone", nullptr, nullptr}, "/people/someone/.cache/tamis");
  expect_cache_path({"/people/someone", "/var/cache/someone", nullptr}, "/var/cache/someone/tamis");
  expect_cache_path({"/people/someone", "relative", nullptr}, "/people/someone/.cache/tamis");
  expect_cache_path({nullptr, "relative", nullptr}, "");
  expect_cache_path({nullptr, nullptr, "elsewhere"}, "elsewhere");
  expect_cache_path({"/people/someone", "/var/cache/someone", "off"}, "");
}

}  // namespace
}  // namespace tamis
