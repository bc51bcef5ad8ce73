// tamis explain: which kernel would run for every op of a step, and why not the others.
#include <charconv>
#include <cstdio>
#include <memory>

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

struct BatchEntry {
  std::int64_t fresh = 0;
  std::int64_t prefix = 0;
};

Result<std::int64_t> parse_count(std::string_view text, std::string_view field) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > kMostTokens) {
    return invalid_argument("--batch: {}: expected 0 to {}, found \"{}\"", field, kMostTokens, text);
  }
  return value;
}

// KIND:new=N,prefix=P[;new=…,prefix=…]
Result<std::vector<BatchEntry>> parse_batch(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  if (colon == std::string_view::npos ||
      (kind != "extend" && kind != "decode" && kind != "verify" && kind != "mixed")) {
    return invalid_argument("--batch {}: expected extend|decode|verify|mixed:new=N,prefix=P[;…]", text);
  }
  std::vector<BatchEntry> entries;
  for (std::string_view rest = text.substr(colon + 1); !rest.empty();) {
    const std::size_t semicolon = rest.find(';');
    std::string_view entry = rest.substr(0, semicolon);
    BatchEntry parsed;
    while (!entry.empty()) {
      const std::size_t comma = entry.find(',');
      const std::string_view field = entry.substr(0, comma);
      const std::size_t equals = field.find('=');
      const std::string_view name = field.substr(0, equals);
      if (equals == std::string_view::npos || (name != "new" && name != "prefix")) {
        return invalid_argument("--batch: expected new=N or prefix=P, found \"{}\"", field);
      }
      TAMIS_ASSIGN_OR_RETURN(const std::int64_t value, parse_count(field.substr(equals + 1), name));
      (name == "new" ? parsed.fresh : parsed.prefix) = value;
      entry = comma == std::string_view::npos ? std::string_view() : entry.substr(comma + 1);
    }
    if (parsed.fresh < 1) return invalid_argument("--batch: every sequence needs new >= 1");
    entries.push_back(parsed);
    rest = semicolon == std::string_view::npos ? std::string_view() : rest.substr(semicolon + 1);
  }
  if (entries.empty()) return invalid_argument("--batch: no sequence");
  return entries;
}

Status run(const ExplainOptions& options) {
  TAMIS_ASSIGN_OR_RETURN(const std::vector<BatchEntry> batch, parse_batch(options.batch));
  std::int64_t tokens = 0, total = 0;
  std::vector<StepShape> shapes;
  for (const BatchEntry& entry : batch) {
    tokens += entry.fresh;
    total += entry.fresh + entry.prefix + kPageSize;
    shapes.push_back({entry.fresh, entry.fresh + entry.prefix});
  }
  RunSize size;
  size.cache_tokens = total;
  size.batch_tokens = tokens;
  size.sequences = static_cast<std::int64_t>(batch.size());
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
                   "KIND:new=N,prefix=P[;…] with KIND extend, decode, verify or mixed")
      ->capture_default_str();
  command->add_flag("--json", options->json, "machine-readable, node by node");
  command->callback([options, &exit_code] { exit_code = report(run(*options)); });
}

}  // namespace tamis::apps
