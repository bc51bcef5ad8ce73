#include "core/policy/policy_report.h"

#include <charconv>
#include <cstdlib>

#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "core/policy/policy_facts.h"
#include "core/policy/rule.h"

namespace tamis {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kAprilCommit = "929e00eea";
constexpr const char* kAugustCommit = "92b1d382c7";

std::string source_text(const policy::Rule& rule) {
  if (std::string_view(rule.source.path) == policy::kTamis.path) return "tamis";
  const char* gap = *rule.source.lines != '\0' ? " " : "";
  const char* commit = (rule.scope & policy::kAugust) != 0 ? kAugustCommit : kAprilCommit;
  return fmt::format("{}{}{} ({})", rule.source.path, gap, rule.source.lines, commit);
}

const policy::Rule* rule_of(const PolicyDecision& decision, Field field) {
  return decision.fields[static_cast<std::size_t>(field)].rule;
}

// "path lines (commit): note"; empty for a field that no row decided.
std::string source_and_note(const PolicyDecision& decision, Field field) {
  const policy::Rule* rule = rule_of(decision, field);
  if (rule == nullptr) return "";
  return source_text(*rule) + (*rule->note != '\0' ? ": " : "") + rule->note;
}

Json typed(const std::string& value, FieldKind kind) {
  if (value.empty()) return nullptr;
  if (kind == FieldKind::kBool) return value == "true";
  if (kind == FieldKind::kText) return value;
  // Whole numbers as integers; fractions have few digits, so strtod gives them back as they were written.
  std::int64_t whole = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), whole);
  if (error == std::errc() && end == value.data() + value.size()) return whole;
  return std::strtod(value.c_str(), nullptr);
}

template <class Visit>
void each_field(Visit visit) {
  for (std::size_t i = 0; i < kFieldCount; ++i) visit(static_cast<Field>(i));
}

// The name inside "speculative", or null for a field of the top level.
const char* speculative_name(Field field) {
  switch (field) {
    case Field::kSpecAlgorithm: return "algorithm";
    case Field::kSpecSteps: return "steps";
    case Field::kSpecTopk: return "topk";
    case Field::kSpecDraftTokens: return "draft_tokens";
    case Field::kMaxRunning: return "max_running_requests";
    case Field::kDraftArchitecture: return "draft_architecture";
    case Field::kDraftModelPath: return "draft_model_path";
    default: return nullptr;
  }
}

Json messages(const std::vector<PolicyFinding>& findings) {
  Json list = Json::array();
  for (const PolicyFinding& finding : findings) list.push_back(finding.message);
  return list;
}

Json sources_of(const std::vector<PolicyFinding>& findings) {
  Json list = Json::array();
  for (const PolicyFinding& finding : findings) {
    list.push_back(fmt::format("{}: {}", finding.rule->id, source_text(*finding.rule)));
  }
  return list;
}

void add_values(const PolicyDecision& decision, Json& out) {
  out["speculative"] = Json::object();
  each_field([&](Field field) {
    const Json value = typed(decision.value(field), field_info(field).kind);
    if (const char* inner = speculative_name(field)) out["speculative"][inner] = value;
    if (speculative_name(field) == nullptr) out[field_info(field).name] = value;
  });
  out["errors"] = messages(decision.errors);
  out["warnings"] = messages(decision.warnings);
}

void add_sources(const PolicyDecision& decision, Json& out) {
  Json sources = Json::object(), rules = Json::object(), notes = Json::object();
  each_field([&](Field field) {
    const policy::Rule* rule = rule_of(decision, field);
    if (rule == nullptr) return;
    const char* name = field_info(field).name;
    sources[name] = source_text(*rule);
    rules[name] = rule->id;
    if (*rule->note != '\0') notes[name] = rule->note;
  });
  sources["errors"] = sources_of(decision.errors);
  sources["warnings"] = sources_of(decision.warnings);
  out["sources"] = std::move(sources);
  out["rules_hit"] = std::move(rules);
  out["notes"] = std::move(notes);
}

// Both answers where the modes differ.
void add_modes(const PolicyDecision& mirror, const PolicyDecision& automatic, Json& out) {
  Json mirrors = Json::object(), autos = Json::object();
  each_field([&](Field field) {
    if (mirror.value(field) == automatic.value(field)) return;
    const FieldInfo& info = field_info(field);
    mirrors[info.name] = typed(mirror.value(field), info.kind);
    autos[info.name] = typed(automatic.value(field), info.kind);
    mirrors["sources"][info.name] = source_and_note(mirror, field);
    autos["sources"][info.name] = source_and_note(automatic, field);
  });
  if (messages(mirror.errors) != messages(automatic.errors)) {
    mirrors["errors"] = messages(mirror.errors);
    autos["errors"] = messages(automatic.errors);
  }
  out["mirror"] = std::move(mirrors);
  out["auto"] = std::move(autos);
}

