#include "core/checkpoint/safetensors_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace tamis {
namespace {

constexpr std::size_t kAlignment = 8;

Status check(const TensorToWrite& tensor) {
  std::int64_t bytes = static_cast<std::int64_t>(dtype_size(tensor.dtype));
  bool fits = true;
  for (const std::int64_t dim : tensor.shape)
    fits = fits && dim >= 0 && !__builtin_mul_overflow(bytes, dim, &bytes);
  if (fits && static_cast<std::size_t>(bytes) == tensor.bytes.size()) return {};
  return invalid_argument("tensor {}: expected the bytes of {}[{}], found {}", tensor.name,
                          dtype_safetensors_name(tensor.dtype), fmt::join(tensor.shape, ", "),
                          tensor.bytes.size());
}

// Length and JSON text, padded with spaces. `order` is the order of the data.
Result<std::string> make_header(const std::vector<const TensorToWrite*>& order) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  std::size_t at = 0;
  for (const TensorToWrite* tensor : order) {
    TAMIS_RETURN_IF_ERROR(check(*tensor));
    header[tensor->name] = {{"dtype", dtype_safetensors_name(tensor->dtype)},
                            {"shape", tensor->shape},
                            {"data_offsets", {at, at + tensor->bytes.size()}}};
    at += tensor->bytes.size();
  }
  if (header.size() != order.size()) return invalid_argument("two tensors share a name");
  std::string text = header.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  std::string length(8, '\0');
  for (std::size_t i = 0; i < length.size(); ++i)
    length[i] = static_cast<char>((text.size() >> (8 * i)) & 0xff);
  return length + text;
}

// A file that disappears unless it is committed.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& target)
      : target_(target),
        path_(fmt::format("{}.{}.tmp", target, ::getpid())),
        fd_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)),
        ok_(fd_ >= 0) {}
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (fd_ < 0) return;
    ::close(fd_);
    if (!committed_) ::unlink(path_.c_str());
  }

  void write(const void* data, std::size_t size) {
    const char* at = static_cast<const char*>(data);
    while (ok_ && size > 0) {
      const ssize_t written = ::write(fd_, at, size);
      if (written < 0 && errno == EINTR) continue;
      ok_ = written > 0;
      if (!ok_) return;
      at += written;
      size -= static_cast<std::size_t>(written);
    }
  }

  Status commit() {
    if (ok_ && ::fsync(fd_) == 0 && ::rename(path_.c_str(), target_.c_str()) == 0) {
      committed_ = true;
      return {};
    }
    return not_found("{}: cannot be written: {}", target_, std::generic_category().message(errno));
  }

 private:
  std::string target_, path_;
  int fd_;
  bool ok_;
  bool committed_ = false;
};

}  // namespace

Status write_safetensors(const std::string& path, const std::vector<TensorToWrite>& tensors) {
  std::vector<const TensorToWrite*> order;
  for (const TensorToWrite& tensor : tensors) order.push_back(&tensor);
  std::stable_sort(order.begin(), order.end(), [](const TensorToWrite* a, const TensorToWrite* b) {
    return dtype_size(a->dtype) > dtype_size(b->dtype);
  });
  TAMIS_ASSIGN_OR_RETURN(const std::string header, make_header(order));
  TemporaryFile file(path);
  file.write(header.data(), header.size());
  for (const TensorToWrite* tensor : order) file.write(tensor->bytes.data(), tensor->bytes.size());
  return file.commit();
}

}  // namespace tamis
