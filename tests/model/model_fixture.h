// What the model tests share: expected numbers from safetensors files, runners, comparisons, and the commands
// that show a failure outside the tests.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/checkpoint/safetensors.h"
#include "core/engine/runner.h"
#include "core/engine/score.h"
#include "tests/harness/must.h"

namespace tamis::model_tests {

using TokenRows = std::vector<std::vector<std::int32_t>>;

std::string fixture_path(const std::string& name);  // tests/fixtures/<name>
std::string tiny_v32_path();
// Folders of tests/fixtures/hf, sorted.
std::vector<std::string> hf_cases();

// The tensors of an expected.safetensors.
class Expected {
 public:
  explicit Expected(const std::string& path) : file_(must(SafetensorsFile::open(path))) {}
  bool has(const std::string& name) const { return file_.find(name) != nullptr; }
  std::vector<float> floats(const std::string& name) const;
  std::vector<std::int32_t> ints(const std::string& name) const;
  TokenRows rows(const std::string& name) const;  // [B, T]

 private:
  const CheckpointTensor& tensor(const std::string& name, DType dtype) const;
  SafetensorsFile file_;
};

// Where open_runner() puts a model: "cpu", or what the command line says.
std::string& tested_device();

struct ModelSetup {
  std::string folder;
  RunnerOptions options;
  ConfigOptions config;
};
std::unique_ptr<Runner> open_runner(const ModelSetup& setup);
// Whatever device is tested.
std::unique_ptr<Runner> open_runner_on(const std::string& device, const ModelSetup& setup);

// The same numbers from `tamis logits`: "tamis logits FOLDER --ids FILE.json … --out out.safetensors".
class Repro {
 public:
  Repro(ModelSetup setup, TokenRows ids, std::vector<std::int64_t> chunks = {});
  ~Repro();  // writes FILE.json and prints the command if the test has failed by now

 private:
  ModelSetup setup_;
  TokenRows ids_;
  std::vector<std::int64_t> chunks_;
};

// All that score_tokens() gives, put together. Rows one after another: [B, T, width].
struct Scored {
  std::vector<float> logits;
  std::vector<std::vector<float>> hidden;
  std::vector<float> mtp_logits;  // [B, T - 1, V]
};
Scored score(Runner& runner, const TokenRows& rows, const ScoreOptions& options = {});

// Largest |a - b|; infinity where one of them is NaN or the sizes differ.
double max_difference(std::span<const float> a, std::span<const float> b);
// The same for each row of `width`.
std::vector<double> row_differences(std::span<const float> a, std::span<const float> b, std::size_t width);
double median(std::vector<double> values);
std::size_t argmax(std::span<const float> row);

// Prints "[ measured ] what: value" and keeps it in the test's XML report.
void measured(const std::string& what, double value);

// Number of planned nodes that run this op, over all plans so far.
int count_nodes(const Runner& runner, const std::string& op);

// Continues `sequence` by `tokens` in one step.
StepResult advance(Runner& runner, SequenceId sequence, std::vector<std::int32_t> tokens,
                   const StepOptions& options = {});

// The n likeliest next tokens one after another, by op sample at temperature 0, in a sequence of their own.
std::vector<std::int32_t> greedy(Runner& runner, const std::vector<std::int32_t>& prompt, std::size_t n);

}  // namespace tamis::model_tests
