#include "core/backend/kernel_table.h"

#include <string_view>

namespace tamis {
namespace {

bool name_matches(const KernelRow& row, std::string_view wanted) {
  const std::string_view name = row.name;
  if (name == wanted) return true;
  return name.size() > wanted.size() && name.ends_with(wanted) &&
         name[name.size() - wanted.size() - 1] == '.';
}

Reason check_hard(const KernelRow& row, const DeviceInfo& device, const OpCall& call,
                  const RowPreferences& preferences) {
  if (!preferences.forced_row.empty() && !name_matches(row, preferences.forced_row)) {
    return reject("kernel {} was asked for", preferences.forced_row);
  }
  if (preferences.invariance == Invariance::kBatch && row.numerics.invariance != Invariance::kBatch) {
    return reject("not batch-invariant");
  }
  if (Reason missing = check_features(row.needs, device); !missing.accepted()) return missing;
  return row.accepts != nullptr ? row.accepts(device, call) : accept();
}

const KernelRow* first_match(const std::vector<RowVerdict>& walk, std::string_view family,
                             bool preferred_only) {
  for (const RowVerdict& verdict : walk) {
    if (!verdict.hard.accepted() || (preferred_only && !verdict.soft.accepted())) continue;
    if (family.empty() || has_family(*verdict.row, family)) return verdict.row;
  }
  return nullptr;
}

}  // namespace

bool layout_fits(std::int64_t bytes, const TensorDesc& weight) {
  return static_cast<double>(bytes) <= 1.05 * weight_bytes(weight) + 4096;
}

bool has_family(const KernelRow& row, std::string_view family) {
  std::string_view rest = row.families != nullptr ? row.families : "";
  while (!rest.empty()) {
    const std::size_t space = rest.find(' ');
    if (rest.substr(0, space) == family) return true;
    if (space == std::string_view::npos) break;
    rest.remove_prefix(space + 1);
  }
  return false;
}

RowChoice choose_row(std::span<const KernelRow> rows, const DeviceInfo& device, const OpCall& call,
                     const RowPreferences& preferences) {
  RowChoice choice;
  choice.walk.reserve(rows.size());
  for (const KernelRow& row : rows) {
    RowVerdict verdict{&row, check_hard(row, device, call, preferences), {}};
    if (verdict.hard.accepted() && row.prefers != nullptr) verdict.soft = row.prefers(device, call);
    choice.walk.push_back(std::move(verdict));
  }
  for (std::string_view family : {std::string_view(preferences.family), std::string_view()}) {
    for (bool preferred_only : {true, false}) {
      if (choice.row == nullptr) choice.row = first_match(choice.walk, family, preferred_only);
    }
  }
  return choice;
}

std::string describe_call(const OpCall& call) {
  std::string text = call.op->name;
  for (std::size_t i = 0; i < call.operands.size(); ++i) {
    const Tensor& operand = call.operands[i];
    if (operand.present()) text += fmt::format(" {} {}", call.op->operands[i].name, operand.desc.to_string());
  }
  return text;
}

std::string describe_rejections(const OpCall& call, const RowChoice& choice) {
  std::string text = fmt::format("no kernel takes {}", describe_call(call));
  for (const RowVerdict& verdict : choice.walk) {
    text += fmt::format("; {}: {}", verdict.row->name, verdict.hard.text());
  }
  if (choice.walk.empty()) text += "; the backend has no rows for this op";
  return text;
}

}  // namespace tamis
