// The registry finds backends: the CPU linked in, the others as libtamis_<name>.so in the folders of
// TAMIS_BACKENDS, or named as files there, and beside libtamis.so. Those beside it are opened when one is
// asked for: drivers take tens of megabytes and a good part of a second, which a run on the CPU need not pay.
// A machine without a driver still lists the backend, with the reason why it has no device, and its rows stay
// readable.
#pragma once

#include <memory>
#include <mutex>
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
  // Built on first use; look-ups are thread-safe. Never unloads a library (handles to its code outlive any
  // point we could choose).
  static Registry& instance();

  // All of them; not to be read while another thread calls load().
  const std::vector<BackendRecord>& backends();
  // "cpu", "cuda", "cuda:1". kNotFound says which devices there are, or why the backend has none.
  Result<std::shared_ptr<Device>> device(const std::string& name);
  const Backend* backend(const std::string& name);
  // Opens a plug-in (a backend, or rows for one that is loaded already), checks ABI number and header hash,
  // enumerates its devices. Also used by tests.
  Status load(const std::string& path);

 private:
  Registry();
  void open_all(const std::vector<std::string>& places);
  void open_own_folder();
  Status open(const std::string& path);
  const Backend* find(const std::string& name) const;
  void add(Backend* backend, const std::string& path);
  Status extend(const std::string& name, Backend* extra, const std::string& path);

  std::recursive_mutex mutex_;  // a plug-in may look for other backends while it enumerates
  bool own_folder_open_ = false;
  std::vector<std::unique_ptr<Backend>> extended_;  // backends with the rows of others added
  std::vector<BackendRecord> records_;
};

// The linked-in CPU backend; defined in backends/cpu.
Backend* create_cpu_backend();

}  // namespace tamis
