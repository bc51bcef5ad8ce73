// tamis docs: writes docs/generated from the tables and headers of this build, or says where it is out of
// date.
#include <filesystem>
#include <fstream>
#include <memory>

#include "apps/commands.h"
#include "core/docs/docs.h"

namespace tamis::apps {
namespace {

namespace fs = std::filesystem;

struct DocsOptions {
  std::string source;
  bool check = false;
};

constexpr const char* kMark = "core/ops.def";  // the source tree has it

// The tree above the executable (build/<preset>/bin/tamis), or above the working directory.
Result<std::string> find_source(const std::string& given) {
  std::error_code ignored;
  if (!given.empty()) {
    if (fs::is_regular_file(fs::path(given) / kMark, ignored)) return given;
    return not_found("--source {}: expected a source tree: {} is not there", given, kMark);
  }
  for (fs::path folder :
       {fs::read_symlink("/proc/self/exe", ignored).parent_path(), fs::current_path(ignored)}) {
    for (; folder.has_relative_path(); folder = folder.parent_path()) {
      if (fs::is_regular_file(folder / kMark, ignored)) return folder.string();
    }
  }
  return not_found("docs: no source tree above the program or here: --source");
}

Status write(const std::string& source, const std::vector<Document>& documents) {
  for (const Document& document : documents) {
    const std::string path = source + "/" + document.path;
    std::ofstream out(path, std::ios::binary);
    out << document.text << std::flush;
    if (!out) return not_found("{}: cannot be written", path);
  }
  return {};
}

Status run(const DocsOptions& options) {
  TAMIS_ASSIGN_OR_RETURN(const std::string source, find_source(options.source));
  TAMIS_ASSIGN_OR_RETURN(const std::vector<Document> documents, make_documents(source));
  return options.check ? compare_documents(source, documents) : write(source, documents);
}

}  // namespace

void add_docs(CLI::App& root, int& exit_code) {
  CLI::App* command = root.add_subcommand(
      "docs", "Write docs/generated: support, tables, contracts, policy; needs every backend");
  const auto options = std::make_shared<DocsOptions>();
  command->add_option("--source", options->source, "source tree (default: above the program, or above here)");
  command->add_flag("--check", options->check, "write nothing; exit 1 and name the first line that differs");
  command->callback([options, &exit_code] { exit_code = report(run(*options)); });
}

}  // namespace tamis::apps
