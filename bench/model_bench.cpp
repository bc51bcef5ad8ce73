#include "bench/model_bench.h"

#include <algorithm>
#include <chrono>

#include "bench/machine.h"
#include "bench/observer.h"
#include "bench/statistics.h"
#include "bench/step_rows.h"
#include "core/numeric/philox.h"

namespace tamis::bench {
namespace {

using Clock = std::chrono::steady_clock;

// As generation runs its steps.
constexpr StepOptions kOnlyTokens{.logits = false};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// One row: a prompt or a generation, at a depth, of a batch.
struct Test {
  std::int64_t prompt = 0, generate = 0, depth = 0, batch = 1;

  std::string name() const {
    std::string text = prompt > 0 ? fmt::format("pp{}", prompt) : fmt::format("tg{}", generate);
    if (depth > 0) text += fmt::format(" @ d{}", depth);
    return batch > 1 ? text + fmt::format(" x b{}", batch) : text;
  }
  std::int64_t fresh() const { return std::max(prompt, generate); }
};

std::vector<Test> make_tests(const ModelBenchOptions& options) {
  std::vector<Test> tests;
  for (std::int64_t batch : options.batches) {
    for (std::int64_t depth : options.depths) {
      for (std::int64_t prompt : options.prompts) tests.push_back({prompt, 0, depth, batch});
      for (std::int64_t generate : options.generate) tests.push_back({0, generate, depth, batch});
    }
  }
  return tests;
}

struct Measured {
  Row row;
  std::vector<std::vector<double>> rounds_us;
  std::vector<double> first_token_us;
};

class ModelRun {
 public:
  ModelRun(Runner& runner, const ModelBenchOptions& options, const OpReport& report)
      : runner_(runner), options_(options), report_(report), observer_(runner.device().info()) {}
  ~ModelRun() { close(); }
  ModelRun(const ModelRun&) = delete;
  ModelRun& operator=(const ModelRun&) = delete;

  Result<OpTotals> run(const Row& machine) {
    const std::vector<Test> tests = make_tests(options_);
    std::vector<Measured> measured;
    for (std::int64_t round = 0; round < options_.rounds; ++round) {
      for (std::size_t i = 0; i < tests.size(); ++i) {
        if (round == 0) measured.push_back({describe(tests[i], machine), {}, {}});
        TAMIS_RETURN_IF_ERROR(run_round(tests[i], measured[i]).with_context(tests[i].name()));
      }
    }
    for (Measured& one : measured) {
      set_rounds(one.row, one.rounds_us);
      set_rate(one.row, static_cast<double>(one.row.tokens));
      one.row.first_token_us = summarize(one.first_token_us).median;
      report_.row(one.row);
    }
    return OpTotals{static_cast<int>(measured.size()), 0};
  }

 private:
  Row describe(const Test& test, const Row& machine) {
    Row row = machine;
    row.op = kModelRow;
    row.model = options_.name;
    row.case_name = fmt::format("{} {}", options_.name, test.name());
    row.chosen = true;
    row.flush = "warm";
    row.batch = test.batch, row.prompt = test.prompt, row.generated = test.generate, row.depth = test.depth;
    row.tokens = row.asked_tokens = test.batch * test.fresh();
    row.shape =
        fmt::format("{}: {} layers, {}; steps of at most {} tokens", options_.name, runner_.config().n_layers,
                    describe_precision(runner_.config(), runner_.options().precision),
                    runner_.options().max_batch_tokens);
    return row;
  }

