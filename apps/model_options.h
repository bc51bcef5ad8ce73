// The options that every command which runs a model takes, and how they become a Runner.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "core/engine/runner.h"

namespace tamis::apps {

struct ModelOptions {
  std::string model;          // folder or name; empty = tiny-v32
  std::string random_family;  // --random
  std::int64_t layers = 0;
  std::string device = "cpu";
  std::string activations = "auto";
  std::string kv_cache = "auto";
  std::string indexer = "auto";
  std::string act_quant = "auto";
  std::string attention = "auto";
  std::string prefill_backend, decode_backend;
  std::int64_t dense_threshold = -1;  // -1: the policy's own
  std::vector<std::string> kernels;   // op=row
  std::vector<std::string> on_host;   // ops
  std::string kernel_table;           // JSON file {"op": "row"}; --kernel wins over it
  std::string invariance = "run";
  std::string trace_path;
  double glm_latent_eps = 0;  // 0 = the family's default
  bool strict = false;
};

// What "auto" means for a command. Commands that compare numbers default to exact arithmetic; commands that
// talk default to what the checkpoint was trained for.
enum class Defaults { kExact, kAsTrained };

// What an option that counts something takes: token and slot numbers have 31 bits.
inline constexpr std::int64_t kMostTokens = 0x7fffffff;
CLI::Range count_range();

void add_model_options(CLI::App& command, ModelOptions& options);

struct RunSize {
  std::int64_t cache_tokens = 8192;
  std::int64_t batch_tokens = 512;
  std::int64_t sequences = 8;
  bool mtp = false;
  bool plan_only = false;  // explain: no memory is taken, and the device may be a capability
};

// The runner's side of the options; `defaults` says what "auto" means.
Result<RunnerOptions> make_runner_options(const ModelOptions& options, Defaults defaults,
                                          const ModelConfig& config, const RunSize& size);

// Finds, loads and checks the model. Shows a progress bar on stderr when that is a terminal and loading takes
// a while.
Result<std::unique_ptr<Runner>> load_runner(const ModelOptions& options, Defaults defaults,
                                            const RunSize& size);
// The same for a model that is not named on the command line.
Result<std::unique_ptr<Runner>> make_runner(ModelConfig config, std::unique_ptr<Checkpoint> checkpoint,
                                            const ModelOptions& options, Defaults defaults,
                                            const RunSize& size);
// The folder of the model, for its tokenizer; an error under --random.
Result<std::string> model_folder(const ModelOptions& options);

// Writes the trace file, if one was asked for.
Status finish_trace(const ModelOptions& options, const Trace& trace);

// "linear openblas, sparse_mla portable, …; no fallbacks".
std::string describe_plans(const Runner& runner);

}  // namespace tamis::apps
