#include "apps/model_options.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <map>
#include <set>

#include "apps/commands.h"
#include "core/model/find_model.h"
#include "core/model/random_model.h"
#include "core/text/json_text.h"

namespace tamis::apps {
namespace {

const std::map<std::string, std::string> kKvCacheNames{
    {"auto", "auto"},     {"f32", "f32"}, {"float32", "f32"},  {"bf16", "bf16"},
    {"bfloat16", "bf16"}, {"fp8", "fp8"}, {"fp8_e4m3", "fp8"},
};

// "auto" is what suits the device, unless numbers are to be compared. A device that is not there is
// Runner::create's to report.
Precision make_precision(const ModelOptions& options, Defaults defaults, const ModelConfig& config) {
  Precision precision;
  const bool trained = defaults == Defaults::kAsTrained;
  const std::string kind = kKvCacheNames.at(options.kv_cache);
  precision.activations = options.activations == "bf16" ? DType::kBF16 : DType::kF32;
  if (trained) {
    const Result<std::shared_ptr<Device>> device = Runner::find_device(options.device);
    if (device.ok() && kind == "auto") precision.kv_format = auto_kv_format((*device)->info(), config);
    if (device.ok() && options.activations == "auto")
      precision.activations = auto_activations((*device)->info());
  }
  if (kind == "fp8") precision.kv_format = KvFormat::kPackedFp8;
  precision.kv_dtype = kind == "bf16" || (kind == "auto" && trained) ? DType::kBF16 : DType::kF32;
  const bool fp8_index = options.indexer == "fp8" || (options.indexer == "auto" && trained);
  precision.index_format = config.is_dsa() && fp8_index ? IndexFormat::kFp8Paged : IndexFormat::kExact;
  // Quantised activations are part of the model only at the precision it was trained in.
  if (options.act_quant == "auto" && precision.activations == DType::kBF16 && config.quant.fp8) {
    precision.act_quant = config.quant.pow2_scales ? ActQuant::kE4M3Group128Pow2 : ActQuant::kE4M3Group128F32;
  }
  return precision;
}

// {"linear": "portable", …}: a table of row choices kept in a file.
Status read_kernel_table(const std::string& path, PlanOptions& plan) {
  if (path.empty()) return {};
  TAMIS_ASSIGN_OR_RETURN(const std::string text, read_file(path));
  TAMIS_ASSIGN_OR_RETURN(const nlohmann::ordered_json table, parse_json(text, path));
  if (!table.is_object())
    return corrupt_data("{}: expected an object of op: row, found {}", path, table.type_name());
  for (const auto& [op, row] : table.items()) {
    if (find_op(op.c_str()) == nullptr || !row.is_string()) {
      return corrupt_data("{}: {}: expected an op of this build and the name of a row", path, op);
    }
    plan.kernels[op] = row.get_ref<const std::string&>();
  }
  return {};
}

Status parse_kernels(const ModelOptions& options, PlanOptions& plan) {
  TAMIS_RETURN_IF_ERROR(read_kernel_table(options.kernel_table, plan));
  for (const std::string& text : options.kernels) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || find_op(text.substr(0, equals).c_str()) == nullptr) {
      return invalid_argument("--kernel {}: expected OP=ROW with an op of this build", text);
    }
    plan.kernels[text.substr(0, equals)] = text.substr(equals + 1);
  }
  for (const std::string& op : options.on_host) {
    if (find_op(op.c_str()) == nullptr) return invalid_argument("--on-host {}: no such op", op);
    plan.on_host.insert(op);
  }
  plan.strict = options.strict;
  plan.invariance = options.invariance == "batch" ? Invariance::kBatch : Invariance::kRun;
  return {};
}

// A bar on stderr, redrawn at most ten times a second and only once loading has taken half a second.
LoadProgress progress_bar() {
  if (isatty(STDERR_FILENO) == 0) return {};
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  auto last = start;
  return [start, last](std::int64_t done, std::int64_t total) mutable {
    const auto now = Clock::now();
    const bool finished = done >= total;
    if (now - start < std::chrono::milliseconds(500) ||
        (now - last < std::chrono::milliseconds(100) && !finished))
      return;
    last = now;
    constexpr int kWidth = 40;
    const int filled = total > 0 ? static_cast<int>(kWidth * done / total) : kWidth;
    std::fprintf(stderr, "\rloading [%s%s] %.1f of %.1f GB",
                 std::string(static_cast<std::size_t>(filled), '#').c_str(),
                 std::string(static_cast<std::size_t>(kWidth - filled), ' ').c_str(),
                 static_cast<double>(done) * 1e-9, static_cast<double>(total) * 1e-9);
    if (finished) std::fputc('\n', stderr);
  };
}

