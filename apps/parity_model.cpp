// tamis parity model: the same tokens through a model on two devices, or on this machine and another,
// compared layer by layer. tamis parity layer: the same for one decoder layer of published width.
#include <cstdio>
#include <memory>
#include <optional>

#include "apps/commands.h"
#include "apps/ids_file.h"
#include "apps/model_options.h"
#include "apps/parity.h"
#include "core/backend/registry.h"
#include "core/engine/compare_traces.h"
#include "core/model/random_model.h"

namespace tamis::apps {
namespace {

struct LayerOptions {
  std::string config = "deepseek-v3.2";
  LayerCuts cuts{.n_experts = 64, .index_topk = 256};
};

struct ParityOptions {
  ModelOptions model;
  std::optional<LayerOptions> layer;  // in place of a whole model
  std::vector<std::string> devices{"cpu"};
  std::string ids_path, save_path, against_path;
  std::vector<std::int64_t> chunks;
  std::int64_t tokens = 300, greedy = 16;
  double tolerance = 1e-3;
  bool json = false;
};

// One of the two computations.
struct Side {
  std::string device;
  bool portable = false;  // by the portable rows alone, as far as there are any
};

// Tokens that are no text: what is compared is arithmetic.
std::vector<std::int32_t> made_up_tokens(std::int64_t count, std::int64_t vocab) {
  std::vector<std::int32_t> ids;
  std::uint64_t state = 1;
  for (std::int64_t i = 0; i < count; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    ids.push_back(static_cast<std::int32_t>((state >> 33) % static_cast<std::uint64_t>(vocab)));
  }
  return ids;
}

std::string describe_layer(const ModelConfig& config, const LayerOptions& layer) {
  std::string text =
      fmt::format("one {} layer of width {}, {} heads, ", layer.config, config.hidden, config.n_heads);
  text += layer.cuts.moe ? fmt::format("{} experts of {}, {} a token", config.moe.n_experts,
                                       config.moe.intermediate, config.moe.top_k)
                         : fmt::format("a dense MLP of {}", config.intermediate);
  if (config.is_dsa()) text += fmt::format(", index_topk {}", config.indexer.topk);
  return text + fmt::format("; random weights; vocabulary cut to {}", config.vocab_size);
}

Result<std::unique_ptr<Runner>> open_runner(const ParityOptions& options, const Side& side,
                                            const RunSize& size) {
  ModelOptions model = options.model;
  model.device = side.device;
  for (const OpDef* op : all_ops()) {
    for (const KernelRow& row : Registry::instance().backend("cpu")->rows(op->name)) {
      if (side.portable && std::string_view(row.name).ends_with(".portable"))
        model.kernels.push_back(fmt::format("{}=portable", op->name));
    }
  }
  if (!options.layer) return load_runner(model, Defaults::kExact, size);
  TAMIS_ASSIGN_OR_RETURN(ModelConfig config,
                         builtin_layer_config(options.layer->config, options.layer->cuts));
  TAMIS_ASSIGN_OR_RETURN(std::unique_ptr<Checkpoint> checkpoint, random_checkpoint(config, 0));
  std::fprintf(stderr, "%s\n", describe_layer(config, *options.layer).c_str());
  return make_runner(std::move(config), std::move(checkpoint), model, Defaults::kExact, size);
}

Result<ModelTrace> trace_on(const ParityOptions& options, const Side& side,
                            const std::vector<std::int32_t>& ids) {
  RunSize size;
  size.sequences = 1;
  const std::int64_t tokens = ids.empty() ? options.tokens : static_cast<std::int64_t>(ids.size());
  size.cache_tokens = tokens + options.greedy + kPageSize;
  TAMIS_ASSIGN_OR_RETURN(const std::unique_ptr<Runner> runner, open_runner(options, side, size));
  TraceRequest request{ids, options.chunks, options.greedy};
  if (request.ids.empty()) request.ids = made_up_tokens(tokens, runner->config().vocab_size);
  TAMIS_ASSIGN_OR_RETURN(ModelTrace trace, trace_model(*runner, request));
  if (side.portable) trace.device += ", portable rows";
  std::fprintf(stderr, "%s: %s\n", side.device.c_str(), describe_plans(*runner).c_str());
  return trace;
}

// What the first device is compared with. A layer alone is compared with the CPU: a GPU with its rows, and
// the CPU itself with its portable ones.
std::optional<Side> other_side(const ParityOptions& options) {
  if (!options.against_path.empty()) return {};
  if (options.devices.size() == 2) return Side{options.devices[1]};
  if (!options.layer || !options.save_path.empty()) return {};
  return Side{"cpu", options.devices[0] == "cpu"};
}

// Exit code 0: they agree.
Result<int> run(const ParityOptions& options) {
  if (options.devices.size() > 2 || (options.devices.size() == 2 && !options.against_path.empty())) {
    return invalid_argument("compare two: --device twice, or --device once with --against");
  }
  const std::optional<Side> other = other_side(options);
  if (!other && options.against_path.empty() && options.save_path.empty()) {
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
  TAMIS_ASSIGN_OR_RETURN(const ModelTrace found, trace_on(options, {options.devices[0]}, ids));
  if (!options.save_path.empty()) TAMIS_RETURN_IF_ERROR(save_model_trace(options.save_path, found));
  if (!other && options.against_path.empty()) return 0;
  if (other) {
    TAMIS_ASSIGN_OR_RETURN(want, trace_on(options, *other, ids));
  }
  TAMIS_ASSIGN_OR_RETURN(const TraceComparison comparison, compare_traces(found, want));
  const std::string text = options.json ? comparison_json(comparison, options.tolerance).dump(2) + "\n"
                                        : comparison_text(comparison, options.tolerance);
  std::fputs(text.c_str(), stdout);
  return comparison.agree(options.tolerance) ? 0 : 1;
}

// Options that both commands take.
void add_trace_options(CLI::App& command, ParityOptions& options) {
  add_model_options(command, options.model);
  command.remove_option(command.get_option("--device"));
  command.add_option("--device", options.devices, "one or two: cpu, cuda[:i], vulkan[:i], hip[:i]")
      ->capture_default_str();
  command
      .add_option("--chunks", options.chunks, "feed the tokens in steps of these sizes; the last one repeats")
      ->delimiter(',');
  command.add_option("--tokens", options.tokens, "how many made-up tokens")
      ->check(count_range())
      ->capture_default_str();
  command.add_option("--greedy", options.greedy, "tokens to draw after them")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{100000}))
      ->capture_default_str();
  command.add_option("--tolerance", options.tolerance, "of the logits: |a - b| / |b|")->capture_default_str();
  command.add_option("--save", options.save_path,
                     "write what the first device computed, for --against elsewhere");
  command.add_option("--against", options.against_path, "compare with a file that --save wrote");
  command.add_flag("--json", options.json, "machine-readable");
}

void add_callback(CLI::App& command, const std::shared_ptr<ParityOptions>& options, int& exit_code) {
  command.callback([options, &exit_code] {
    const Result<int> result = run(*options);
    exit_code = result.ok() ? *result : report(result.status());
  });
}

}  // namespace

