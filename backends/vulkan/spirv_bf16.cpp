#include "backends/vulkan/spirv_bf16.h"

namespace tamis::vulkan {
namespace {

constexpr std::size_t kHeader = 5;  // words
constexpr std::uint32_t kExtension = 10, kExtInstImport = 11, kMemoryModel = 14, kCapability = 17,
                        kTypeFloat = 22;
constexpr std::uint32_t kBf16Type = 5116, kBf16CooperativeMatrix = 5118;  // capabilities
constexpr std::uint32_t kBf16Encoding = 0;
constexpr std::string_view kName = "SPV_KHR_bfloat16";

std::uint32_t first_word(std::uint32_t words, std::uint32_t opcode) { return words << 16 | opcode; }

void put_extension(std::vector<std::uint32_t>& module) {
  std::vector<std::uint32_t> name(kName.size() / 4 + 1);
  for (std::size_t i = 0; i < kName.size(); ++i)
    name[i / 4] |= static_cast<std::uint32_t>(static_cast<unsigned char>(kName[i])) << (8 * (i % 4));
  module.push_back(first_word(static_cast<std::uint32_t>(name.size()) + 1, kExtension));
  module.insert(module.end(), name.begin(), name.end());
}

}  // namespace

std::vector<std::uint32_t> with_bf16(std::span<const std::uint32_t> words) {
  std::vector<std::uint32_t> module(words.begin(), words.begin() + kHeader);
  module.insert(module.end(),
                {first_word(2, kCapability), kBf16Type, first_word(2, kCapability), kBf16CooperativeMatrix});
  bool extended = false;
  for (std::size_t i = kHeader; i < words.size();) {
    const std::uint32_t opcode = words[i] & 0xffff;
    const std::span<const std::uint32_t> instruction = words.subspan(i, words[i] >> 16);
    // Extensions stand between the capabilities and what comes first of these.
    if (!extended && (opcode == kExtension || opcode == kExtInstImport || opcode == kMemoryModel)) {
      put_extension(module);
      extended = true;
    }
    if (opcode == kTypeFloat && instruction[2] == 16) {
      module.insert(module.end(), {first_word(4, kTypeFloat), instruction[1], 16, kBf16Encoding});
    } else {
      module.insert(module.end(), instruction.begin(), instruction.end());
    }
    i += instruction.size();
  }
  return module;
}

}  // namespace tamis::vulkan
