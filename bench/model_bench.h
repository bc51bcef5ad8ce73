// `tamis bench model`: how fast a loaded model reads prompts and generates, at depths of cached context.
#pragma once

#include "bench/op_bench.h"
#include "core/engine/runner.h"

namespace tamis::bench {

struct ModelBenchOptions {
  std::string name;                            // of the model, for the rows
  std::vector<std::int64_t> prompts = {512};   // tokens of each sequence; empty: no prompt rows
  std::vector<std::int64_t> generate = {128};  // tokens of each sequence; empty: no generation rows
  std::vector<std::int64_t> depths = {0};      // tokens cached before, computed and not timed
  std::vector<std::int64_t> batches = {1};     // sequences
  std::int64_t repetitions = 5, rounds = 2;
  bool ceilings = false;
  std::uint64_t seed = 1;  // of the prompts: tokens drawn uniformly from the vocabulary
};

// What a runner must hold for these options.
struct ModelBenchSize {
  std::int64_t cache_tokens = 0, sequences = 0;
};
ModelBenchSize size_of(const ModelBenchOptions& options);

// Prompts are fed in steps of at most the runner's max_batch_tokens. Generation is greedy, drawn on the
// device and fed back.
Result<OpTotals> bench_model(Runner& runner, const ModelBenchOptions& options, const OpReport& report);

}  // namespace tamis::bench