  Status run_round(const Test& test, Measured& measured) {
    TAMIS_RETURN_IF_ERROR(open(test));
    reset_host_peak();
    std::vector<double> ignored;
    TAMIS_RETURN_IF_ERROR(run_once(test, ignored).status());  // warm-up: makes every plan of the test
    const std::string warnings = measured.row.warnings;
    observer_.begin();
    std::vector<double> samples;
    const std::int64_t repetitions = (options_.repetitions + options_.rounds - 1) / options_.rounds;
    for (std::int64_t i = 0; i < repetitions; ++i) {
      TAMIS_ASSIGN_OR_RETURN(const double seconds, run_once(test, measured.first_token_us));
      samples.push_back(seconds * 1e6);
    }
    observer_.end(measured.row);
    if (measured.row.warnings.empty()) measured.row.warnings = warnings;  // of an earlier round
    measured.rounds_us.push_back(std::move(samples));
    measured.row.device_bytes = runner_.resident_bytes();
    measured.row.host_peak_bytes = host_peak_bytes();
    return measured.row.shares.empty() ? trace(test, measured.row) : Status();
  }

  // One step of the test, node by node.
  Status trace(const Test& test, Row& row) {
    const std::int64_t per_step = test.prompt > 0 ? std::max<std::int64_t>(1, step_tokens() / test.batch) : 1;
    std::vector<StepItem> items = next_items(std::min(per_step, test.fresh()));
    if (static_cast<std::int64_t>(items.size()) > step_tokens()) return {};
    Trace trace;
    runner_.set_trace(&trace);
    const StepKey key = runner_.key_for(items, kOnlyTokens);
    const Status status = runner_.step(items, kOnlyTokens).status();
    runner_.set_trace(nullptr);
    TAMIS_RETURN_IF_ERROR(status);
    row.shares = shares_of(trace);
    TAMIS_ASSIGN_OR_RETURN(const Plan* plan, runner_.plan(key));
    describe_plan(*plan, row);
    row.flops = row.bytes = 0;  // of one step, not of the test
    return rewind(test);
  }

  std::int64_t step_tokens() const { return runner_.options().max_batch_tokens; }

  void close() {
    for (SequenceId id : sequences_) runner_.free_sequence(id);
    sequences_.clear();
  }

  // Sequences with the test's depth in the cache, by running that many tokens.
  Status open(const Test& test) {
    close();
    counter_ = 0;
    for (std::int64_t s = 0; s < test.batch; ++s) {
      TAMIS_ASSIGN_OR_RETURN(const SequenceId id, runner_.new_sequence());
      sequences_.push_back(id);
      for (std::int64_t done = 0; done < test.depth;) {
        const std::int64_t n = std::min(step_tokens(), test.depth - done);
        StepItem item{.sequence = id, .tokens = random_tokens(n), .logits = StepItem::Logits::kNone};
        TAMIS_RETURN_IF_ERROR(runner_.step({item}).status());
        done += n;
      }
    }
    return {};
  }

  Status rewind(const Test& test) {
    for (SequenceId id : sequences_) TAMIS_RETURN_IF_ERROR(runner_.truncate(id, test.depth));
    return {};
  }

  std::vector<std::int32_t> random_tokens(std::int64_t n) {
    std::vector<std::int32_t> tokens(static_cast<std::size_t>(n));
    for (std::int32_t& token : tokens) {
      const std::uint32_t bits = numeric::philox4x32_10(options_.seed, counter_++, 0).v[0];
      token = static_cast<std::int32_t>(static_cast<std::int64_t>(bits) % runner_.config().vocab_size);
    }
    return tokens;
  }

  std::vector<StepItem> next_items(std::int64_t n) {
    std::vector<StepItem> items;
    for (SequenceId id : sequences_) {
      StepItem item{.sequence = id, .tokens = random_tokens(n)};
      item.sample = SamplingConfig{};
      items.push_back(std::move(item));
    }
    return items;
  }

  // Seconds of the test once; the sequences are as before afterwards.
  Result<double> run_once(const Test& test, std::vector<double>& first_token_us) {
    Result<double> seconds = test.prompt > 0 ? run_prompt(test, first_token_us) : run_generation(test);
    TAMIS_RETURN_IF_ERROR(seconds.status());
    TAMIS_RETURN_IF_ERROR(rewind(test));
    return seconds;
  }

