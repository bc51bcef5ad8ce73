#include "core/text/text_file.h"

#include <cstdint>
#include <fstream>
#include <system_error>

namespace tamis {
namespace {

constexpr std::uintmax_t kMaxFileBytes = 256 << 20;

}  // namespace

Result<std::string> read_text_file(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return not_found("{}: no such file", path.string());
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error) return not_found("{}: {}", path.string(), error.message());
  if (size > kMaxFileBytes) {
    return corrupt_data("{}: {} bytes, at most {} expected", path.string(), size, kMaxFileBytes);
  }
  std::string text(size, '\0');
  std::ifstream in(path, std::ios::binary);
  if (!in.read(text.data(), static_cast<std::streamsize>(size)))
    return not_found("{}: cannot be read", path.string());
  return text;
}

}  // namespace tamis
