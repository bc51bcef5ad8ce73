#include "tests/model/model_fixture.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>

namespace tamis::model_tests {
namespace {

// The options of `tamis logits` that make the same runner.
std::string flags(const ModelSetup& setup) {
  const Precision& p = setup.options.precision;
  std::string text;
  if (p.activations == DType::kBF16) text += " --activations bf16";
  if (p.activations == DType::kBF16 && p.act_quant == ActQuant::kNone) text += " --act-quant none";
  if (p.kv_format == KvFormat::kPackedFp8) text += " --kv-cache fp8";
  if (p.kv_format == KvFormat::kPlain && p.kv_dtype == DType::kBF16) text += " --kv-cache bf16";
  if (p.index_format == IndexFormat::kFp8Paged) text += " --indexer fp8";
  if (setup.options.attention == AttentionMode::kDense) text += " --attention dense";
  if (setup.options.plan.invariance == Invariance::kBatch) text += " --invariance batch";
  if (setup.config.glm_latent_eps.has_value()) {
    text += fmt::format(" --glm-latent-eps {}", *setup.config.glm_latent_eps);
  }
  return text;
}

template <class T>
std::vector<T> copy_values(const CheckpointTensor& tensor) {
  std::vector<T> values(tensor.bytes.size() / sizeof(T));
  std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}

}  // namespace

std::string fixture_path(const std::string& name) {
  return std::string(TAMIS_SOURCE_DIR) + "/tests/fixtures/" + name;
}
std::string tiny_v32_path() { return std::string(TAMIS_SOURCE_DIR) + "/models/tiny-v32"; }

std::vector<std::string> hf_cases() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(fixture_path("hf"))) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

const CheckpointTensor& Expected::tensor(const std::string& name, DType dtype) const {
  const CheckpointTensor* tensor = file_.find(name);
  if (tensor == nullptr) throw std::runtime_error(file_.path() + ": no tensor " + name);
  if (tensor->dtype != dtype) throw std::runtime_error(name + ": unexpected " + tensor->to_string());
  return *tensor;
}

std::vector<float> Expected::floats(const std::string& name) const {
  return copy_values<float>(tensor(name, DType::kF32));
}
std::vector<std::int32_t> Expected::ints(const std::string& name) const {
  return copy_values<std::int32_t>(tensor(name, DType::kI32));
}

TokenRows Expected::rows(const std::string& name) const {
  const CheckpointTensor& stored = tensor(name, DType::kI32);
  const std::vector<std::int32_t> ids = copy_values<std::int32_t>(stored);
  TokenRows rows;
  for (std::int64_t b = 0; b < stored.shape[0]; ++b) {
    const auto begin = ids.begin() + b * stored.shape[1];
    rows.emplace_back(begin, begin + stored.shape[1]);
  }
  return rows;
}

std::string& tested_device() {
  static std::string device = "cpu";
  return device;
}

std::unique_ptr<Runner> open_runner_on(const std::string& device, const ModelSetup& setup) {
  RunnerOptions options = setup.options;
  options.device = device;
  return must(Runner::create(must(load_config(setup.folder, setup.config)),
                             must(Checkpoint::open(setup.folder)), options));
}

std::unique_ptr<Runner> open_runner(const ModelSetup& setup) {
  return open_runner_on(tested_device(), setup);
}

Repro::Repro(ModelSetup setup, TokenRows ids, std::vector<std::int64_t> chunks)
    : setup_(std::move(setup)), ids_(std::move(ids)), chunks_(std::move(chunks)) {}

Repro::~Repro() {
  if (!::testing::Test::HasFailure()) return;
  std::string name = ::testing::UnitTest::GetInstance()->current_test_info()->name();
  std::replace(name.begin(), name.end(), '/', '_');
  const std::string path = (std::filesystem::temp_directory_path() / ("tamis_" + name + ".json")).string();
  std::ofstream file(path);
  file << "{\"input_ids\": [";
  for (std::size_t r = 0; r < ids_.size(); ++r)
    file << fmt::format("{}[{}]", r == 0 ? "" : ", ", fmt::join(ids_[r], ","));
  file << "]}\n";
  const std::string chunks = chunks_.empty() ? "" : fmt::format(" --chunks {}", fmt::join(chunks_, ","));
  fmt::print("shows in: tamis logits {} --ids {}{}{} --hidden --out out.safetensors\n", setup_.folder, path,
             chunks, flags(setup_));
}

