// tamis explain: which kernel would run for every op of a step, and why not the others.
#include <cstdio>
#include <memory>

#include "apps/batch_option.h"
#include "apps/commands.h"
#include "apps/model_options.h"
#include "core/exec/explain.h"

namespace tamis::apps {
namespace {

struct ExplainOptions {
  ModelOptions model;
  std::string batch = "decode:new=1,prefix=1000";
  bool json = false;
};

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
  const std::string text = options.json ? explain_plan(*plan).dump(2) + "\n" : explain_text(*plan);
  std::fputs(text.c_str(), stdout);
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
