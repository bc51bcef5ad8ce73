#include "core/base/settings.h"

#include <charconv>
#include <cstdlib>
#include <cstring>

namespace tamis::settings {
namespace {

std::string read(const char* name, const char* fallback) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : fallback;
}

int read_int(const char* name, int fallback) {
  const char* value = std::getenv(name);
  if (value == nullptr) return fallback;
  int parsed = fallback;
  std::from_chars(value, value + std::strlen(value), parsed);
  return parsed;
}

}  // namespace

std::string models_path() { return read("TAMIS_MODELS", ""); }
std::string backends_path() { return read("TAMIS_BACKENDS", ""); }
bool null_device() { return read("TAMIS_NULL_DEVICE", "") == "1"; }
bool vulkan_validation() { return read("TAMIS_VULKAN_VALIDATION", "") == "1"; }
std::string vulkan_cache_path() {
  const std::string folder = read("TAMIS_VULKAN_CACHE", "");
  if (!folder.empty()) return folder == "off" ? "" : folder;
  const std::string cache = read("XDG_CACHE_HOME", ""), home = read("HOME", "");
  // The XDG specification has relative paths ignored.
  if (cache.starts_with('/')) return cache + "/tamis";
  return home.starts_with('/') ? home + "/.cache/tamis" : "";
}
bool vulkan_full_barriers() { return read("TAMIS_VULKAN_BARRIERS", "") == "full"; }
std::string cpu_isa() { return read("TAMIS_CPU_ISA", ""); }
int threads() { return read_int("TAMIS_THREADS", 0); }
int emulated_wave() { return read_int("TAMIS_HIP_EMU_WAVE", 64); }
std::string emulated_arch() { return read("TAMIS_HIP_EMU_ARCH", ""); }
std::string log_level() { return read("TAMIS_LOG", "warn"); }

}  // namespace tamis::settings
