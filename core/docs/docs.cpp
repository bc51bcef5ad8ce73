// All documents, and how they differ from what is in the tree.
#include "core/docs/docs.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include <fmt/ranges.h>

#include "core/backend/registry.h"
#include "core/graph/op_def.h"
#include "core/policy/policy_report.h"

namespace tamis {
namespace {

Result<std::string> read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return not_found("{}: cannot be opened", path);
  return std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
}

std::string why_missing(const std::string& name) {
  for (const BackendRecord& record : Registry::instance().backends()) {
    if (record.backend == nullptr && record.path.find("tamis_" + name) != std::string::npos)
      return record.why_not;
  }
  return fmt::format(
      "no libtamis_{}.so beside the library; configure with TAMIS_BUILD_BACKENDS=all where its "
      "toolchain is",
      name);
}

// Tables are read without devices, so a build needs no driver for this.
Result<std::vector<const Backend*>> documented_backends() {
  std::vector<const Backend*> backends;
  std::vector<std::string> missing;
  for (const char* name : kDocumentedBackends) {
    const Backend* backend = Registry::instance().backend(name);
    if (backend == nullptr) missing.push_back(fmt::format("{} ({})", name, why_missing(name)));
    if (backend != nullptr) backends.push_back(backend);
  }
  if (!missing.empty())
    return unsupported("docs: the documents need the tables of every backend, and this build lacks {}",
                       fmt::join(missing, ", "));
  return backends;
}

Result<std::string> contracts_of(const std::string& source) {
  std::vector<Contract> contracts;
  for (const OpDef* op : all_ops()) {
    const std::string path = fmt::format("{}/core/ops/{}/{}.h", source, op->name, op->name);
    TAMIS_ASSIGN_OR_RETURN(const std::string header, read_text(path));
    TAMIS_ASSIGN_OR_RETURN(std::string text, contract_text(path, header));
    contracts.push_back({op->name, std::move(text)});
  }
  return contracts_document(contracts);
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

std::string shown(const std::vector<std::string_view>& lines, std::size_t index) {
  constexpr std::size_t kLongest = 200;
  if (index >= lines.size()) return "the end";
  return fmt::format("\"{}\"", lines[index].substr(0, kLongest));
}

}  // namespace

Result<std::vector<Document>> make_documents(const std::string& source) {
  TAMIS_ASSIGN_OR_RETURN(const std::vector<const Backend*> backends, documented_backends());
  const std::string path = source + "/docs/runs.json";
  TAMIS_ASSIGN_OR_RETURN(const std::string text, read_text(path));
  TAMIS_ASSIGN_OR_RETURN(const std::vector<RunRecord> runs, parse_runs(text, path));
  TAMIS_ASSIGN_OR_RETURN(std::string contracts, contracts_of(source));
  return std::vector<Document>{{"docs/generated/support.md", support_document(backends, runs)},
                               {"docs/generated/tables.md", tables_document(backends, runs)},
                               {"docs/generated/contracts.md", std::move(contracts)},
                               {"docs/generated/policy.md", policy_table()}};
}

Status compare_documents(const std::string& source, const std::vector<Document>& documents) {
  for (const Document& document : documents) {
    TAMIS_ASSIGN_OR_RETURN(const std::string found, read_text(source + "/" + document.path));
    if (found == document.text) continue;
    const std::vector<std::string_view> expected_lines = lines_of(document.text),
                                        found_lines = lines_of(found);
    const auto [expected_end, found_end] =
        std::mismatch(expected_lines.begin(), expected_lines.end(), found_lines.begin(), found_lines.end());
    const auto line = static_cast<std::size_t>(expected_end - expected_lines.begin());
    return corrupt_data("{}:{}: expected {}, found {}: run `tamis docs` and look at the diff", document.path,
                        line + 1, shown(expected_lines, line), shown(found_lines, line));
  }
  return {};
}

}  // namespace tamis
