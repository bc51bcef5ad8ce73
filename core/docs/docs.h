// The generated documents of docs/generated: which rows there are, in which order they are tried, what the
// ops promise, what the policy decides. Written from the tables and headers themselves, so that they cannot
// differ from the code.
#pragma once

#include <string>
#include <vector>

#include "core/backend/kernel_table.h"
#include "core/docs/runs.h"

namespace tamis {

// Backends whose tables the documents show, in order.
inline constexpr const char* kDocumentedBackends[] = {"cpu", "cuda", "hip", "vulkan"};

// Op by backend: rows and families, or "no file"; where each backend's rows ran.
std::string support_document(const std::vector<const Backend*>& backends, const std::vector<RunRecord>& runs);

// "sm_90", "gfx942".
std::string architecture_name(const std::string& backend, int arch);

// Every selection table in the order in which it is walked.
std::string tables_document(const std::vector<const Backend*>& backends, const std::vector<RunRecord>& runs);

// An op's section: what its header says above the code, and its operands.
struct Contract {
  std::string op;
  std::string text;
};
// The comment at the head of core/ops/<op>/<op>.h. kCorruptData where there is none.
Result<std::string> contract_text(const std::string& path, const std::string& header);
std::string contracts_document(const std::vector<Contract>& contracts);

struct Document {
  std::string path;  // under the source tree
  std::string text;
};
// All of them. `source` is the source tree: headers of the ops and docs/runs.json are read there.
// kUnsupported names each backend that this build lacks, and why.
Result<std::vector<Document>> make_documents(const std::string& source);

// Where a file of the source tree differs from its document: "docs/generated/support.md:12: expected …, found
// …"; ok if none does.
Status compare_documents(const std::string& source, const std::vector<Document>& documents);

}  // namespace tamis