  // Steps as full as they may be, sequence after sequence; the last token of each draws one.
  Result<double> run_prompt(const Test& test, std::vector<double>& first_token_us) {
    std::vector<std::vector<std::int32_t>> prompts;
    for (std::int64_t s = 0; s < test.batch; ++s) prompts.push_back(random_tokens(test.prompt));
    const auto start = Clock::now();
    std::size_t sequence = 0;
    std::int64_t done = 0;  // tokens of `sequence`
    while (sequence < prompts.size()) {
      std::vector<StepItem> items;
      std::size_t finished = 0;
      for (std::int64_t room = step_tokens(); room > 0 && sequence < prompts.size();) {
        const std::int64_t n = std::min(room, test.prompt - done);
        const auto first = prompts[sequence].begin() + done;
        StepItem item{.sequence = sequences_[sequence], .tokens = {first, first + n}};
        done += n, room -= n;
        if (done < test.prompt) {
          item.logits = StepItem::Logits::kNone;
        } else {
          item.sample = SamplingConfig{};
          ++sequence, ++finished;
          done = 0;
        }
        items.push_back(std::move(item));
      }
      TAMIS_RETURN_IF_ERROR(runner_.step(items, kOnlyTokens).status());
      first_token_us.insert(first_token_us.end(), finished, seconds_since(start) * 1e6);
    }
    return seconds_since(start);
  }

  Result<double> run_generation(const Test& test) {
    std::vector<StepItem> items = next_items(1);
    const auto start = Clock::now();
    for (std::int64_t i = 0; i < test.generate; ++i) {
      TAMIS_ASSIGN_OR_RETURN(const StepResult result, runner_.step(items, kOnlyTokens));
      for (std::size_t s = 0; s < items.size(); ++s) items[s].tokens = {result.tokens[s]};
    }
    return seconds_since(start);
  }

  Runner& runner_;
  const ModelBenchOptions& options_;
  const OpReport& report_;
  Observer observer_;
  std::vector<SequenceId> sequences_;
  std::uint64_t counter_ = 0;
};

Status check(const Runner& runner, const ModelBenchOptions& options) {
  if (options.repetitions < 5 || options.rounds < 1)
    return invalid_argument("repetitions: expected at least 5 in at least 1 round, found {} in {}",
                            options.repetitions, options.rounds);
  if (options.prompts.empty() && options.generate.empty())
    return invalid_argument("bench model: neither prompts nor generation");
  for (std::int64_t batch : options.batches) {
    if (batch > runner.options().max_batch_tokens)
      return invalid_argument("batch {}: a step has at most {} tokens", batch,
                              runner.options().max_batch_tokens);
  }
  return {};
}

}  // namespace

ModelBenchSize size_of(const ModelBenchOptions& options) {
  ModelBenchSize size;
  for (const Test& test : make_tests(options)) {
    const std::int64_t pages = CachePool::pages_for(test.depth + test.fresh());
    size.cache_tokens = std::max(size.cache_tokens, test.batch * pages * kPageSize);
    size.sequences = std::max(size.sequences, test.batch);
  }
  return size;
}

Result<OpTotals> bench_model(Runner& runner, const ModelBenchOptions& options, const OpReport& report) {
  TAMIS_RETURN_IF_ERROR(check(runner, options));
  const Backend* backend = Registry::instance().backend(runner.device().info().backend);
  if (backend == nullptr) return not_found("{}: no backend", runner.device().info().backend);
  WeightPool pool(4ll << 30);
  const Bench bench{runner.device(), runner.queue(), pool, options.seed};
  TAMIS_ASSIGN_OR_RETURN(const Row machine, describe_run(bench, *backend, options.ceilings, report.message));
  return ModelRun(runner, options, report).run(machine);
}

}  // namespace tamis::bench
