// tamis parity model: the same tokens through a model on two devices, or on this machine and another,
// compared layer by layer.
#include <cstdio>
#include <memory>

#include "apps/commands.h"
#include "apps/ids_file.h"
#include "apps/model_options.h"
#include "apps/parity.h"
#include "core/engine/compare_traces.h"

namespace tamis::apps {
namespace {

struct ParityOptions {
  ModelOptions model;
  std::vector<std::string> devices{"cpu"};
  std::string ids_path, save_path, against_path;
  std::vector<std::int64_t> chunks;
  std::int64_t greedy = 16;
  double tolerance = 1e-3;
  bool json = false;
};

// A few hundred tokens that are no text: what is compared is arithmetic.
std::vector<std::int32_t> made_up_tokens(std::int64_t vocab) {
  std::vector<std::int32_t> ids;
  std::uint64_t state = 1;
  for (int i = 0; i < 300; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    ids.push_back(static_cast<std::int32_t>((state >> 33) % static_cast<std::uint64_t>(vocab)));
  }
  return ids;
}

Result<ModelTrace> trace_on(const ParityOptions& options, const std::string& device,
                            const std::vector<std::int32_t>& ids) {
  ModelOptions model = options.model;
  model.device = device;
  RunSize size;
  size.sequences = 1;
  const std::int64_t tokens = ids.empty() ? 300 : static_cast<std::int64_t>(ids.size());
  size.cache_tokens = tokens + options.greedy + kPageSize;
  TAMIS_ASSIGN_OR_RETURN(const std::unique_ptr<Runner> runner, load_runner(model, Defaults::kExact, size));
  TraceRequest request{ids, options.chunks, options.greedy};
  if (request.ids.empty()) request.ids = made_up_tokens(runner->config().vocab_size);
  TAMIS_ASSIGN_OR_RETURN(ModelTrace trace, trace_model(*runner, request));
  std::fprintf(stderr, "%s: %s\n", device.c_str(), describe_plans(*runner).c_str());
  return trace;
}

// Exit code 0: they agree.
Result<int> run(const ParityOptions& options) {
  if (options.devices.size() > 2 || (options.devices.size() == 2 && !options.against_path.empty())) {
    return invalid_argument("compare two: --device twice, or --device once with --against");
  }
  if (options.devices.size() == 1 && options.against_path.empty() && options.save_path.empty()) {
    return invalid_argument("nothing to compare with: give --device twice, --against or --save");
  }
  std::vector<std::int32_t> ids;
  if (!options.ids_path.empty()) {
    TAMIS_ASSIGN_OR_RETURN(const auto rows, read_ids_file(options.ids_path));
    if (rows.size() != 1 || rows[0].empty())
      return invalid_argument("{}: expected one row of tokens", options.ids_path);
    ids = rows[0];
  }
  ModelTrace want;  // a file is read first: a broken one should not cost a run
  if (!options.against_path.empty()) {
    TAMIS_ASSIGN_OR_RETURN(want, load_model_trace(options.against_path));
  }
  TAMIS_ASSIGN_OR_RETURN(const ModelTrace found, trace_on(options, options.devices[0], ids));
  if (!options.save_path.empty()) TAMIS_RETURN_IF_ERROR(save_model_trace(options.save_path, found));
  if (options.devices.size() == 1 && options.against_path.empty()) return 0;
  if (options.against_path.empty()) {
    TAMIS_ASSIGN_OR_RETURN(want, trace_on(options, options.devices[1], ids));
  }
  TAMIS_ASSIGN_OR_RETURN(const TraceComparison comparison, compare_traces(found, want));
  const std::string text = options.json ? comparison_json(comparison, options.tolerance).dump(2) + "\n"
                                        : comparison_text(comparison, options.tolerance);
  std::fputs(text.c_str(), stdout);
  return comparison.agree(options.tolerance) ? 0 : 1;
}

}  // namespace

void add_parity_model(CLI::App& parity, int& exit_code) {
  CLI::App* command = parity.add_subcommand("model", "A whole model, layer by layer, on the same tokens");
  const auto options = std::make_shared<ParityOptions>();
  add_model_options(*command, options->model);
  command->remove_option(command->get_option("--device"));
  command->add_option("--device", options->devices, "one or two: cpu, cuda[:i], vulkan[:i], hip[:i]")
      ->capture_default_str();
  command->add_option("--ids", options->ids_path,
                      "JSON file {\"input_ids\": [[…]]}, one row; default: 300 made-up tokens");
  command
      ->add_option("--chunks", options->chunks,
                   "feed the tokens in steps of these sizes; the last one repeats")
      ->delimiter(',');
  command->add_option("--greedy", options->greedy, "tokens to draw after them")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{100000}))
      ->capture_default_str();
  command->add_option("--tolerance", options->tolerance, "of the logits: |a - b| / |b|")
      ->capture_default_str();
  command->add_option("--save", options->save_path,
                      "write what the first device computed, for --against elsewhere");
  command->add_option("--against", options->against_path, "compare with a file that --save wrote");
  command->add_flag("--json", options->json, "machine-readable");
  command->callback([options, &exit_code] {
    const Result<int> result = run(*options);
    exit_code = result.ok() ? *result : report(result.status());
  });
}

}  // namespace tamis::apps
