// A file written beside its target and renamed to it when it is whole: readers see the old content or the
// new, never a part.
#pragma once

#include <cstddef>
#include <string>

#include "core/base/status.h"

namespace tamis {

// Disappears unless it is committed.
class TemporaryFile {
 public:
  // `mode`: of the new file, as for open(2). An error is kept until commit().
  TemporaryFile(const std::string& target, unsigned mode);
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile();

  void write(const void* data, std::size_t size);
  Status commit();

 private:
  std::string target_, path_;
  int fd_;
  int error_;  // errno of what failed first, 0 if nothing did
  bool committed_ = false;
};

}  // namespace tamis
