// What a model computed for one sequence, layer by layer: recorded on one device or machine, compared with
// another's.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/engine/runner.h"

namespace tamis {

struct TraceRequest {
  std::vector<std::int32_t> ids;  // T tokens
  std::vector<std::int64_t>
      chunks;  // sizes of the steps; the last repeats; empty: as large as the runner allows
  std::int64_t greedy_tokens = 0;  // drawn after the ids
};

struct ModelTrace {
  std::string device;  // "NVIDIA H100 80GB HBM3 (cuda)"
  std::vector<std::int32_t> ids;
  std::int64_t vocab = 0;
  std::int64_t width = 0;
  std::vector<float> logits;  // [T, vocab]
  std::vector<std::vector<float>>
      hidden;  // [layers + 1][T * width]: before layer i; the last after the final norm
  std::map<std::int64_t, std::vector<std::int32_t>> indices;  // per indexer layer [T, topk], -1 padded
  std::map<std::int64_t, std::vector<float>> index_scores;    // of those keys
  std::vector<std::int32_t> greedy;
};

Result<ModelTrace> trace_model(Runner& runner, const TraceRequest& request);

// As safetensors: ids, logits, hidden_<i>, indices_<i>, index_scores_<i>, greedy, device.
Status save_model_trace(const std::string& path, const ModelTrace& trace);
// kCorruptData names file, tensor, expected and found.
Result<ModelTrace> load_model_trace(const std::string& path);

}  // namespace tamis
