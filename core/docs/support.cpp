// docs/generated/support.md.
#include <algorithm>
#include <map>
#include <set>

#include <fmt/ranges.h>

#include "core/docs/docs.h"
#include "core/graph/op_def.h"
#include "core/policy/capability.h"

namespace tamis {
namespace {

const char* mark_of(const RunRecord* run) {
  if (run == nullptr) return " (not run)";
  if (run->how == "emulation") return " (emulated)";
  return run->how == "software" ? " (software)" : "";
}

// "2 rows: openblas, portable": the families in table order, each with the best run of its rows.
std::string cell(std::span<const KernelRow> rows, const std::vector<RunRecord>& runs) {
  if (rows.empty()) return "no file";
  std::vector<std::string> families;
  for (const KernelRow& row : rows) {
    std::string text = std::string(row.families) + mark_of(best_run(runs, row.name));
    if (std::find(families.begin(), families.end(), text) == families.end())
      families.push_back(std::move(text));
  }
  return fmt::format("{} row{}: {}", rows.size(), rows.size() == 1 ? "" : "s", fmt::join(families, ", "));
}

std::string matrix(const std::vector<const Backend*>& backends, const std::vector<RunRecord>& runs) {
  std::string text = "| op |", rule = "|---|";
  for (const Backend* backend : backends) {
    text += fmt::format(" {} |", backend->name());
    rule += "---|";
  }
  text += "\n" + rule + "\n";
  for (const OpDef* op : all_ops()) {
    text += fmt::format("| {}{} |", op->name, op->decompose != nullptr ? " (composite)" : "");
    for (const Backend* backend : backends) text += fmt::format(" {} |", cell(backend->rows(op->name), runs));
    text += "\n";
  }
  return text;
}

std::vector<const KernelRow*> rows_of(const Backend& backend) {
  std::vector<const KernelRow*> rows;
  for (const OpDef* op : all_ops()) {
    for (const KernelRow& row : backend.rows(op->name)) rows.push_back(&row);
  }
  return rows;
}

std::string run_lines(const std::vector<const Backend*>& backends, const std::vector<RunRecord>& runs) {
  std::string text = "| backend | rows that ran | of | device | how | date |\n|---|---|---|---|---|---|\n";
  for (const Backend* backend : backends) {
    const std::vector<const KernelRow*> rows = rows_of(*backend);
    std::size_t never = rows.size();
    for (const RunRecord& run : runs) {
      if (run.backend != backend->name()) continue;
      const auto ran =
          std::count_if(rows.begin(), rows.end(), [&](const auto* row) { return run.names(row->name); });
      text += fmt::format("| {} | {} | {} | {} | {} | {} |\n", backend->name(), ran, rows.size(), run.device,
                          run.how, run.date);
    }
    never = static_cast<std::size_t>(std::count_if(
        rows.begin(), rows.end(), [&](const auto* row) { return best_run(runs, row->name) == nullptr; }));
    if (never > 0)
      text += fmt::format("| {} | {} | {} | none: compiled, not run | | |\n", backend->name(), never,
                          rows.size());
  }
  return text;
}

// The products of the capability files that have one architecture.
struct Architecture {
  std::vector<DeviceInfo> products;

  bool has(const std::string& device) const {
    return std::any_of(products.begin(), products.end(), [&](const auto& p) { return p.name == device; });
  }
};

std::map<int, Architecture> architectures_of(const std::string& backend) {
  std::map<int, Architecture> found;
  for (const std::string& name : capability_names()) {
    const Result<DeviceInfo> info = find_capability(name);
    if (info.ok() && info->backend == backend) found[info->arch].products.push_back(*info);
  }
  return found;
}

std::string architecture_line(const Backend& backend, const Architecture& architecture,
                              const std::vector<RunRecord>& runs) {
  const DeviceInfo& info = architecture.products[0];
  std::vector<const KernelRow*> rows = rows_of(backend);
  std::erase_if(rows, [&](const auto* row) { return !check_features(row->needs, info).accepted(); });
  std::string ran = "compiled, not run";
  for (const RunRecord& run : runs) {
    if (run.backend != backend.name() || run.how != "hardware" || !architecture.has(run.device)) continue;
    const auto n =
        std::count_if(rows.begin(), rows.end(), [&](const auto* row) { return run.names(row->name); });
    ran = fmt::format("{} of them on {}", n, run.device);
  }
  std::vector<std::string> names;
  for (const DeviceInfo& product : architecture.products) names.push_back(product.name);
  return fmt::format("| {} | {} | {} | {} | {} |\n", backend.name(),
                     architecture_name(info.backend, info.arch), fmt::join(names, ", "), rows.size(), ran);
}

std::string architecture_lines(const std::vector<const Backend*>& backends,
                               const std::vector<RunRecord>& runs) {
  std::string text = "| backend | architecture | cards | rows | ran |\n|---|---|---|---|---|\n";
  for (const Backend* backend : backends) {
    for (const auto& [arch, architecture] : architectures_of(backend->name()))
      text += architecture_line(*backend, architecture, runs);
  }
  return text;
}

// Records of rows that have been renamed or removed since.
std::string stale_lines(const std::vector<const Backend*>& backends, const std::vector<RunRecord>& runs) {
  std::set<std::string> known;
  for (const Backend* backend : backends) {
    for (const KernelRow* row : rows_of(*backend)) known.insert(row->name);
  }
  std::string text;
  for (const RunRecord& run : runs) {
    for (const std::string& row : run.rows) {
      if (row.ends_with('*') || known.count(row) != 0) continue;
      text += fmt::format("- `{}` ran on {}, {}\n", row, run.device, run.date);
    }
  }
  return text.empty() ? "" : "\n## Records of rows that are gone\n\n" + text;
}

}  // namespace

std::string architecture_name(const std::string& backend, int arch) {
  return backend == "hip" ? fmt::format("gfx{:x}", arch) : fmt::format("sm_{}", arch);
}

std::string support_document(const std::vector<const Backend*>& backends,
                             const std::vector<RunRecord>& runs) {
  return "# Support\n\nWritten by `tamis docs`. Rows and families of every op on every backend, in table "
         "order "
         "([tables.md](tables.md)).\n\n- `no file`: the backend has no rows for the op; its decomposition or "
         "the "
         "CPU's rows run instead.\n- (not run): compiled, and never run on any device. (software): run by a "
         "rasteriser on the CPU.\n  (emulated): the kernels ran on the CPU or on another vendor's GPU, "
         "never on a "
         "card of the backend's. Without a mark: run on the hardware below.\n- composite: where no row takes "
         "it, its parts do.\n\n" +
         matrix(backends, runs) +
         "\n## Where rows ran\n\nFrom [runs.json](../runs.json): a row counts once all its parity cases "
         "passed "
         "on the device.\n\n" +
         run_lines(backends, runs) +
         "\n## Architectures\n\nThe cards whose facts are in core/policy/data (`tamis explain --device "
         "sm89`), "
         "and the rows that have the instructions they need there.\n\n" +
         architecture_lines(backends, runs) + stale_lines(backends, runs);
}

}  // namespace tamis
