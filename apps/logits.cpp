// tamis logits: feeds token ids and writes the logits, hidden states and MTP logits as safetensors: what
// other implementations are compared with.
#include <memory>

#include <fmt/format.h>

#include "apps/commands.h"
#include "apps/ids_file.h"
#include "apps/model_options.h"
#include "core/checkpoint/safetensors_writer.h"
#include "core/engine/score.h"

namespace tamis::apps {
namespace {

struct LogitsOptions {
  ModelOptions model;
  std::string ids_path, out_path;
  std::vector<std::int64_t> chunks;
  bool hidden = false;
  bool mtp = false;
};

// One output tensor [B, T, width], filled chunk by chunk.
struct Output {
  std::string name;
  std::int64_t rows = 0, length = 0, width = 0;
  std::vector<float> values;

  void put(std::int64_t row, std::int64_t first, std::span<const float> chunk) {
    const auto at = static_cast<std::ptrdiff_t>((row * length + first) * width);
    std::copy(chunk.begin(), chunk.end(), values.begin() + at);
  }
};

Output make_output(std::string name, std::int64_t rows, std::int64_t length, std::int64_t width) {
  return {std::move(name), rows, length, width,
          std::vector<float>(static_cast<std::size_t>(rows * length * width))};
}

Status write_outputs(const std::string& path, const std::vector<Output>& outputs) {
  std::vector<TensorToWrite> tensors;
  for (const Output& output : outputs) {
    tensors.push_back({output.name,
                       DType::kF32,
                       {output.rows, output.length, output.width},
                       std::as_bytes(std::span(output.values))});
  }
  return write_safetensors(path, tensors);
}

Status run(const LogitsOptions& options) {
  TAMIS_ASSIGN_OR_RETURN(const std::vector<std::vector<std::int32_t>> rows, read_ids_file(options.ids_path));
  if (rows.empty() || rows[0].empty()) return invalid_argument("{}: no tokens", options.ids_path);
  const auto batch = static_cast<std::int64_t>(rows.size()),
             length = static_cast<std::int64_t>(rows[0].size());
  RunSize size;
  // The MTP pass has sequences of its own, opened after the main pass has closed its.
  size.cache_tokens = batch * (length + 64);
  size.batch_tokens = std::max<std::int64_t>(batch, std::min<std::int64_t>(batch * length, 512));
  size.sequences = batch;
  size.mtp = options.mtp;
  TAMIS_ASSIGN_OR_RETURN(const std::unique_ptr<Runner> runner,
                         load_runner(options.model, Defaults::kExact, size));
  Trace trace;
  if (!options.model.trace_path.empty()) runner->set_trace(&trace);

  const ModelConfig& config = runner->config();
  std::vector<Output> outputs{make_output("logits", batch, length, config.vocab_size)};
  if (options.hidden) {
    for (std::int64_t i = 0; i <= config.n_layers; ++i) {
      outputs.push_back(make_output(fmt::format("hidden_{}", i), batch, length, config.hidden));
    }
  }
  Output mtp = make_output("mtp_logits", batch, options.mtp ? length - 1 : 0, config.vocab_size);
  const auto sink = [&](const ScoredChunk& chunk) {
    outputs[0].put(chunk.row, chunk.first, chunk.logits);
    for (std::size_t i = 0; i < chunk.hidden.size(); ++i)
      outputs[i + 1].put(chunk.row, chunk.first, chunk.hidden[i]);
    return Status();
  };
  const auto mtp_sink = [&](const ScoredChunk& chunk) {
    mtp.put(chunk.row, chunk.first, chunk.logits);
    return Status();
  };
  const ScoreOptions score{options.chunks, options.hidden, options.mtp, 0};
  TAMIS_RETURN_IF_ERROR(score_tokens(*runner, rows, score, sink, mtp_sink));
  if (options.mtp) outputs.push_back(std::move(mtp));
  TAMIS_RETURN_IF_ERROR(finish_trace(options.model, trace));
  return write_outputs(options.out_path, outputs);
}

}  // namespace

void add_logits(CLI::App& root, int& exit_code) {
  CLI::App* command = root.add_subcommand("logits", "Write the logits of given token ids as safetensors");
  const auto options = std::make_shared<LogitsOptions>();
  add_model_options(*command, options->model);
  command->add_option("--ids", options->ids_path, "JSON file {\"input_ids\": [[…], […]]}, rows of one length")
      ->required();
  command
      ->add_option("--out", options->out_path,
                   "safetensors file: logits F32 [B, T, V] and what else is asked for")
      ->required();
  command
      ->add_option("--chunks", options->chunks,
                   "feed the sequence in steps of these sizes; the last one repeats")
      ->delimiter(',');
  command->add_flag("--hidden", options->hidden,
                    "also hidden_i [B, T, H]: before layer i; the last after the final norm");
  command->add_flag("--mtp", options->mtp,
                    "also mtp_logits [B, T-1, V]: row i drafts token i+2, teacher forced");
  command->callback([options, &exit_code] { exit_code = report(run(*options)); });
}

}  // namespace tamis::apps
