// tamis policy: what SGLang would decide for a device, a model, flags and a batch, and where each answer is
// from.
#include <charconv>
#include <cstdio>
#include <memory>

#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "apps/batch_option.h"
#include "apps/commands.h"
#include "core/policy/policy_facts.h"
#include "core/policy/policy_report.h"

namespace tamis::apps {
namespace {

struct PolicyOptions {
  std::string arch, model = "deepseek-v3.2", mode = "auto", rules = "2026-04";
  std::string batch = "extend:new=4096,prefix=0", cuda = "12.8", device_name;
  std::int64_t memory_gib = 0;
  std::vector<std::pair<std::string, std::string>> flags;  // by name, as given
  std::vector<std::string> environment;                    // NAME=VALUE
  bool json = false;
};

// "12.8" → 1208.
Result<int> parse_cuda(std::string_view text) {
  int major = 0, minor = 0;
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, major);
  const bool dotted = first.ec == std::errc() && first.ptr != end && *first.ptr == '.';
  const auto second = std::from_chars(dotted ? first.ptr + 1 : end, end, minor);
  if (!dotted || second.ec != std::errc() || second.ptr != end || major < 1 || major > 99 || minor < 0 ||
      minor > 99)
    return invalid_argument("--cuda-version: expected MAJOR.MINOR, found \"{}\"", text);
  return major * 100 + minor;
}

Result<PolicyModel> find_policy_model(const std::string& name) {
  if (!name.ends_with(".json") && name.find('/') == std::string::npos) return policy_model(name);
  const std::string path = name.ends_with(".json") ? name : name + "/config.json";
  TAMIS_ASSIGN_OR_RETURN(const std::string text, read_file(path));
  return parse_policy_model(text, path);
}

Status set_flags(const PolicyOptions& options, PolicyFlags& flags) {
  for (const auto& [name, value] : options.flags) TAMIS_RETURN_IF_ERROR(set_policy_flag(flags, name, value));
  for (const std::string& entry : options.environment) {
    const std::size_t equals = entry.find('=');
    if (equals == std::string::npos || entry.starts_with("-"))
      return invalid_argument("--env {}: expected NAME=VALUE", entry);
    TAMIS_RETURN_IF_ERROR(set_policy_flag(flags, entry.substr(0, equals), entry.substr(equals + 1)));
  }
  return check_policy_flags(flags, options.rules == "2026-08");
}

Status check_word(const char* name, const std::string& value, std::initializer_list<const char*> words) {
  for (const char* word : words) {
    if (value == word) return {};
  }
  return invalid_argument("{}: expected {}, found \"{}\"", name, fmt::join(words, " or "), value);
}

Status run(const PolicyOptions& options) {
  if (options.arch.empty())
    return invalid_argument("--arch: expected one of {}, found nothing",
                            fmt::join(policy_device_names(), ", "));
  TAMIS_RETURN_IF_ERROR(check_word("--mode", options.mode, {"mirror", "auto"}));
  TAMIS_RETURN_IF_ERROR(check_word("--rules", options.rules, {"2026-04", "2026-08"}));
  PolicyInput input;
  input.rules = options.rules == "2026-08" ? PolicyRules::k2026_08 : PolicyRules::k2026_04;
  TAMIS_ASSIGN_OR_RETURN(input.device, policy_device(options.arch));
  TAMIS_ASSIGN_OR_RETURN(input.device.cuda_version, parse_cuda(options.cuda));
  if (options.memory_gib > 0) input.device.memory_mib = options.memory_gib * 1024;
  if (!options.device_name.empty()) input.device.name = options.device_name;
  TAMIS_ASSIGN_OR_RETURN(input.model, find_policy_model(options.model));
  TAMIS_ASSIGN_OR_RETURN(input.batch, parse_batch(options.batch));
  TAMIS_RETURN_IF_ERROR(set_flags(options, input.flags));
  const PolicyMode mode = options.mode == "mirror" ? PolicyMode::kMirror : PolicyMode::kAuto;
  const std::string text = options.json ? policy_json(input, mode).dump(2) + "\n" : policy_text(input, mode);
  std::fputs(text.c_str(), stdout);
  return {};
}

// The flags of the rules, from their table.
void add_flags(CLI::App& command, PolicyOptions& options) {
  for (const FlagRow& row : policy_flag_rows()) {
    const std::string names = row.name, first = names.substr(0, names.find(','));
    if (!names.starts_with("--")) continue;
    if (row.flag != nullptr) {
      command.add_flag_callback(
          names, [&options, first] { options.flags.emplace_back(first, "true"); }, row.help);
      continue;
    }
    const auto keep = [&options, first](const std::string& value) {
      options.flags.emplace_back(first, value);
    };
    command.add_option_function<std::string>(names, keep, row.help);
  }
  command.add_option("--env", options.environment, "NAME=VALUE: an environment variable that rules read");
}

}  // namespace

void add_policy(CLI::App& root, int& exit_code) {
  CLI::App* command = root.add_subcommand("policy", "Say what SGLang would decide, and which rule says so");
  const auto options = std::make_shared<PolicyOptions>();
  const auto add = [&](const char* name, auto& variable, const char* help) {
    command->add_option(name, variable, help)->capture_default_str();
  };
  add("--arch,--device", options->arch, "sm80 … sm121, gfx90a …, npu, xpu, mps, musa, cpu, cpu-amx");
  add("--model", options->model,
      "deepseek-v3, deepseek-v3.2, glm-5, glm-5.2, or a config.json or its folder");
  add("--mode", options->mode, "mirror: SGLang's answer; auto: without its traps");
  add("--rules", options->rules, "2026-04 or 2026-08");
  add("--batch", options->batch,
      "KIND:new=N,prefix=P[;…] with KIND extend, decode, verify, mixed, draft-extend");
  add("--cuda-version", options->cuda, "CUDA of the installation");
  add("--device-name", options->device_name, "the product, where rules ask for it (H20)");
  command->add_option("--memory-gib", options->memory_gib, "memory of the device")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 20));
  add_flags(*command, *options);
  command->add_flag("--json", options->json, "machine-readable");
  command->callback([options, &exit_code] { exit_code = report(run(*options)); });
}

}  // namespace tamis::apps