void add_checkpoint_options(CLI::App& command, ModelOptions& options) {
  const auto add = [&](const char* name, auto& variable, const char* help) {
    command.add_option(name, variable, help)->group("Model");
  };
  add("model", options.model,
      "folder with config.json and safetensors files, or a model's name (default: tiny-v32)");
  add("--random", options.random_family,
      "no checkpoint: the full-width graph of deepseek-v3, deepseek-v3.2 or glm-5 with seeded random "
      "weights");
  add("--layers", options.layers, "with --random: how many layers");
  add("--glm-latent-eps", options.glm_latent_eps,
      "eps of GLM's q_a and kv_a norms (default 1e-6, as transformers; other engines use rms_norm_eps)");
}

constexpr char kNumerics[] = "Numerics and kernels";

void add_numeric_options(CLI::App& command, ModelOptions& options) {
  // An option of a few words; its default is one of them.
  const auto add = [&](const char* name, std::string& variable, const char* help, const auto& words) {
    command.add_option(name, variable, help)->check(words)->capture_default_str()->group(kNumerics);
  };
  add("--activations", options.activations,
      "dtype between ops; auto: bf16 on GPUs with matrix units for it, where no numbers are compared",
      CLI::IsMember({"auto", "f32", "bf16"}));
  add("--kv-cache,--kv-cache-dtype", options.kv_cache, "latent cache: f32, bf16, or packed fp8",
      CLI::IsMember(kKvCacheNames));
  add("--indexer", options.indexer,
      "index keys: exact (activation dtype) or fp8 (Hadamard + e4m3, as trained)",
      CLI::IsMember({"auto", "exact", "fp8"}));
  add("--act-quant", options.act_quant,
      "auto: activations before FP8 weights are rounded as the checkpoint says, unless they are f32",
      CLI::IsMember({"auto", "none"}));
  add("--attention", options.attention, "sparse (DSA), dense (every key), auto: what the model says",
      CLI::IsMember({"auto", "sparse", "dense"}));
  add("--invariance", options.invariance,
      "batch: a token's bits do not depend on its neighbours in the batch", CLI::IsMember({"run", "batch"}));
}

void add_kernel_options(CLI::App& command, ModelOptions& options) {
  const auto add = [&](const char* name, auto& variable, const char* help) {
    return command.add_option(name, variable, help)->group(kNumerics);
  };
  add("--device", options.device,
      "cpu, cuda[:i], vulkan[:i], hip[:i]; explain also takes sm80 … sm121, gfx90a … gfx1201, h200, rtx4090, "
      "…")
      ->capture_default_str();
  add("--kernel", options.kernels, "OP=ROW: use this kernel row for an op (repeatable)");
  add("--on-host", options.on_host, "OP: run it on the CPU, its weights in host memory (repeatable)");
  add("--kernel-table", options.kernel_table,
      "JSON file {\"OP\": \"ROW\"} of kernel rows; --kernel wins over it");
  add("--prefill-backend,--nsa-prefill-backend,--dsa-prefill-backend", options.prefill_backend,
      "kernel family of prefill attention to try first: SGLang's names, or those of `tamis explain`");
  add("--decode-backend,--nsa-decode-backend,--dsa-decode-backend", options.decode_backend,
      "the same for decode");
  add("--dense-prefill-threshold", options.dense_threshold,
      "DSA: a prefill whose sequences are no longer than this is dense; default: what SGLang does on the "
      "device")
      ->check(CLI::Range(std::int64_t{0}, kMostTokens));
  command.add_flag("--strict", options.strict, "fail instead of falling back to decomposed ops or CPU rows")
      ->group(kNumerics);
  add("--trace", options.trace_path, "write a Chrome trace of every kernel to this file");
}

}  // namespace

