#include "core/model/find_model.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include <fmt/format.h>

#include "core/base/settings.h"

namespace tamis {
namespace {

namespace fs = std::filesystem;

constexpr int kLevelsUp = 4;  // build/<preset>/bin/tamis is three below the source tree

bool is_model(const fs::path& folder) {
  std::error_code ignored;
  return fs::is_regular_file(folder / "config.json", ignored);
}

std::vector<fs::path> folders_of_models() {
  std::vector<fs::path> out;
  std::error_code error;
  const fs::path executable = fs::read_symlink("/proc/self/exe", error);
  if (!error) {
    fs::path folder = executable.parent_path();
    out.push_back(folder.parent_path() / "share/tamis/models");
    for (int level = 0; level <= kLevelsUp && folder.has_relative_path(); ++level) {
      out.push_back(folder / "models");
      folder = folder.parent_path();
    }
  }
#ifdef TAMIS_SOURCE_MODELS
  out.emplace_back(TAMIS_SOURCE_MODELS);
#endif
  const std::string listed = settings::models_path();
  for (std::size_t begin = 0; begin < listed.size();) {
    const std::size_t end = std::min(listed.find(':', begin), listed.size());
    if (end > begin) out.emplace_back(listed.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

}  // namespace

Result<std::string> find_model(std::string_view name_or_path) {
  const std::string name(name_or_path.empty() ? kDefaultModel : name_or_path);
  if (is_model(name)) return name;
  std::error_code ignored;
  if (fs::is_directory(name, ignored))
    return not_found("model {}: expected a config.json in the folder", name);

  std::string looked_at;
  if (name.find('/') == std::string::npos && name != "." && name != "..") {
    for (const fs::path& folder : folders_of_models()) {
      if (is_model(folder / name)) return (folder / name).string();
      looked_at += fmt::format("{}{}", looked_at.empty() ? "" : ", ", (folder / name).string());
    }
  }
  if (looked_at.empty()) return not_found("model {}: no such folder", name);
  return not_found("model {}: expected a folder with a config.json, or a name; looked at {}", name,
                   looked_at);
}

}  // namespace tamis
