// Checkpoint::open: a folder with one safetensors file, or an index and its shards.
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <mutex>

#include <nlohmann/json.hpp>

#include "core/base/log.h"
#include "core/checkpoint/checkpoint.h"
#include "core/checkpoint/json_fields.h"
#include "core/checkpoint/safetensors.h"

namespace tamis {
namespace {

constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";
constexpr std::size_t kMaxIndexBytes = 256u << 20;
constexpr int kMaxDepth = 8;

// tensor -> position in the list of shards
using WeightMap = std::map<std::string, std::size_t, std::less<>>;

// A shard is a file of the folder itself: an index must not reach outside.
bool is_plain_file_name(const std::string& name) {
  constexpr std::string_view kSuffix = ".safetensors";
  return name.size() > kSuffix.size() && name.ends_with(kSuffix) &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
}

struct IndexedShard {
  std::string file_name;
  std::size_t n_tensors = 0;  // that the index places here
};

struct Index {
  std::vector<IndexedShard> shards;
  WeightMap tensors;
};

Result<Index> read_index(const std::string& path) {
  TAMIS_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::open(path));
  if (file.bytes().size() > kMaxIndexBytes) {
    return corrupt_data("{}: expected at most {} bytes, found {}", path, kMaxIndexBytes, file.bytes().size());
  }
  const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  TAMIS_ASSIGN_OR_RETURN(const nlohmann::json document, parse_json(text, path, kMaxDepth));
  JsonFields fields(document, path);
  const nlohmann::json* weight_map = fields.find("weight_map");
  if (weight_map == nullptr || !weight_map->is_object()) fields.fail_type("weight_map", "an object");
  TAMIS_RETURN_IF_ERROR(fields.status());

  Index index;
  std::map<std::string, std::size_t> positions;
  for (const auto& [tensor, shard] : weight_map->items()) {
    if (!shard.is_string() || !is_plain_file_name(shard.get_ref<const std::string&>())) {
      return corrupt_data(
          "{}: weight_map: tensor {}: expected the name of a .safetensors file beside the index, found {}",
          path, tensor, describe_json(shard));
    }
    const auto [it, added] = positions.try_emplace(shard.get<std::string>(), index.shards.size());
    if (added) index.shards.push_back({.file_name = it->first});
    ++index.shards[it->second].n_tensors;
    index.tensors.emplace(tensor, it->second);
  }
  return index;
}

class CheckpointFolder final : public Checkpoint {
 public:
  CheckpointFolder(std::string dir, Index index)
      : dir_(std::move(dir)), index_(std::move(index)), shards_(index_.shards.size()) {}

  // A folder of one file has no index: its own header is the list of tensors.
  static Result<std::unique_ptr<Checkpoint>> open_single(const std::string& dir) {
    TAMIS_ASSIGN_OR_RETURN(SafetensorsFile file, SafetensorsFile::open(dir + "/" + kSingleFile));
    Index index{.shards = {{kSingleFile, file.tensors().size()}}, .tensors = {}};
    for (const CheckpointTensor& tensor : file.tensors()) index.tensors.emplace(tensor.name, 0);
    auto folder = std::make_unique<CheckpointFolder>(dir, std::move(index));
    folder->shards_[0] = std::make_unique<SafetensorsFile>(std::move(file));
    return std::unique_ptr<Checkpoint>(std::move(folder));
  }

  const std::string& where() const override { return dir_; }

  std::vector<std::string> names() const override {
    std::vector<std::string> out;
    out.reserve(index_.tensors.size());
    for (const auto& [name, shard] : index_.tensors) out.push_back(name);
    return out;
  }

  bool has(std::string_view name) const override { return index_.tensors.find(name) != index_.tensors.end(); }

  Result<TensorInfo> info(std::string_view name) override {
    TAMIS_ASSIGN_OR_RETURN(const CheckpointTensor* tensor, locate(name));
    if (tensor == nullptr) return not_found("{}: tensor {}: no such tensor", dir_, name);
    return TensorInfo(*tensor);
  }

  Result<const CheckpointTensor*> find(std::string_view name) override {
    TAMIS_ASSIGN_OR_RETURN(const CheckpointTensor* tensor, locate(name));
    if (tensor == nullptr || tensor->dtype) return tensor;
    return dtype_from_safetensors(tensor->dtype_text)
        .status()
        .with_context(fmt::format("{}: tensor {}", dir_, name));
  }

