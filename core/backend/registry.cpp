#include "core/backend/registry.h"

#include <dlfcn.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <map>
#include <sstream>

#include "core/base/log.h"
#include "core/base/settings.h"
#include "tamis_abi_hash.h"

namespace tamis {
namespace {

namespace fs = std::filesystem;

// Folder of the library that this code lies in.
std::string own_folder() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(&create_cpu_backend), &info) == 0 || info.dli_fname == nullptr)
    return ".";
  return fs::path(info.dli_fname).parent_path().string();
}

constexpr const char* kPluginPrefix = "libtamis_";

bool is_plugin_name(const std::string& file) {
  return file.starts_with(kPluginPrefix) && file.ends_with(".so");
}

// Plug-in files of a folder in name order, or the path itself if it is a file.
std::vector<std::string> plugins_at(const std::string& path) {
  std::vector<std::string> found;
  std::error_code error;
  if (fs::is_regular_file(path, error)) return {path};
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    if (is_plugin_name(it->path().filename().string())) found.push_back(it->path().string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

// "cuda" of "/usr/lib/libtamis_cuda.so".
std::string backend_name(const std::string& path) {
  const std::string file = fs::path(path).filename().string();
  return is_plugin_name(file) ? fs::path(file).stem().string().substr(std::strlen(kPluginPrefix)) : file;
}

Status check_entry(const std::string& path, const BackendEntry& entry) {
  if (entry.abi_number != kAbiNumber) {
    return unsupported("{}: plug-in ABI {}, this library has {}: rebuild the plug-in", path, entry.abi_number,
                       kAbiNumber);
  }
  if (std::string_view(entry.abi_hash) != TAMIS_ABI_HASH) {
    return unsupported(
        "{}: plug-in was built against other headers (hash {}, this library {}): rebuild the plug-in", path,
        entry.abi_hash, TAMIS_ABI_HASH);
  }
  return {};
}

// A backend with the rows of another after its own.
class ExtendedBackend final : public Backend {
 public:
  ExtendedBackend(Backend& base, const Backend& extra) : base_(base) {
    for (const OpDef* op : all_ops()) {
      std::vector<KernelRow>& rows = rows_[op->name];
      for (const Backend* from : {static_cast<const Backend*>(&base), &extra}) {
        const std::span<const KernelRow> own = from->rows(op->name);
        rows.insert(rows.end(), own.begin(), own.end());
      }
    }
  }
  const char* name() const override { return base_.name(); }
  DeviceList enumerate() override { return base_.enumerate(); }
  std::span<const KernelRow> rows(const char* op) const override {
    const auto it = rows_.find(op);
    return it == rows_.end() ? std::span<const KernelRow>() : it->second;
  }

 private:
  Backend& base_;
  std::map<std::string, std::vector<KernelRow>, std::less<>> rows_;
};

}  // namespace

// Never destroyed: drivers that devices would call then (NVIDIA's Vulkan driver crashes) may have ended
// already.
Registry& Registry::instance() {
  static Registry& registry = *new Registry;
  return registry;
}

Registry::Registry() {
  add(create_cpu_backend(), "");
  std::vector<std::string> places;
  std::istringstream list(settings::backends_path());
  for (std::string place; std::getline(list, place, ':');) {
    if (!place.empty()) places.push_back(place);
  }
  open_all(places);
}

void Registry::open_all(const std::vector<std::string>& places) {
  // Plug-ins that add rows may come before the backend that they extend: those are tried once more.
  std::vector<std::string> again;
  for (const std::string& place : places) {
    for (const std::string& path : plugins_at(place)) {
      if (Status opened = open(path); opened.code() == StatusCode::kNotFound) {
        again.push_back(path);
      } else if (!opened.ok()) {
        log(LogLevel::kWarn, "{}", opened.message());
      }
    }
  }
  for (const std::string& path : again) {
    if (Status opened = open(path); !opened.ok()) log(LogLevel::kWarn, "{}", opened.message());
  }
}

void Registry::open_own_folder() {
  if (own_folder_open_) return;
  own_folder_open_ = true;
  open_all({own_folder()});
}

const std::vector<BackendRecord>& Registry::backends() {
  const std::scoped_lock lock(mutex_);
  open_own_folder();
  return records_;
}

void Registry::add(Backend* backend, const std::string& path) {
  DeviceList list = backend->enumerate();
  records_.push_back({backend, backend->name(), path, std::move(list.why_none), std::move(list.devices)});
}

Status Registry::load(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  return open(path);
}

Status Registry::open(const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return not_found("{}: cannot be loaded: {}", path, dlerror());
  using EntryFn = const BackendEntry* (*)();
  const auto entry_fn = reinterpret_cast<EntryFn>(dlsym(library, kBackendEntrySymbol));
  if (entry_fn == nullptr) return unsupported("{}: exports no {}", path, kBackendEntrySymbol);
  const BackendEntry* entry = entry_fn();
  if (Status bad = check_entry(path, *entry); !bad.ok()) {
    records_.push_back({nullptr, backend_name(path), path, bad.message(), {}});
    return bad;
  }
  Backend* backend = entry->create();
  if (entry->extends != nullptr) return extend(entry->extends, backend, path);
  if (find(backend->name()) != nullptr) return {};  // an earlier folder already gave this backend
  add(backend, path);
  return {};
}

Status Registry::extend(const std::string& name, Backend* extra, const std::string& path) {
  for (BackendRecord& record : records_) {
    if (record.name != name || record.backend == nullptr) continue;
    // Kept, as every backend is: plans may hold its rows.
    extended_.push_back(std::make_unique<ExtendedBackend>(*record.backend, *extra));
    record.backend = extended_.back().get();
    return {};
  }
  return not_found("{}: adds rows to backend {}, which is not here", path, name);
}

const Backend* Registry::backend(const std::string& name) {
  const std::scoped_lock lock(mutex_);
  if (find(name) == nullptr) open_own_folder();
  return find(name);
}

const Backend* Registry::find(const std::string& name) const {
  for (const BackendRecord& record : records_) {
    if (record.backend != nullptr && record.name == name) return record.backend;
  }
  return nullptr;
}

Result<std::shared_ptr<Device>> Registry::device(const std::string& name) {
  const std::scoped_lock lock(mutex_);
  const std::size_t colon = name.find(':');
  const std::string backend = name.substr(0, colon);
  std::size_t index = 0;
  if (colon != std::string::npos) {
    const char* first = name.data() + colon + 1;
    const char* last = name.data() + name.size();
    const auto [end, error] = std::from_chars(first, last, index);
    if (error != std::errc() || end != last) {
      return invalid_argument("device {}: expected BACKEND or BACKEND:NUMBER", name);
    }
  }
  if (find(backend) == nullptr) open_own_folder();
  const BackendRecord* found = nullptr;
  std::string known;
  for (const BackendRecord& record : records_) {
    // A refused library does not hide a good one of the same name in a later folder.
    if (record.name == backend && (found == nullptr || found->backend == nullptr)) found = &record;
    known += (known.empty() ? "" : ", ") + record.name;
  }
  if (found == nullptr) return not_found("device {}: no such backend here; known: {}", name, known);
  if (index < found->devices.size()) return found->devices[index];
  if (!found->why_not.empty()) return not_found("device {}: {}", name, found->why_not);
  return not_found("device {}: the backend has {} device(s)", name, found->devices.size());
}

}  // namespace tamis