CLI::Range count_range() { return {std::int64_t{1}, kMostTokens, "POSITIVE"}; }

void add_model_options(CLI::App& command, ModelOptions& options) {
  add_checkpoint_options(command, options);
  add_kernel_options(command, options);
  add_numeric_options(command, options);
}

Result<std::string> model_folder(const ModelOptions& options) {
  if (!options.random_family.empty())
    return invalid_argument("--random has no tokenizer: give a model with one");
  return find_model(options.model);
}

Result<std::unique_ptr<Runner>> load_runner(const ModelOptions& options, Defaults defaults,
                                            const RunSize& size) {
  ModelConfig config;
  std::unique_ptr<Checkpoint> checkpoint;
  if (!options.random_family.empty()) {
    if (!options.model.empty()) return invalid_argument("--random takes the place of MODEL");
    TAMIS_ASSIGN_OR_RETURN(config, builtin_config(options.random_family, options.layers));
    TAMIS_ASSIGN_OR_RETURN(checkpoint, random_checkpoint(config, 0));
  } else {
    if (options.layers != 0) return invalid_argument("--layers: needs --random");
    ConfigOptions config_options;
    if (options.glm_latent_eps != 0) config_options.glm_latent_eps = options.glm_latent_eps;
    TAMIS_ASSIGN_OR_RETURN(const std::string folder, find_model(options.model));
    TAMIS_ASSIGN_OR_RETURN(config, load_config(folder, config_options));
    TAMIS_ASSIGN_OR_RETURN(checkpoint, Checkpoint::open(folder));
  }
  return make_runner(std::move(config), std::move(checkpoint), options, defaults, size);
}

Result<std::unique_ptr<Runner>> make_runner(ModelConfig config, std::unique_ptr<Checkpoint> checkpoint,
                                            const ModelOptions& options, Defaults defaults,
                                            const RunSize& size) {
  TAMIS_ASSIGN_OR_RETURN(const RunnerOptions runner, make_runner_options(options, defaults, config, size));
  return Runner::create(std::move(config), std::move(checkpoint), runner, progress_bar());
}

Result<RunnerOptions> make_runner_options(const ModelOptions& options, Defaults defaults,
                                          const ModelConfig& config, const RunSize& size) {
  RunnerOptions runner;
  runner.device = options.device;
  runner.precision = make_precision(options, defaults, config);
  runner.policy.prefill_backend = options.prefill_backend;
  runner.policy.decode_backend = options.decode_backend;
  if (options.dense_threshold >= 0) runner.policy.dense_threshold = options.dense_threshold;
  TAMIS_RETURN_IF_ERROR(parse_kernels(options, runner.plan));
  if (options.attention == "sparse") runner.attention = AttentionMode::kSparse;
  if (options.attention == "dense") runner.attention = AttentionMode::kDense;
  runner.cache_tokens = size.cache_tokens;
  runner.max_batch_tokens = size.batch_tokens;
  runner.max_sequences = size.sequences;
  runner.mtp = size.mtp;
  runner.plan_only = size.plan_only;
  return runner;
}

Status finish_trace(const ModelOptions& options, const Trace& trace) {
  if (options.trace_path.empty()) return {};
  std::ofstream out(options.trace_path, std::ios::binary);
  out << trace.to_chrome_json();
  if (!out.flush()) return not_found("{}: cannot be written", options.trace_path);
  std::fputs(trace.summary().c_str(), stderr);
  return {};
}

std::string describe_plans(const Runner& runner) {
  std::map<std::string, std::set<std::string>> rows;
  int fallbacks = 0;
  for (const Plan* plan : runner.plans()) {
    fallbacks += plan->stats().decomposed + plan->stats().host_rows;
    for (const PlannedNode& node : plan->nodes()) rows[node.choice.row->families].insert(node.node->op->name);
  }
  std::string text;
  for (const auto& [family, ops] : rows) {
    text += fmt::format("{}{} ({} ops)", text.empty() ? "" : ", ", family, ops.size());
  }
  return fmt::format("rows: {}; {}", text,
                     fallbacks == 0 ? "no fallbacks" : fmt::format("{} fallback nodes", fallbacks));
}

}  // namespace tamis::apps
