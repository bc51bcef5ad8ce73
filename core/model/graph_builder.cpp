#include "core/model/graph_builder.h"

#include "core/model/layer_builder.h"
#include "core/ops/concat/concat.h"
#include "core/ops/embed/embed.h"
#include "core/ops/gather_rows/gather_rows.h"
#include "core/ops/linear/linear.h"
#include "core/ops/rms_norm/rms_norm.h"
#include "core/ops/sample/sample.h"

namespace tamis {
namespace {

class StepBuilder {
 public:
  StepBuilder(const ModelConfig& config, const WeightSet& weights, const StepGraphOptions& options)
      : config_(config), options_(options), layers_(graph_, config, weights, options) {}

  Result<Graph> build();

 private:
  ValueId main_layers();
  void layers_only();
  ValueId mtp_layer();
  ValueId embed();
  void head(ValueId normed);
  void sample(ValueId logits);

  Graph graph_;
  const ModelConfig& config_;
  const StepGraphOptions& options_;
  LayerBuilder layers_;
};

ValueId StepBuilder::embed() {
  graph_.set_label("embed");
  const ValueId ids = layers_.step_input(step_input::kTokenIds, {DType::kI32, {options_.key.n_tokens}});
  return add_embed(graph_, ids, layers_.weight("embed"), {options_.precision.activations});
}

ValueId StepBuilder::main_layers() {
  Residual stream{embed(), kNoValue};
  for (std::int64_t i = 0; i < config_.n_layers; ++i) {
    stream = layers_.layer(stream, i, config_.layers[static_cast<std::size_t>(i)]);
  }
  graph_.set_label("norm");
  const ValueId normed = layers_.add_norm(stream, "norm", config_.rms_norm_eps).y;
  if (options_.key.all_hidden) graph_.mark_output(normed, fmt::format("hidden_{}", config_.n_layers));
  return normed;
}

// As in the middle of a model: the first norm adds what the layer before has left.
void StepBuilder::layers_only() {
  const TensorDesc stream_desc(options_.precision.activations, {options_.key.n_tokens, config_.hidden});
  Residual stream{layers_.step_input(step_input::kStreamIn, stream_desc),
                  layers_.step_input(step_input::kDeltaIn, stream_desc)};
  for (std::int64_t i = 0; i < config_.n_layers; ++i) {
    stream = layers_.layer(stream, i, config_.layers[static_cast<std::size_t>(i)]);
  }
  graph_.mark_output(stream.x, step_output::kStreamOut);
  graph_.mark_output(stream.delta, step_output::kDeltaOut);
}

// u_i = eh_proj · [enorm(embed(t_{i+1})); hnorm(h_i)], then one decoder layer (DeepSeek-V3 report,
// section 2.2). h is the main model's hidden state after the final norm.
ValueId StepBuilder::mtp_layer() {
  const std::string prefix = fmt::format("model.layers.{}.", config_.n_layers);
  const DType act = options_.precision.activations;
  const ValueId embedded = embed();
  graph_.set_label("mtp");
  const ValueId hidden =
      layers_.step_input(step_input::kDraftHidden, {act, {options_.key.n_tokens, config_.hidden}});
  const RmsNormParams norm{config_.rms_norm_eps, act};
  const ValueId joined =
      add_concat(graph_, add_rms_norm(graph_, embedded, layers_.weight(prefix + "enorm"), norm),
                 add_rms_norm(graph_, hidden, layers_.weight(prefix + "hnorm"), norm));
  const Residual out = layers_.layer({layers_.project(joined, prefix + "eh_proj"), kNoValue},
                                     config_.n_layers, config_.mtp_layer());
  graph_.set_label("mtp");
  return layers_.add_norm(out, prefix + "head_norm", config_.rms_norm_eps).y;
}

void StepBuilder::head(ValueId normed) {
  graph_.set_label("head");
  if (options_.key.keep_hidden) graph_.mark_output(normed, step_output::kHidden);
  if (options_.key.n_out == 0) return;
  const ValueId rows = layers_.step_input(step_input::kOutRows, {DType::kI32, {options_.key.n_out}});
  const ValueId logits = add_linear(graph_, add_gather_rows(graph_, normed, rows), layers_.weight("head"),
                                    {ActQuant::kNone, DType::kF32});
  graph_.mark_output(logits, step_output::kLogits);
  if (options_.key.sample) sample(logits);
}

void StepBuilder::sample(ValueId logits) {
  graph_.set_label("sample");
  const std::int64_t n = options_.key.n_out;
  const auto floats = [&](const char* name) { return layers_.step_input(name, {DType::kF32, {n}}); };
  const auto ints = [&](const char* name) { return layers_.step_input(name, {DType::kI32, {n}}); };
  const ValueId counts = options_.key.penalties
                             ? layers_.step_input(step_input::kCounts, {DType::kI32, {n, config_.vocab_size}})
                             : kNoValue;
  const NodeValues drawn = graph_.add(
      op::sample, SampleParams{},
      {logits, floats(step_input::kTemperature), ints(step_input::kTopK), floats(step_input::kTopP),
       floats(step_input::kMinP), floats(step_input::kRepetition), floats(step_input::kPresence),
       floats(step_input::kFrequency), counts, layers_.step_input(step_input::kSeed, {DType::kI32, {n, 2}}),
       ints(step_input::kPosition), kNewValue, kNewValue});
  graph_.mark_output(drawn[sample_operand::kToken], step_output::kToken);
  graph_.mark_output(drawn[sample_operand::kLogprob], step_output::kLogprob);
}

Result<Graph> StepBuilder::build() {
  if (options_.key.layers_only) {
    layers_only();
  } else {
    head(options_.key.mtp ? mtp_layer() : main_layers());
  }
  TAMIS_RETURN_IF_ERROR(graph_.status());
  return std::move(graph_);
}

}  // namespace

std::string kv_cache_name(std::int64_t layer) { return fmt::format("layers.{}.kv", layer); }
std::string index_cache_name(std::int64_t layer) { return fmt::format("layers.{}.index_k", layer); }

TensorDesc kv_cache_desc(const ModelConfig& config, const Precision& precision, std::int64_t n_pages) {
  const std::int64_t slots = n_pages * kPageSize;
  if (precision.kv_format == KvFormat::kPackedFp8) {
    return {DType::kU8, {slots, packed_kv_row_bytes(config.kv_lora_rank, config.qk_rope_head_dim)}};
  }
  return {precision.kv_dtype, {slots, config.latent_dim()}};
}

TensorDesc index_cache_desc(const ModelConfig& config, const Precision& precision, std::int64_t n_pages) {
  const std::int64_t dim = config.indexer.head_dim;
  if (precision.index_format == IndexFormat::kFp8Paged) return {DType::kU8, {n_pages, kPageSize * (dim + 4)}};
  return {precision.activations, {n_pages * kPageSize, dim}};
}

Result<Graph> build_step_graph(const ModelConfig& config, const WeightSet& weights,
                               const StepGraphOptions& options) {
  if (options.key.mtp && !weights.has_mtp) return unsupported("this checkpoint has no MTP layer");
  return StepBuilder(config, weights, options).build();
}

}  // namespace tamis
