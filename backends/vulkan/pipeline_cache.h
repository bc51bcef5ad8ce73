// The file that keeps a device's compiled pipelines from run to run: what vkGetPipelineCacheData gave, behind
// a header that says for which driver and shaders. Drivers may trust such data blindly, so nothing reaches
// them that this program did not write: the file must be the user's own and not writable for others, and
// its header, length and checksum must agree.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/base/status.h"

namespace tamis::vulkan {

// What compiled pipelines depend on. Written to the file as it is.
struct PipelineCacheKey {
  std::array<std::uint8_t, 16> driver{};     // VkPhysicalDeviceIDProperties::driverUUID
  std::array<std::uint8_t, 16> pipelines{};  // VkPhysicalDeviceProperties::pipelineCacheUUID
  std::uint32_t vendor = 0, device = 0, driver_version = 0, unused = 0;
  std::uint64_t shaders = 0;  // hash of all SPIR-V of this build

  bool operator==(const PipelineCacheKey&) const = default;
};

// FNV-1a.
std::uint64_t hash_bytes(std::span<const std::byte> bytes, std::uint64_t seed = 0xcbf29ce484222325ull);

class PipelineCacheFile {
 public:
  // An empty folder: no file.
  PipelineCacheFile(const std::string& folder, const PipelineCacheKey& key);

  const std::string& path() const { return path_; }  // empty: none
  // Empty without a file. kCorruptData says what is wrong with one.
  Result<std::vector<std::byte>> read() const;
  // Replaces the file; makes the folder.
  Status write(std::span<const std::byte> data) const;

 private:
  std::string folder_, path_;
  PipelineCacheKey key_;
};

}  // namespace tamis::vulkan
