#include "backends/vulkan/pipeline_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "core/base/temporary_file.h"

namespace tamis::vulkan {
namespace {

constexpr std::array<char, 8> kMagic{'t', 'a', 'm', 'i', 's', '-', 'v', '1'};
// Far above what the shaders of this project come to (some KB each), far below what would hurt to read.
constexpr std::uint64_t kMaxBytes = 256ull << 20;

// All little-endian, as every host of this backend.
struct FileHeader {
  std::array<char, 8> magic = kMagic;
  PipelineCacheKey key;
  std::uint64_t bytes = 0;  // that follow
  std::uint64_t checksum = 0;
};

// VkPipelineCacheHeaderVersionOne, with which the data of every driver begins.
struct DriverHeader {
  std::uint32_t size, version, vendor, device;
  std::array<std::uint8_t, 16> pipelines;
};
static_assert(sizeof(DriverHeader) == 32);

std::string error_text() { return std::generic_category().message(errno); }

// An open file descriptor.
class OpenFile {
 public:
  explicit OpenFile(const std::string& path)
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)) {}
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }

  bool read(void* to, std::size_t bytes) const {
    char* at = static_cast<char*>(to);
    while (bytes > 0) {
      const ssize_t got = ::read(fd_, at, bytes);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return false;
      at += got;
      bytes -= static_cast<std::size_t>(got);
    }
    return true;
  }

 private:
  int fd_;
};

// The file's length, if only this user could have written it.
Result<std::uint64_t> check_owner(const OpenFile& file) {
  struct stat info {};
  if (::fstat(file.fd(), &info) != 0) return corrupt_data("cannot be read: {}", error_text());
  if (!S_ISREG(info.st_mode)) return corrupt_data("expected a file, found something else");
  if (info.st_uid != ::geteuid())
    return corrupt_data("owner: expected user {}, found {}", ::geteuid(), info.st_uid);
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return corrupt_data("mode {:o}: writable for others", info.st_mode & 0777u);
  return static_cast<std::uint64_t>(info.st_size);
}

Status check_header(const FileHeader& header, const PipelineCacheKey& key, std::uint64_t file_bytes) {
  if (header.magic != kMagic) return corrupt_data("magic: not a pipeline cache");
  if (header.key != key) return corrupt_data("key: of another driver or other shaders");
  if (header.bytes > kMaxBytes || header.bytes != file_bytes - sizeof(FileHeader)) {
    return corrupt_data("bytes: expected {}, found {}", header.bytes, file_bytes - sizeof(FileHeader));
  }
  return {};
}

Status check_driver_header(std::span<const std::byte> data, const PipelineCacheKey& key) {
  DriverHeader header{};
  if (data.size() < sizeof(header))
    return corrupt_data("driver's header: expected {} bytes, found {}", sizeof(header), data.size());
  std::memcpy(&header, data.data(), sizeof(header));
  const bool agrees = header.size >= sizeof(header) && header.size <= data.size() && header.version == 1 &&
                      header.vendor == key.vendor && header.device == key.device &&
                      header.pipelines == key.pipelines;
  return agrees ? Status() : corrupt_data("driver's header: of another device");
}

}  // namespace

std::uint64_t hash_bytes(std::span<const std::byte> bytes, std::uint64_t seed) {
  std::uint64_t hash = seed;
  for (const std::byte byte : bytes) hash = (hash ^ static_cast<std::uint64_t>(byte)) * 0x100000001b3ull;
  return hash;
}

PipelineCacheFile::PipelineCacheFile(const std::string& folder, const PipelineCacheKey& key)
    : folder_(folder), key_(key) {
  if (folder.empty()) return;
  path_ = fmt::format("{}/vulkan-{:016x}.pipelines", folder, hash_bytes(std::as_bytes(std::span(&key, 1))));
}

Result<std::vector<std::byte>> PipelineCacheFile::read() const {
  if (path_.empty()) return std::vector<std::byte>();
  const OpenFile file(path_);
  if (file.fd() < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::vector<std::byte>();
    return corrupt_data("{}: cannot be opened: {}", path_, error_text());
  }
  const auto read_checked = [&]() -> Result<std::vector<std::byte>> {
    TAMIS_ASSIGN_OR_RETURN(const std::uint64_t file_bytes, check_owner(file));
    FileHeader header;
    if (file_bytes < sizeof(header) || !file.read(&header, sizeof(header)))
      return corrupt_data("expected a header of {} bytes, found {}", sizeof(header), file_bytes);
    TAMIS_RETURN_IF_ERROR(check_header(header, key_, file_bytes));
    std::vector<std::byte> data(header.bytes);
    if (!file.read(data.data(), data.size())) return corrupt_data("ends before its last byte");
    if (hash_bytes(data) != header.checksum) return corrupt_data("checksum: the content has changed");
    TAMIS_RETURN_IF_ERROR(check_driver_header(data, key_));
    return data;
  };
  Result<std::vector<std::byte>> data = read_checked();
  return data.ok() ? std::move(data) : data.status().with_context(path_);
}

Status PipelineCacheFile::write(std::span<const std::byte> data) const {
  if (path_.empty()) return {};
  if (data.size() > kMaxBytes) return unsupported("{}: {} bytes are too many", path_, data.size());
  std::error_code failed;
  if (std::filesystem::create_directories(folder_, failed)) {
    std::filesystem::permissions(folder_, std::filesystem::perms::owner_all, failed);
  }
  if (failed) return not_found("{}: cannot be made: {}", folder_, failed.message());
  FileHeader header;
  header.key = key_;
  header.bytes = data.size();
  header.checksum = hash_bytes(data);
  TemporaryFile file(path_, S_IRUSR | S_IWUSR);
  file.write(&header, sizeof(header));
  file.write(data.data(), data.size());
  return file.commit();
}

}  // namespace tamis::vulkan