void add_parity_model(CLI::App& parity, int& exit_code) {
  CLI::App* command = parity.add_subcommand("model", "A whole model, layer by layer, on the same tokens");
  const auto options = std::make_shared<ParityOptions>();
  add_trace_options(*command, *options);
  command->add_option("--ids", options->ids_path,
                      "JSON file {\"input_ids\": [[…]]}, one row, in place of made-up tokens");
  add_callback(*command, options, exit_code);
}

void add_parity_layer(CLI::App& parity, int& exit_code) {
  CLI::App* command =
      parity.add_subcommand("layer", "One decoder layer of published width with random weights");
  const auto options = std::make_shared<ParityOptions>();
  LayerOptions& layer = options->layer.emplace();
  options->greedy = 0;
  add_trace_options(*command, *options);
  for (const char* name : {"model", "--random", "--layers", "--glm-latent-eps"})
    command->remove_option(command->get_option(name));
  command->add_option("--config", layer.config, "deepseek-v3.2, glm-5 or deepseek-v3")->capture_default_str();
  command->add_flag("!--dense", layer.cuts.moe, "one of the first layers, whose MLP is dense");
  command->add_option("--experts", layer.cuts.n_experts, "how many of the experts; 0: all (11 GB)")
      ->capture_default_str();
  command
      ->add_option("--index-topk", layer.cuts.index_topk, "keys that a token selects; 0: as published, 2048")
      ->capture_default_str();
  add_callback(*command, options, exit_code);
}

}  // namespace tamis::apps
