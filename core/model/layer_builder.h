// The parts of a step graph that one decoder layer is made of. Used by graph_builder.cpp for main and MTP
// layers.
#pragma once

#include <map>

#include "core/model/graph_builder.h"

namespace tamis {

// The residual stream between layers. The sum of x and delta is taken inside the next norm (add_rms_norm), so
// a layer hands on both.
struct Residual {
  ValueId x = kNoValue;
  ValueId delta = kNoValue;  // kNoValue before the first layer
};

// Keys chosen by an indexer, for the layer itself and for the shared layers after it (IndexCache).
struct Selection {
  ValueId slots = kNoValue;
  ValueId count = kNoValue;
};

class LayerBuilder {
 public:
  LayerBuilder(Graph& graph, const ModelConfig& config, const WeightSet& weights,
               const StepGraphOptions& options);

  Residual layer(const Residual& in, std::int64_t index, const LayerConfig& layer);
  // Norm of the residual stream, its pending delta added first. `sum`: the stream after the add.
  struct Normed {
    ValueId sum, y;
  };
  Normed add_norm(const Residual& in, const std::string& name, float eps);
  ValueId weight(const std::string& name);
  ValueId step_input(const char* name, const TensorDesc& desc);
  // y = x · Wᵀ in the activation dtype; activations quantised if the weight is FP8 and the precision says so.
  ValueId project(ValueId x, const std::string& weight_name);

 private:
  ValueId attention(ValueId a, std::int64_t index, const LayerConfig& layer);
  ValueId sparse_attention(ValueId q_nope, ValueId q_rope, const Selection& selection, ValueId cache,
                           const std::string& prefix);
  ValueId dense_absorbed(ValueId q_nope, ValueId q_rope, ValueId cache, const std::string& prefix);
  ValueId dense_expanded(ValueId q_nope, ValueId q_rope, ValueId cache, const std::string& prefix);
  Selection index(ValueId a, ValueId cq, ValueId k_raw, std::int64_t layer);
  ValueId absorb_out(ValueId u, const std::string& prefix);
  ValueId mlp(ValueId m, const std::string& prefix);
  ValueId moe(ValueId m, std::int64_t index);
  ValueId positions();
  ValueId write_slot();
  ValueId visible();
  ValueId seq_of_token();
  ValueId page_table();
  ValueId kv_len();

  Graph& graph_;
  const ModelConfig& config_;
  const WeightSet& weights_;
  const StepGraphOptions& options_;
  std::map<std::string, ValueId> named_;          // weights and inputs already in the graph
  std::map<std::int64_t, Selection> selections_;  // by layer that owns the indexer
};

}  // namespace tamis