const char* mode_name(PolicyMode mode) { return mode == PolicyMode::kAuto ? "auto" : "mirror"; }
const char* rules_name(PolicyRules rules) { return rules == PolicyRules::k2026_04 ? "2026-04" : "2026-08"; }
PolicyMode other(PolicyMode mode) {
  return mode == PolicyMode::kAuto ? PolicyMode::kMirror : PolicyMode::kAuto;
}

}  // namespace

nlohmann::ordered_json policy_json(const PolicyInput& input, PolicyMode mode) {
  const PolicyDecision decision = decide(input, mode), second = decide(input, other(mode));
  Json out;
  out["arch"] = input.device.arch;
  out["device"] = input.device.name;
  out["model"] = input.model.name;
  out["rules"] = rules_name(input.rules);
  out["mode"] = mode_name(mode);
  add_values(decision, out);
  Json families = Json::object();
  for (const OpFamily& entry : policy_families(decision)) families[entry.op] = entry.family;
  out["families"] = std::move(families);
  const bool automatic = mode == PolicyMode::kAuto;
  add_modes(automatic ? second : decision, automatic ? decision : second, out);
  add_sources(decision, out);
  return out;
}

std::string policy_text(const PolicyInput& input, PolicyMode mode) {
  const PolicyDecision decision = decide(input, mode), second = decide(input, other(mode));
  std::string text = fmt::format("{} on {} ({}), rules {}, mode {}\n", input.model.name, input.device.arch,
                                 input.device.name, rules_name(input.rules), mode_name(mode));
  each_field([&](Field field) {
    const Decided& decided = decision.fields[static_cast<std::size_t>(field)];
    if (decided.value.empty() && second.value(field).empty()) return;
    const std::string value = decided.value.empty() ? "none" : decided.value;
    const std::string source = decided.rule != nullptr ? source_text(*decided.rule) : "";
    text += fmt::format("{:<32} {:<24} {}\n", field_info(field).name, value, source);
    if (decided.rule != nullptr && *decided.rule->note != '\0')
      text += fmt::format("{:<32}   {}\n", "", decided.rule->note);
    if (decided.value != second.value(field)) {
      text += fmt::format("{:<32}   {}: {}  [{}]\n", "", mode_name(other(mode)),
                          second.value(field).empty() ? "none" : second.value(field),
                          source_and_note(second, field));
    }
  });
  const auto add = [&](const char* kind, const std::vector<PolicyFinding>& findings) {
    for (const PolicyFinding& finding : findings)
      text += fmt::format("{}: {}  [{}]\n", kind, finding.message, source_text(*finding.rule));
  };
  add("error", decision.errors);
  add("warning", decision.warnings);
  return text;
}