Scored score(Runner& runner, const TokenRows& rows, const ScoreOptions& options) {
  const std::size_t length = rows[0].size(), vocab = static_cast<std::size_t>(runner.config().vocab_size);
  const auto width = static_cast<std::size_t>(runner.config().hidden);
  Scored out;
  const auto put = [&](std::vector<float>& to, std::size_t row_values, std::size_t at,
                       std::span<const float> from) {
    to.resize(rows.size() * row_values);
    std::copy(from.begin(), from.end(), to.begin() + static_cast<std::ptrdiff_t>(at));
  };
  const auto sink = [&](const ScoredChunk& chunk) {
    const auto row = static_cast<std::size_t>(chunk.row), first = static_cast<std::size_t>(chunk.first);
    put(out.logits, length * vocab, (row * length + first) * vocab, chunk.logits);
    out.hidden.resize(chunk.hidden.size());
    for (std::size_t i = 0; i < chunk.hidden.size(); ++i) {
      put(out.hidden[i], length * width, (row * length + first) * width, chunk.hidden[i]);
    }
    return Status();
  };
  const auto mtp_sink = [&](const ScoredChunk& chunk) {
    const auto at =
        static_cast<std::size_t>(chunk.row) * (length - 1) + static_cast<std::size_t>(chunk.first);
    put(out.mtp_logits, (length - 1) * vocab, at * vocab, chunk.logits);
    return Status();
  };
  must(score_tokens(runner, rows, options, sink, mtp_sink));
  return out;
}

double max_difference(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(static_cast<double>(a[i]) - b[i]);
    // Not `>`: a NaN must not pass for small.
    if (!(difference <= worst))
      worst = std::isnan(difference) ? std::numeric_limits<double>::infinity() : difference;
  }
  return worst;
}

std::vector<double> row_differences(std::span<const float> a, std::span<const float> b, std::size_t width) {
  if (a.size() != b.size() || a.empty())
    throw std::runtime_error(fmt::format("{} values, expected {}", a.size(), b.size()));
  std::vector<double> rows;
  for (std::size_t at = 0; at < a.size(); at += width) {
    rows.push_back(max_difference(a.subspan(at, width), b.subspan(at, width)));
  }
  return rows;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

std::size_t argmax(std::span<const float> row) {
  return static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin());
}

void measured(const std::string& what, double value) {
  fmt::print("[ measured ] {}: {:.6g}\n", what, value);
  ::testing::Test::RecordProperty(what, fmt::format("{:.6g}", value));
}

int count_nodes(const Runner& runner, const std::string& op) {
  int count = 0;
  for (const Plan* plan : runner.plans()) {
    for (const PlannedNode& node : plan->nodes()) count += node.node->op->name == op ? 1 : 0;
  }
  return count;
}

StepResult advance(Runner& runner, SequenceId sequence, std::vector<std::int32_t> tokens,
                   const StepOptions& options) {
  StepItem item;
  item.sequence = sequence;
  item.tokens = std::move(tokens);
  return must(runner.step({item}, options));
}

std::vector<std::int32_t> greedy(Runner& runner, const std::vector<std::int32_t>& prompt, std::size_t n) {
  StepItem item;
  item.sequence = must(runner.new_sequence());
  const auto limit = static_cast<std::ptrdiff_t>(runner.options().max_batch_tokens);
  auto at = prompt.begin();
  for (; prompt.end() - at > limit; at += limit) {
    item.tokens.assign(at, at + limit);
    item.logits = StepItem::Logits::kNone;
    must(runner.step({item}));
  }
  item.tokens.assign(at, prompt.end());
  item.logits = StepItem::Logits::kLast;
  item.sample = SamplingConfig{};
  std::vector<std::int32_t> given;
  while (given.size() < n) {
    given.push_back(must(runner.step({item})).tokens[0]);
    item.tokens = {given.back()};
  }
  runner.free_sequence(item.sequence);
  return given;
}

}  // namespace tamis::model_tests
