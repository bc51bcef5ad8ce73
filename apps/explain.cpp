// tamis explain: which kernel would run for every op of a step, why not the others, and how fast it could be.
#include <cstdio>
#include <memory>

#include "apps/batch_option.h"
#include "apps/ceilings_option.h"
#include "apps/commands.h"
#include "apps/model_options.h"
#include "core/exec/explain.h"
#include "core/policy/policy_facts.h"

namespace tamis::apps {
namespace {

using Json = nlohmann::ordered_json;

struct ExplainOptions {
  ModelOptions model;
  std::string batch = "decode:new=1,prefix=1000", ceilings;
  bool json = false;
};

// What SGLang does with this batch, traps included. It has no rules for other devices.
bool sglang_knows(const PolicyInput& input) { return input.device.platform != PolicyPlatform::kCpu; }

Json decision_json(const PolicyDecision& decision) {
  Json out{{"families", Json::object()}, {"errors", Json::array()}, {"warnings", Json::array()}};
  for (const OpFamily& entry : policy_families(decision)) out["families"][entry.op] = entry.family;
  for (const PolicyFinding& finding : decision.errors) out["errors"].push_back(finding.message);
  for (const PolicyFinding& finding : decision.warnings) out["warnings"].push_back(finding.message);
  return out;
}

Json policy_json(const PolicyInput& input) {
  Json out{{"auto", decision_json(decide(input, PolicyMode::kAuto))}};
  if (sglang_knows(input)) out["mirror"] = decision_json(decide(input, PolicyMode::kMirror));
  return out;
}

std::string policy_text(const PolicyInput& input) {
  std::string text;
  for (const OpFamily& entry : policy_families(decide(input, PolicyMode::kAuto)))
    text += fmt::format("asked for {}: {}\n", entry.op, entry.family);
  if (!sglang_knows(input)) return text;
  const PolicyDecision mirror = decide(input, PolicyMode::kMirror);
  for (const OpFamily& entry : policy_families(mirror))
    text += fmt::format("SGLang would choose for {}: {}\n", entry.op, entry.family);
  for (const PolicyFinding& finding : mirror.errors)
    text += fmt::format("SGLang would refuse: {}\n", finding.message);
  for (const PolicyFinding& finding : mirror.warnings) text += fmt::format("SGLang: {}\n", finding.message);
  return text;
}

Result<PlanCeilings> plan_ceilings(Runner& runner, const std::string& file) {
  PlanCeilings ceilings;
  TAMIS_ASSIGN_OR_RETURN(ceilings.device, find_ceilings(runner.device().info(), file));
  TAMIS_ASSIGN_OR_RETURN(const std::shared_ptr<Device> host, Runner::find_device("cpu"));
  TAMIS_ASSIGN_OR_RETURN(ceilings.host, find_ceilings(host->info(), file));
  return ceilings;
}

Status run(const ExplainOptions& options) {
  TAMIS_ASSIGN_OR_RETURN(const PolicyBatch batch, parse_batch(options.batch));
  RunSize size{.cache_tokens = 0, .batch_tokens = 0};
  for (const PolicyBatch::Sequence& entry : batch.sequences) {
    size.batch_tokens += entry.fresh;
    size.cache_tokens += entry.fresh + entry.prefix + kPageSize;
  }
  size.sequences = static_cast<std::int64_t>(batch.sequences.size());
  size.plan_only = true;
  TAMIS_ASSIGN_OR_RETURN(const std::unique_ptr<Runner> runner,
                         load_runner(options.model, Defaults::kAsTrained, size));
  TAMIS_ASSIGN_OR_RETURN(const PlanCeilings ceilings, plan_ceilings(*runner, options.ceilings));
  TAMIS_ASSIGN_OR_RETURN(const Plan* plan, runner->plan(runner->key_for_batch(batch)));
  const PolicyInput input = runner->policy().input(batch);
  if (!options.json) {
    std::fputs((explain_text(*plan, ceilings) + policy_text(input)).c_str(), stdout);
    return {};
  }
  Json out = explain_plan(*plan, ceilings);
  out["policy"] = policy_json(input);
  std::fputs((out.dump(2) + "\n").c_str(), stdout);
  return {};
}

}  // namespace

void add_explain(CLI::App& root, int& exit_code) {
  CLI::App* command = root.add_subcommand("explain", "Say which kernel runs for every op of a step, and why");
  const auto options = std::make_shared<ExplainOptions>();
  add_model_options(*command, options->model);
  command
      ->add_option("--batch", options->batch,
                   "KIND:new=N,prefix=P[;…] with KIND extend, decode, verify, mixed or draft-extend")
      ->capture_default_str();
  command->add_option(
      "--ceilings", options->ceilings,
      "rows of `tamis bench op -o json`: their ceilings give floors where no data sheet does");
  command->add_flag("--json", options->json, "machine-readable, node by node");
  command->callback([options, &exit_code] { exit_code = report(run(*options)); });
}

}  // namespace tamis::apps
