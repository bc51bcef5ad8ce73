#include "core/engine/model_trace.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "core/checkpoint/safetensors.h"
#include "core/checkpoint/safetensors_writer.h"

namespace tamis {
namespace {

constexpr std::string_view kHidden = "hidden_", kIndices = "indices_", kIndexScores = "index_scores_";

void append_step(const StepResult& result, ModelTrace& trace) {
  trace.logits.insert(trace.logits.end(), result.logits.begin(), result.logits.end());
  trace.hidden.resize(result.all_hidden.size());
  for (std::size_t i = 0; i < result.all_hidden.size(); ++i)
    trace.hidden[i].insert(trace.hidden[i].end(), result.all_hidden[i].begin(), result.all_hidden[i].end());
  for (const auto& [layer, indices] : result.indices) {
    auto& all = trace.indices[layer];
    all.insert(all.end(), indices.begin(), indices.end());
  }
  for (const auto& [layer, scores] : result.index_scores) {
    auto& all = trace.index_scores[layer];
    all.insert(all.end(), scores.begin(), scores.end());
  }
}

Status feed(Runner& runner, const TraceRequest& request, SequenceId sequence, ModelTrace& trace) {
  const auto total = static_cast<std::int64_t>(request.ids.size());
  std::size_t chunk = 0;
  for (std::int64_t first = 0; first < total;) {
    std::int64_t n = runner.options().max_batch_tokens;
    if (!request.chunks.empty()) n = request.chunks[std::min(chunk++, request.chunks.size() - 1)];
    n = std::min({n, runner.options().max_batch_tokens, total - first});
    if (n < 1) return invalid_argument("chunk size {}: expected at least 1", n);
    StepItem item;
    item.sequence = sequence;
    item.tokens.assign(request.ids.begin() + first, request.ids.begin() + first + n);
    item.logits = StepItem::Logits::kAll;
    StepOptions options;
    options.all_hidden = options.index_scores = true;
    TAMIS_ASSIGN_OR_RETURN(const StepResult result, runner.step({item}, options));
    append_step(result, trace);
    first += n;
  }
  return {};
}

std::int32_t best(std::span<const float> logits) {
  return static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

Status draw(Runner& runner, std::int64_t count, SequenceId sequence, ModelTrace& trace) {
  std::int32_t token = best(std::span(trace.logits).last(static_cast<std::size_t>(trace.vocab)));
  for (std::int64_t i = 0; i < count; ++i) {
    trace.greedy.push_back(token);
    StepItem item;
    item.sequence = sequence;
    item.tokens = {token};
    TAMIS_ASSIGN_OR_RETURN(const StepResult result, runner.step({item}));
    token = best(result.logits);
  }
  return {};
}

template <class T>
TensorToWrite tensor(std::string name, DType dtype, const std::vector<T>& values, std::int64_t rows) {
  const auto n = static_cast<std::int64_t>(values.size());
  std::vector<std::int64_t> shape{n};
  if (rows > 0) shape = {rows, n / rows};
  return {std::move(name), dtype, std::move(shape), std::as_bytes(std::span(values))};
}

template <class T>
std::vector<T> values_of(const CheckpointTensor& stored) {
  std::vector<T> values(stored.bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), stored.bytes.data(), values.size() * sizeof(T));
  return values;
}

// The number behind the prefix of a tensor's name, or -1.
std::int64_t numbered(std::string_view name, std::string_view prefix) {
  std::int64_t number = -1;
  if (!name.starts_with(prefix)) return -1;
  const char* last = name.data() + name.size();
  const auto [end, error] = std::from_chars(name.data() + prefix.size(), last, number);
  return error == std::errc() && end == last ? number : -1;
}

// A tensor of the trace; `rows` 0: one dimension of any size.
Status expect(const std::string& path, const CheckpointTensor* found, const char* name, DType dtype,
              std::int64_t rows) {
  if (found == nullptr) return corrupt_data("{}: tensor {} is missing: not a saved trace", path, name);
  const std::size_t rank = rows > 0 ? 2 : 1;
  if (found->dtype == dtype && found->shape.size() == rank && (rows == 0 || found->shape[0] == rows))
    return {};
  return corrupt_data("{}: tensor {}: expected {} with {}, found {}", path, found->name, dtype_name(dtype),
                      rows > 0 ? fmt::format("{} rows", rows) : "one dimension", found->to_string());
}

Status load_layers(const SafetensorsFile& file, ModelTrace& trace) {
  const auto rows = static_cast<std::int64_t>(trace.ids.size());
  std::map<std::int64_t, std::vector<float>> hidden;
  for (const CheckpointTensor& stored : file.tensors()) {
    if (const std::int64_t layer = numbered(stored.name, kHidden); layer >= 0) {
      TAMIS_RETURN_IF_ERROR(expect(file.path(), &stored, "hidden", DType::kF32, rows));
      hidden[layer] = values_of<float>(stored);
      trace.width = stored.shape[1];
    }
    if (const std::int64_t layer = numbered(stored.name, kIndices); layer >= 0) {
      TAMIS_RETURN_IF_ERROR(expect(file.path(), &stored, "indices", DType::kI32, rows));
      trace.indices[layer] = values_of<std::int32_t>(stored);
    }
    if (const std::int64_t layer = numbered(stored.name, kIndexScores); layer >= 0) {
      TAMIS_RETURN_IF_ERROR(expect(file.path(), &stored, "index_scores", DType::kF32, rows));
      trace.index_scores[layer] = values_of<float>(stored);
    }
  }
  for (auto& [layer, values] : hidden) {
    if (layer != static_cast<std::int64_t>(trace.hidden.size()) ||
        static_cast<std::int64_t>(values.size()) != rows * trace.width) {
      return corrupt_data("{}: tensor hidden_{}: expected hidden_{} of {} columns next", file.path(), layer,
                          trace.hidden.size(), trace.width);
    }
    trace.hidden.push_back(std::move(values));
  }
  return {};
}

}  // namespace

Result<ModelTrace> trace_model(Runner& runner, const TraceRequest& request) {
  if (request.ids.empty()) return invalid_argument("no tokens to trace");
  ModelTrace trace;
  const DeviceInfo& device = runner.device().info();
  trace.device = fmt::format("{} ({})", device.name, device.backend);
  trace.ids = request.ids;
  trace.vocab = runner.config().vocab_size;
  trace.width = runner.config().hidden;
  TAMIS_ASSIGN_OR_RETURN(const SequenceId sequence, runner.new_sequence());
  Status status = feed(runner, request, sequence, trace);
  if (status.ok()) status = draw(runner, request.greedy_tokens, sequence, trace);
  runner.free_sequence(sequence);
  TAMIS_RETURN_IF_ERROR(status);
  return trace;
}

Status save_model_trace(const std::string& path, const ModelTrace& trace) {
  const auto rows = static_cast<std::int64_t>(trace.ids.size());
  std::vector<TensorToWrite> tensors{tensor("ids", DType::kI32, trace.ids, 0),
                                     tensor("logits", DType::kF32, trace.logits, rows),
                                     tensor("greedy", DType::kI32, trace.greedy, 0)};
  for (std::size_t i = 0; i < trace.hidden.size(); ++i)
    tensors.push_back(tensor(fmt::format("{}{}", kHidden, i), DType::kF32, trace.hidden[i], rows));
  for (const auto& [layer, indices] : trace.indices)
    tensors.push_back(tensor(fmt::format("{}{}", kIndices, layer), DType::kI32, indices, rows));
  for (const auto& [layer, scores] : trace.index_scores)
    tensors.push_back(tensor(fmt::format("{}{}", kIndexScores, layer), DType::kF32, scores, rows));
  const std::vector<char> device(trace.device.begin(), trace.device.end());
  tensors.push_back(tensor("device", DType::kU8, device, 0));
  return write_safetensors(path, tensors);
}

Result<ModelTrace> load_model_trace(const std::string& path) {
  TAMIS_ASSIGN_OR_RETURN(const SafetensorsFile file, SafetensorsFile::open(path));
  for (const auto& [name, dtype] :
       {std::pair("ids", DType::kI32), {"greedy", DType::kI32}, {"device", DType::kU8}})
    TAMIS_RETURN_IF_ERROR(expect(path, file.find(name), name, dtype, 0));
  ModelTrace trace;
  trace.ids = values_of<std::int32_t>(*file.find("ids"));
  trace.greedy = values_of<std::int32_t>(*file.find("greedy"));
  const std::vector<char> device = values_of<char>(*file.find("device"));
  trace.device.assign(device.begin(), device.end());
  if (trace.ids.empty()) return corrupt_data("{}: tensor ids: expected at least one token, found none", path);
  const auto rows = static_cast<std::int64_t>(trace.ids.size());
  TAMIS_RETURN_IF_ERROR(expect(path, file.find("logits"), "logits", DType::kF32, rows));
  trace.logits = values_of<float>(*file.find("logits"));
  trace.vocab = static_cast<std::int64_t>(trace.logits.size()) / rows;
  TAMIS_RETURN_IF_ERROR(load_layers(file, trace));
  return trace;
}

}  // namespace tamis
