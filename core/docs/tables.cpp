// docs/generated/tables.md.
#include <fmt/ranges.h>

#include "core/docs/docs.h"
#include "core/graph/op_def.h"
#include "core/policy/families.h"

namespace tamis {
namespace {

// "avx512 amx_bf16, from sm_90, below sm_100".
std::string needs_text(const std::string& backend, const Features& needs) {
  std::vector<std::string> features, parts;
  for (int bit = 0; bit < 64; ++bit) {
    if ((needs.all_of >> bit & 1) != 0) features.emplace_back(feature_name(1ull << bit));
  }
  if (!features.empty()) parts.push_back(fmt::format("{}", fmt::join(features, " ")));
  if (needs.arch_min > 0) parts.push_back("from " + architecture_name(backend, needs.arch_min));
  if (needs.arch_max != Features{}.arch_max)
    parts.push_back("below " + architecture_name(backend, needs.arch_max));
  return fmt::format("{}", fmt::join(parts, ", "));
}

// What the planner does with the row beyond its needs.
std::string traits_text(const KernelRow& row) {
  std::vector<const char*> traits;
  if (row.prefers != nullptr) traits.push_back("not for every shape");
  if (row.weight_layout != nullptr) traits.push_back("packs its weight");
  if (row.workspace != nullptr) traits.push_back("workspace");
  if (row.step_bytes != nullptr) traits.push_back("state of a step");
  if (!row.capturable) traits.push_back("not captured");
  return fmt::format("{}", fmt::join(traits, ", "));
}

std::string run_text(const RunRecord* run) {
  if (run == nullptr) return "not run";
  return run->how == "hardware" ? run->device : fmt::format("{} ({})", run->device, run->how);
}

std::string backend_section(const Backend& backend, const std::vector<RunRecord>& runs) {
  std::string text = fmt::format("\n## {}\n", backend.name());
  std::vector<const char*> missing;
  for (const OpDef* op : all_ops()) {
    const std::span<const KernelRow> rows = backend.rows(op->name);
    if (rows.empty()) missing.push_back(op->name);
    if (rows.empty()) continue;
    text += fmt::format(
        "\n### {}.{}\n\n| # | row | families | needs | accuracy | invariance | notes | ran on "
        "|\n|---|---|---|---|---|---|---|---|\n",
        backend.name(), op->name);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const KernelRow& row = rows[i];
      text += fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} |\n", i + 1, row.name, row.families,
                          needs_text(backend.name(), row.needs), row.numerics.accuracy,
                          row.numerics.invariance == Invariance::kBatch ? "batch" : "run", traits_text(row),
                          run_text(best_run(runs, row.name)));
    }
  }
  if (!missing.empty()) text += fmt::format("\nNo file: {}.\n", fmt::join(missing, ", "));
  return text;
}

// What the words in the column "families" mean.
std::string glossary() {
  std::string text = "\n## Families\n\n| family | ops | what it is |\n|---|---|---|\n";
  for (const FamilyInfo& family : known_families())
    text += fmt::format("| {} | {} | {} |\n", family.name, family.ops, family.what);
  return text;
}

}  // namespace

std::string tables_document(const std::vector<const Backend*>& backends, const std::vector<RunRecord>& runs) {
  std::string text =
      "# Selection tables\n\nWritten by `tamis docs`. The planner walks a table from the top: of the rows "
      "that "
      "carry the family asked for\n([policy.md](policy.md)), then of all rows, it takes the first that "
      "accepts "
      "the call and prefers its shape, else the first that\naccepts. `tamis explain` prints the walk.\n\n"
      "- needs: device features and the range of architectures.\n- invariance `batch`: the bits of a token's "
      "result do not depend on its neighbours in the batch; `run`: the same call gives\n  the same bits.\n- "
      "not "
      "for every shape: the row says of some shapes that a later row is faster.\n";
  for (const Backend* backend : backends) text += backend_section(*backend, runs);
  return text + glossary();
}

}  // namespace tamis
