// Builds the op graph of one step for the DeepSeek-V3, V3.2 and GLM-5 families: embeddings, layers of MLA
// (expanded, absorbed, or sparse through the lightning indexer) and dense or MoE feed-forward, the head, and
// the MTP module.
#pragma once

#include "core/exec/step.h"
#include "core/graph/graph.h"
#include "core/model/config.h"
#include "core/model/weights.h"
#include "core/ops/ops.h"

namespace tamis {

inline constexpr std::int64_t kPageSize = 64;

// Number formats of a run: activations between ops, caches, and the rounding of activations before FP8
// weights.
struct Precision {
  DType activations = DType::kF32;  // f32 or bf16
  KvFormat kv_format = KvFormat::kPlain;
  DType kv_dtype = DType::kF32;  // of a plain cache
  IndexFormat index_format = IndexFormat::kExact;
  ActQuant act_quant = ActQuant::kNone;  // for weights stored in FP8
};

// What caches look like, shared by the graph builder and the cache pool.
TensorDesc kv_cache_desc(const ModelConfig& config, const Precision& precision, std::int64_t n_pages);
TensorDesc index_cache_desc(const ModelConfig& config, const Precision& precision, std::int64_t n_pages);
// "layers.3.kv", "layers.3.index_k": state names. The MTP layer is layer n_layers.
std::string kv_cache_name(std::int64_t layer);
std::string index_cache_name(std::int64_t layer);

struct StepGraphOptions {
  StepKey key;
  Precision precision;
  std::int64_t n_pages = 0;  // of every cache
};

// The graph of a step. Its inputs, states and weights are bound by the names of step.h, kv_cache_name() and
// `weights`.
Result<Graph> build_step_graph(const ModelConfig& config, const WeightSet& weights,
                               const StepGraphOptions& options);

}  // namespace tamis
