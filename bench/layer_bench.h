// `tamis bench layer`: one decoder layer of a published model at full width with random weights, over a grid
// of batches and contexts, and what that says about the whole model.
#pragma once

#include "bench/layer_cut.h"
#include "bench/op_bench.h"

namespace tamis::bench {

struct LayerOptions {
  ModelConfig model;     // the whole one
  RunnerOptions runner;  // device, precision, kernels; sizes are set here
  // The heaviest first: it decides how far prompts are shrunk.
  std::vector<LayerPart> parts = {LayerPart::kMoe, LayerPart::kDense, LayerPart::kEnds};
  std::vector<std::int64_t> batches = {1};      // sequences of a step
  std::vector<std::int64_t> contexts = {4096};  // tokens of each sequence after the step
  std::vector<std::int64_t> prompts = {512};    // new tokens of each sequence in a prefill step
  bool decode = true, prefill = true;
  std::int64_t experts = 0;  // 0: the model's
  std::vector<std::string> flush = {"cold"};
  std::int64_t repetitions = 5, rounds = 2;
  double longest_seconds = 2;  // a prefill step predicted to take longer is shrunk
  bool ceilings = true;
  std::uint64_t seed = 1;
};

// Caches hold random rows to the depth of each step; no prefill of that depth is computed.
Result<OpTotals> bench_layers(const LayerOptions& options, const OpReport& report);

// The whole model's time for a step from its parts' rows of that step: `counts` of each. A row of kind
// kProjectionRow.
Row project(const std::vector<Row>& parts, const std::vector<std::int64_t>& counts);

}  // namespace tamis::bench
