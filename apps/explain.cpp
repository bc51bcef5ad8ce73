// tamis explain: which kernel would run for every op of a step, and why not the others.
#include <cstdio>
#include <memory>

#include "apps/batch_option.h"
#include "apps/commands.h"
#include "apps/model_options.h"
#include "core/exec/explain.h"
#include "core/policy/policy_facts.h"

namespace tamis::apps {
namespace {

struct ExplainOptions {
  ModelOptions model;
  std::string batch = "decode:new=1,prefix=1000";
  bool json = false;
};

// What SGLang would choose for this batch, traps included; empty where it has no rules for the device.
std::vector<OpFamily> sglang_families(const PolicyBatch& batch, const ModelOptions& options, Runner& runner) {
  PolicyInput input;
  input.device = policy_device_of(runner.device().info());
  if (input.device.platform == PolicyPlatform::kCpu) return {};
  input.model = policy_model_of(runner.config());
  input.batch = batch;
  if (options.kv_cache == "bf16" || options.kv_cache == "bfloat16") input.flags.kv_cache_dtype = "bfloat16";
  if (options.kv_cache == "fp8" || options.kv_cache == "fp8_e4m3") input.flags.kv_cache_dtype = "fp8_e4m3";
  return policy_families(decide(input, PolicyMode::kMirror));
}

std::string explain(const Plan& plan, const std::vector<OpFamily>& sglang, bool json) {
  if (json) {
    nlohmann::ordered_json out = explain_plan(plan);
    for (const OpFamily& entry : sglang) out["sglang"][entry.op] = entry.family;
    return out.dump(2) + "\n";
  }
  std::string text = explain_text(plan);
  for (const OpFamily& entry : sglang)
    text += fmt::format("SGLang would choose for {}: {}\n", entry.op, entry.family);
  return text;
}

Status run(const ExplainOptions& options) {
  TAMIS_ASSIGN_OR_RETURN(const PolicyBatch batch, parse_batch(options.batch));
  std::int64_t tokens = 0, total = 0;
  std::vector<StepShape> shapes;
  for (const PolicyBatch::Sequence& entry : batch.sequences) {
    tokens += entry.fresh;
    total += entry.fresh + entry.prefix + kPageSize;
    shapes.push_back({entry.fresh, entry.fresh + entry.prefix});
  }
  RunSize size;
  size.cache_tokens = total;
  size.batch_tokens = tokens;
  size.sequences = static_cast<std::int64_t>(batch.sequences.size());
  size.plan_only = true;
  TAMIS_ASSIGN_OR_RETURN(const std::unique_ptr<Runner> runner,
                         load_runner(options.model, Defaults::kAsTrained, size));
  TAMIS_ASSIGN_OR_RETURN(const Plan* plan, runner->plan(runner->key_for_shapes(shapes)));
  const std::vector<OpFamily> sglang = sglang_families(batch, options.model, *runner);
  std::fputs(explain(*plan, sglang, options.json).c_str(), stdout);
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
  command->add_flag("--json", options->json, "machine-readable, node by node");
  command->callback([options, &exit_code] { exit_code = report(run(*options)); });
}

}  // namespace tamis::apps