namespace {

// A row of the golden table: device, model and flags written as on the command line.
struct TableRow {
  const char* arch;
  const char* model;
  const char* flag;  // "" or one flag
  const char* value;
};

Result<PolicyInput> table_input(const TableRow& row, PolicyRules rules) {
  PolicyInput input;
  input.rules = rules;
  TAMIS_ASSIGN_OR_RETURN(input.device, policy_device(row.arch));
  TAMIS_ASSIGN_OR_RETURN(input.model, policy_model(row.model));
  if (*row.flag != '\0') TAMIS_RETURN_IF_ERROR(set_policy_flag(input.flags, row.flag, row.value));
  return input;
}

std::string cell(const PolicyDecision& mirror, const PolicyDecision& automatic, Field field) {
  const auto shown = [&](const PolicyDecision& decision) {
    return decision.value(field).empty() ? std::string("-") : decision.value(field);
  };
  const std::string first = shown(mirror), second = shown(automatic);
  return first == second ? first : first + " / " + second;
}

constexpr Field kColumns[] = {
    Field::kAttentionBackend, Field::kPageSize,       Field::kKvDtype, Field::kPrefillBackend,
    Field::kDecodeBackend,    Field::kDenseThreshold, Field::kMlaPath, Field::kMoeRunner,
    Field::kFp8Gemm,          Field::kFusedExperts,   Field::kChunk,
};

std::string table_line(const TableRow& row, PolicyRules rules) {
  const Result<PolicyInput> input = table_input(row, rules);
  if (!input.ok()) return fmt::format("| {} | {} |\n", row.arch, input.status().message());
  const PolicyDecision mirror = decide(*input, PolicyMode::kMirror),
                       automatic = decide(*input, PolicyMode::kAuto);
  std::string line = fmt::format("| {} | {} {} |", row.arch, row.flag, row.value);
  for (const Field field : kColumns) line += fmt::format(" {} |", cell(mirror, automatic, field));
  return line + fmt::format(" {} |\n", mirror.errors.empty() ? "" : mirror.errors[0].message);
}

constexpr const char* kDevices[] = {"sm80",  "sm86",  "sm89",   "sm90",   "sm100",  "sm103",
                                    "sm120", "sm121", "gfx90a", "gfx942", "gfx950", "npu"};
struct TableFlag {
  const char* flag;
  const char* value;
};
constexpr TableFlag kDsaFlags[] = {{"", ""},
                                   {"--kv-cache-dtype", "bf16"},
                                   {"--kv-cache-dtype", "fp8_e4m3"},
                                   {"--kv-cache-dtype", "fp8_e5m2"},
                                   {"--nsa-prefill-backend", "flashmla_auto"},
                                   {"--nsa-decode-backend", "flashmla_kv"},
                                   {"--enable-hisparse", "true"},
                                   {"--moe-a2a-backend", "deepep"},
                                   {"--tp", "8"}};
constexpr TableFlag kDenseFlags[] = {{"", ""},
                                     {"--kv-cache-dtype", "fp8_e4m3"},
                                     {"--kv-cache-dtype", "fp4_e2m1"},
                                     {"--attention-backend", "flashmla"},
                                     {"--attention-backend", "trtllm_mla"},
                                     {"--tp", "8"}};

void add_table(std::string& text, const char* model, PolicyRules rules) {
  text += fmt::format("\n## {}, rules {}\n\n| device | flag |", model, rules_name(rules));
  for (const Field field : kColumns) text += fmt::format(" {} |", field_info(field).name);
  text += " first error |\n|---|---|";
  for (std::size_t i = 0; i <= std::size(kColumns); ++i) text += "---|";
  text += '\n';
  const bool dense = std::string_view(model) == "deepseek-v3";
  const std::span<const TableFlag> flags = dense ? std::span<const TableFlag>(kDenseFlags) : kDsaFlags;
  for (const char* device : kDevices) {
    for (const TableFlag& flag : flags) text += table_line({device, model, flag.flag, flag.value}, rules);
  }
}

std::string scope_text(int scope) {
  std::vector<const char*> words;
  if ((scope & policy::kApril) != 0) words.push_back("2026-04");
  if ((scope & policy::kAugust) != 0) words.push_back("2026-08");
  if ((scope & policy::kMirror) != 0) words.push_back("mirror");
  if ((scope & policy::kAuto) != 0) words.push_back("auto");
  return fmt::format("{}", fmt::join(words, " "));
}

void add_rules(std::string& text) {
  text +=
      "\n## Rows\n\nIn the order in which they are walked. Empty scope: both rule sets, both modes.\n\n"
      "| row | decides | answer | scope | source | note |\n|---|---|---|---|---|---|\n";
  for (const policy::Group& group : policy::all_groups()) {
    std::string field = group.warning ? "warnings" : "errors";
    if (group.field != policy::kErrors) field = field_info(group.field).name;
    if (group.second != Field::kCount) field += fmt::format(", {}", field_info(group.second).name);
    for (const policy::Rule& rule : group.rules) {
      const policy::Answer& answer = rule.answer;
      const std::string second = *answer.second != '\0' ? fmt::format(", {}", answer.second) : "";
      const std::string shown = answer.compute != nullptr ? "computed" : answer.text + second;
      text += fmt::format("| {} | {} | {} | {} | {} | {} |\n", rule.id, field, shown, scope_text(rule.scope),
                          source_text(rule), rule.note);
    }
  }
}

void add_flags(std::string& text) {
  text +=
      "\n## Flags and environment variables\n\n| name | values | of 2026-08 only | help "
      "|\n|---|---|---|---|\n";
  for (const FlagRow& row : policy_flag_rows()) {
    const char* any = row.number != nullptr ? "number" : row.flag != nullptr ? "true false" : "any";
    text += fmt::format("| {} | {} | {} | {} |\n", row.name, row.legal != nullptr ? row.legal : any,
                        row.august, row.help);
  }
}

}  // namespace

std::string policy_table() {
  std::string text =
      "# Policy\n\nWritten by `tamis docs`. Each line is `tamis policy --arch DEVICE --model MODEL "
      "FLAG`\n"
      "for a prefill of 4096 new tokens. `a / b`: SGLang's answer (mirror) and what runs here (auto), where\n"
      "they differ; one answer where they agree.\n";
  for (const PolicyRules rules : {PolicyRules::k2026_04, PolicyRules::k2026_08}) {
    for (const std::string& model : policy_model_names()) {
      if (model != "glm-5.2") add_table(text, model.c_str(), rules);
    }
  }
  add_flags(text);
  add_rules(text);
  return text;
}

}  // namespace tamis
