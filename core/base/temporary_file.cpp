#include "core/base/temporary_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <system_error>

namespace tamis {
namespace {

std::atomic<unsigned> made_so_far = 0;  // so that threads do not share a name

}  // namespace

TemporaryFile::TemporaryFile(const std::string& target, unsigned mode)
    : target_(target),
      path_(fmt::format("{}.{}.{}.tmp", target, ::getpid(), made_so_far++)),
      fd_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode)),
      error_(fd_ >= 0 ? 0 : errno) {}

TemporaryFile::~TemporaryFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  if (!committed_) ::unlink(path_.c_str());
}

void TemporaryFile::write(const void* data, std::size_t size) {
  const char* at = static_cast<const char*>(data);
  while (error_ == 0 && size > 0) {
    const ssize_t written = ::write(fd_, at, size);
    if (written < 0) {
      if (errno != EINTR) error_ = errno;
      continue;
    }
    at += written;
    size -= static_cast<std::size_t>(written);
  }
}

Status TemporaryFile::commit() {
  if (error_ == 0 && ::fsync(fd_) != 0) error_ = errno;
  if (error_ == 0 && ::rename(path_.c_str(), target_.c_str()) != 0) error_ = errno;
  committed_ = error_ == 0;
  if (committed_) return {};
  return not_found("{}: cannot be written: {}", target_, std::generic_category().message(error_));
}

}  // namespace tamis