  void release(std::string_view name) override {
    const Result<const CheckpointTensor*> tensor = locate(name);
    if (!tensor.ok() || *tensor == nullptr || (*tensor)->bytes.empty()) return;
    // Whole pages inside the tensor; its neighbours share the first and the last.
    const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    const auto begin = reinterpret_cast<std::uintptr_t>((*tensor)->bytes.data());
    const std::uintptr_t first = (begin + page - 1) / page * page;
    const std::uintptr_t last = (begin + (*tensor)->bytes.size()) / page * page;
    if (first < last) ::madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
  }

  Status open_all() override {
    for (std::size_t i = 0; i < shards_.size(); ++i) {
      TAMIS_RETURN_IF_ERROR(shard(i).status());
    }
    return {};
  }

  std::vector<MappedRegion> files() const override {
    const std::scoped_lock lock(mutex_);
    std::vector<MappedRegion> out;
    for (const auto& file : shards_) {
      if (file != nullptr) out.push_back({file->path(), file->bytes()});
    }
    return out;
  }

 private:
  Result<const CheckpointTensor*> locate(std::string_view name) {
    const auto it = index_.tensors.find(name);
    if (it == index_.tensors.end()) return static_cast<const CheckpointTensor*>(nullptr);
    TAMIS_ASSIGN_OR_RETURN(const SafetensorsFile* file, shard(it->second));
    return file->find(name);
  }

  Result<const SafetensorsFile*> shard(std::size_t position) {
    const std::scoped_lock lock(mutex_);
    std::unique_ptr<SafetensorsFile>& slot = shards_[position];
    if (slot == nullptr) {
      TAMIS_ASSIGN_OR_RETURN(SafetensorsFile file,
                             SafetensorsFile::open(dir_ + "/" + index_.shards[position].file_name));
      TAMIS_RETURN_IF_ERROR(check_against_index(file, position));
      slot = std::make_unique<SafetensorsFile>(std::move(file));
    }
    return static_cast<const SafetensorsFile*>(slot.get());
  }

  // Every tensor that the index places in the shard must be there, and none that it places in another.
  Status check_against_index(const SafetensorsFile& file, std::size_t position) const {
    std::size_t listed = 0;
    for (const CheckpointTensor& tensor : file.tensors()) {
      const auto it = index_.tensors.find(tensor.name);
      if (it == index_.tensors.end()) continue;
      if (it->second != position) {
        return corrupt_data("{}: tensor {}: expected only in {} (by the index), found here too", file.path(),
                            tensor.name, index_.shards[it->second].file_name);
      }
      ++listed;
    }
    if (listed != index_.shards[position].n_tensors) return missing_tensor(file, position);
    if (const std::size_t unlisted = file.tensors().size() - listed; unlisted > 0) {
      log(LogLevel::kWarn, "{}: {} tensors are not in the index and are ignored", file.path(), unlisted);
    }
    return {};
  }

  Status missing_tensor(const SafetensorsFile& file, std::size_t position) const {
    for (const auto& [name, owner] : index_.tensors) {
      if (owner == position && file.find(name) == nullptr) {
        return corrupt_data("{}: tensor {}: expected here by the index, found no such tensor", file.path(),
                            name);
      }
    }
    return {};
  }

  std::string dir_;
  Index index_;
  mutable std::mutex mutex_;                              // guards shards_
  std::vector<std::unique_ptr<SafetensorsFile>> shards_;  // by position in index_.shards; null until used
};

}  // namespace

Result<std::unique_ptr<Checkpoint>> Checkpoint::open(const std::string& dir) {
  std::error_code ignored;
  if (std::filesystem::exists(dir + "/" + kSingleFile, ignored)) return CheckpointFolder::open_single(dir);
  if (!std::filesystem::exists(dir + "/" + kIndexFile, ignored)) {
    return not_found("{}: expected {} or {}, found neither", dir, kSingleFile, kIndexFile);
  }
  TAMIS_ASSIGN_OR_RETURN(Index index, read_index(dir + "/" + kIndexFile));
  return std::unique_ptr<Checkpoint>(std::make_unique<CheckpointFolder>(dir, std::move(index)));
}

}  // namespace tamis
