// The registry finds backends: the CPU linked in, the others as libtamis_<name>.so beside libtamis.so, in the
// folders of TAMIS_BACKENDS, or named as files there. A machine without a driver still lists the backend,
// with the reason why it has no device, and its rows stay readable.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/backend/backend_api.h"
#include "core/backend/kernel_table.h"

namespace tamis {

struct BackendRecord {
  Backend* backend = nullptr;  // null: the library was refused
  std::string name;
  std::string path;     // empty for linked-in backends
  std::string why_not;  // why refused, or why it has no device
  std::vector<std::shared_ptr<Device>> devices;
};

class Registry {
 public:
  // Built on first use; thread-safe. Never unloads a library (handles to its code outlive any point we could
  // choose).
  static Registry& instance();

  const std::vector<BackendRecord>& backends() const { return records_; }
  // "cpu", "cuda", "cuda:1". kNotFound says which devices there are, or why the backend has none.
  Result<std::shared_ptr<Device>> device(const std::string& name) const;
  const Backend* backend(const std::string& name) const;
  // Opens a plug-in (a backend, or rows for one that is loaded already), checks ABI number and header hash,
  // enumerates its devices. Also used by tests.
  Status load(const std::string& path);

 private:
  Registry();
  void add(Backend* backend, const std::string& path);
  Status extend(const std::string& name, Backend* extra, const std::string& path);

  std::vector<BackendRecord> records_;
};

// The linked-in CPU backend; defined in backends/cpu.
Backend* create_cpu_backend();

}  // namespace tamis
