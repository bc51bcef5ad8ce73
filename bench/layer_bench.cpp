#include "bench/layer_bench.h"

#include <algorithm>
#include <optional>
#include <set>

#include "bench/cache_fill.h"
#include "bench/machine.h"
#include "bench/observer.h"
#include "bench/statistics.h"
#include "bench/step_rows.h"
#include "core/model/random_model.h"

namespace tamis::bench {
namespace {

constexpr int kTracedRuns = 3;
constexpr double kEnoughSeconds = 0.05;  // of steps, over all rounds

// One step of the grid: each of `batch` sequences gets `fresh` tokens and has `context` afterwards.
struct Point {
  std::int64_t batch = 1, context = 1, fresh = 1, asked = 1;
  bool prefill = false;

  std::string name() const {
    return prefill ? fmt::format("prefill p{} b{} c{}", asked, batch, context)
                   : fmt::format("decode b{} c{}", batch, context);
  }
  std::vector<StepShape> shapes() const {
    return std::vector<StepShape>(static_cast<std::size_t>(batch), StepShape{fresh, context});
  }
};

std::vector<Point> make_points(const LayerOptions& options) {
  std::vector<Point> points;
  for (std::int64_t context : options.contexts) {
    for (std::int64_t batch : options.batches) {
      if (options.decode) points.push_back({batch, context, 1, 1, false});
      std::set<std::int64_t> seen;
      for (std::int64_t prompt : options.prompts) {
        const std::int64_t fresh = std::min(prompt, context);
        if (options.prefill && seen.insert(fresh).second)
          points.push_back({batch, context, fresh, fresh, true});
      }
    }
  }
  return points;
}

RunnerOptions sized(const RunnerOptions& base, const std::vector<Point>& points, LayerPart part) {
  RunnerOptions options = base;
  options.cache_tokens = options.max_batch_tokens = options.max_sequences = 1;
  for (const Point& p : points) {
    options.cache_tokens =
        std::max(options.cache_tokens, p.batch * CachePool::pages_for(p.context) * kPageSize);
    options.max_batch_tokens = std::max(options.max_batch_tokens, p.batch * p.fresh);
    options.max_sequences = std::max(options.max_sequences, p.batch);
  }
  options.layers_only = part != LayerPart::kEnds;
  options.mtp = false;
  return options;
}

// A part of the model, loaded.
class PartRun {
 public:
  PartRun(const LayerOptions& options, const Row& machine, Observer& observer)
      : options_(options), machine_(machine), observer_(observer), pool_(0) {}

  Status load(LayerPart part, const std::vector<Point>& points, const Message& message) {
    part_ = part;
    TAMIS_ASSIGN_OR_RETURN(const ModelConfig config, cut_part(options_.model, part, options_.experts));
    const RunnerOptions runner = sized(options_.runner, points, part);
    std::vector<std::vector<StepShape>> steps;
    for (const Point& point : points) steps.push_back(point.shapes());
    TAMIS_ASSIGN_OR_RETURN(need_, layer_need(config, runner, steps));
    TAMIS_RETURN_IF_ERROR(check_memory(need_, runner));
    message(fmt::format("{} {}: making {:.1f} GB of random weights, {:.1f} GB of cache",
                        family_name(config.family), part_name(part),
                        static_cast<double>(need_.generated) * 1e-9,
                        static_cast<double>(need_.device.cache) * 1e-9));
    reset_host_peak();
    TAMIS_ASSIGN_OR_RETURN(std::unique_ptr<Checkpoint> checkpoint, random_checkpoint(config, options_.seed));
    TAMIS_ASSIGN_OR_RETURN(runner_, Runner::create(config, std::move(checkpoint), runner));
    TAMIS_RETURN_IF_ERROR(fill_caches(*runner_, options_.seed));
    bench_.emplace(Bench{runner_->device(), runner_->queue(), pool_, options_.seed});
    TAMIS_ASSIGN_OR_RETURN(flusher_, Flusher::make(*bench_));
    if (part == LayerPart::kEnds) return {};
    const std::int64_t elements = runner.max_batch_tokens * config.hidden;
    TAMIS_RETURN_IF_ERROR(fill_stream(*runner_, step_input::kStreamIn, elements, options_.seed + 1));
    return fill_stream(*runner_, step_input::kDeltaIn, elements, options_.seed + 2);
  }

  // Quarters the new tokens of a prefill step until it is predicted to take no longer than asked.
  Status shrink_point(Point& point) {
    if (!point.prefill || point.fresh < 2) return {};
    std::vector<Probe> probes;
    for (std::int64_t divisor : {64, 16}) {
      Point few = point;
      few.fresh = std::max<std::int64_t>(1, point.fresh / divisor);
      if (!probes.empty() && static_cast<double>(few.fresh) <= probes.back().tokens) break;
      TAMIS_ASSIGN_OR_RETURN(Plan * plan, set_step(few));
      const auto work = [&] { return submit(*plan); };
      TAMIS_RETURN_IF_ERROR(time_once(runner_->queue(), work).status());
      TAMIS_ASSIGN_OR_RETURN(const double seconds, time_once(runner_->queue(), work));
      probes.push_back({static_cast<double>(few.fresh), seconds});
      if (predict(probes, static_cast<double>(point.fresh)) <= options_.longest_seconds) return {};
      if (seconds > options_.longest_seconds) break;
    }
    point.fresh = shrink(probes, point.fresh, options_.longest_seconds);
    return {};
  }

  Result<Row> describe(const Point& point) {
    TAMIS_ASSIGN_OR_RETURN(Plan * plan, set_step(point));
    Row row = machine_;
    row.op = kLayerRow;
    row.model = family_name(options_.model.family);
    row.case_name = fmt::format("{} {} {}", row.model, part_name(part_), point.name());
    row.chosen = true;
    row.tokens = point.batch * point.fresh, row.asked_tokens = point.batch * point.asked;
    row.batch = point.batch, row.depth = point.context - point.fresh;
    (point.prefill ? row.prompt : row.generated) = point.fresh;
    describe_part(point, row);
    describe_plan(*plan, row);
    TAMIS_RETURN_IF_ERROR(count_experts(*plan, point, row));
    Trace trace;
    for (int i = 0; i < kTracedRuns; ++i)
      TAMIS_RETURN_IF_ERROR(plan->run(runner_->queue(), runner_->host_queue(), &trace));
    row.shares = shares_of(trace);
    for (Share& share : row.shares) share.us /= kTracedRuns;
    return row;
  }

  // Microseconds of one round of steps.
  Result<std::vector<double>> measure(const Point& point, Row& row) {
    TAMIS_ASSIGN_OR_RETURN(Plan * plan, set_step(point));
    const auto work = [&] { return submit(*plan); };
    std::function<Status()> before;
    if (row.flush == "cold") before = [&] { return flusher_->flush(); };
    const std::string warnings = row.warnings;
    observer_.begin();
    TAMIS_RETURN_IF_ERROR(time_once(runner_->queue(), work).status());  // warm-up
    const Repetitions repetitions{.least = (options_.repetitions + options_.rounds - 1) / options_.rounds,
                                  .enough_seconds = kEnoughSeconds / static_cast<double>(options_.rounds)};
    TAMIS_ASSIGN_OR_RETURN(std::vector<double> samples,
                           time_each(runner_->queue(), work, before, repetitions));
    for (double& sample : samples) sample *= 1e6;
    observer_.end(row);
    if (row.warnings.empty()) row.warnings = warnings;  // of an earlier round
    const std::int64_t mapped = need_.host_copy() ? 0 : need_.generated;
    row.device_bytes = runner_->resident_bytes() + mapped;
    row.host_peak_bytes = host_peak_bytes();
    return samples;
  }

 private:
  Status submit(Plan& plan) { return plan.submit(runner_->queue(), runner_->host_queue()); }

  // Runs the step once, which leaves its inputs on the device, and gives back its plan.
  Result<Plan*> set_step(const Point& point) {
    std::vector<StepItem> items(static_cast<std::size_t>(point.batch));
    const bool ends = part_ == LayerPart::kEnds;
    std::int32_t token = 0;
    for (StepItem& item : items) {
      TAMIS_ASSIGN_OR_RETURN(item.sequence, runner_->new_sequence());
      TAMIS_RETURN_IF_ERROR(runner_->assume_cached(item.sequence, point.context - point.fresh));
      item.tokens.resize(static_cast<std::size_t>(point.fresh));
      for (std::int32_t& id : item.tokens) {
        id = token;
        token = static_cast<std::int32_t>((token + 7919) % runner_->config().vocab_size);
      }
      item.logits = ends ? StepItem::Logits::kLast : StepItem::Logits::kNone;
    }
    StepOptions options;
    options.layers_only = !ends;
    const StepKey key = runner_->key_for(items, options);
    const Status status = runner_->step(items, options).status();
    for (const StepItem& item : items) runner_->free_sequence(item.sequence);
    TAMIS_RETURN_IF_ERROR(status);
    return runner_->plan(key);
  }

  void describe_part(const Point& point, Row& row) const {
    const ModelConfig& config = runner_->config();
    std::string part = part_ == LayerPart::kEnds ? "embedding, norm and head"
                                                 : fmt::format("one {} layer", part_name(part_));
    if (part_ == LayerPart::kMoe)
      part += fmt::format(" with {} of {} experts", config.moe.n_experts, options_.model.moe.n_experts);
    row.shape = fmt::format("{} of {}, {}; {} sequences x {} new tokens, {} in all", part, row.model,
                            describe_precision(config, runner_->options().precision), point.batch,
                            point.fresh, point.context);
    row.note = part_ == LayerPart::kEnds ? "random weights"
                                         : "random weights; cache filled with random rows, not by a prefill";
    if (point.fresh != point.asked)
      row.note += fmt::format("; shrunk from {} to {} new tokens a sequence", point.asked, point.fresh);
  }

  Status count_experts(const Plan& plan, const Point& point, Row& row) {
    if (part_ != LayerPart::kMoe) return {};
    TAMIS_ASSIGN_OR_RETURN(const Tensor ids, plan.output("experts_0"));
    std::vector<std::int32_t> host(static_cast<std::size_t>(ids.desc.elements()));
    TAMIS_RETURN_IF_ERROR(
        runner_->queue().download(std::as_writable_bytes(std::span(host)), *ids.buffer, ids.offset));
    TAMIS_RETURN_IF_ERROR(runner_->queue().sync());
    const auto real = static_cast<std::size_t>(point.batch * point.fresh * ids.desc.dim(1));
    const std::set<std::int32_t> hit(host.begin(), host.begin() + static_cast<std::ptrdiff_t>(real));
    row.note += fmt::format("; {} experts hit", hit.size());
    return {};
  }

  const LayerOptions& options_;
  const Row& machine_;
  Observer& observer_;
  WeightPool pool_;
  LayerPart part_ = LayerPart::kMoe;
  LayerNeed need_;
  std::unique_ptr<Runner> runner_;
  std::optional<Bench> bench_;
  std::unique_ptr<Flusher> flusher_;
};

struct Measured {
  Row row;
  std::vector<std::vector<double>> rounds_us;
};

Status check(const LayerOptions& options) {
  for (const std::string& flush : options.flush) {
    if (flush != "cold" && flush != "warm")
      return invalid_argument("flush: expected cold or warm, found {}", flush);
  }
  if (options.repetitions < 5 || options.rounds < 1)
    return invalid_argument("repetitions: expected at least 5 in at least 1 round, found {} in {}",
                            options.repetitions, options.rounds);
  if (options.parts.empty() || options.batches.empty() || options.contexts.empty() || options.prompts.empty())
    return invalid_argument("bench layer: an empty list of parts, batches, contexts or prompts");
  return {};
}

class LayerBench {
 public:
  LayerBench(const LayerOptions& options, const OpReport& report, Device& device)
      : options_(options), report_(report), observer_(device.info()), points_(make_points(options)) {}

  Result<OpTotals> run(const Row& machine) {
    for (LayerPart part : options_.parts) TAMIS_RETURN_IF_ERROR(run_part(part, machine));
    report_projections();
    return totals_;
  }

 private:
  Status run_part(LayerPart part, const Row& machine) {
    if (count_parts(options_.model, part) == 0) return {};
    PartRun run(options_, machine, observer_);
    TAMIS_RETURN_IF_ERROR(run.load(part, points_, report_.message));
    if (!shrunk_) {
      for (Point& point : points_) TAMIS_RETURN_IF_ERROR(run.shrink_point(point));
      shrunk_ = true;
    }
    std::vector<Measured> measured;
    for (std::int64_t round = 0; round < options_.rounds; ++round) {
      std::size_t at = 0;
      for (const Point& point : points_) {
        for (const std::string& flush : options_.flush) {
          if (round == 0) {
            TAMIS_ASSIGN_OR_RETURN(Row row, run.describe(point));
            row.flush = flush;
            measured.push_back({std::move(row), {}});
          }
          Measured& one = measured[at++];
          TAMIS_ASSIGN_OR_RETURN(std::vector<double> samples, run.measure(point, one.row));
          one.rounds_us.push_back(std::move(samples));
        }
      }
    }
    for (Measured& one : measured) {
      set_rounds(one.row, one.rounds_us);
      report_.row(one.row);
      ++totals_.measured;
    }
    rows_.emplace_back();
    for (Measured& one : measured) rows_.back().push_back(std::move(one.row));
    counts_.push_back(count_parts(options_.model, part));
    return {};
  }

  void report_projections() {
    const std::set<LayerPart> asked(options_.parts.begin(), options_.parts.end());
    if (asked.size() < 3) return report_.message("no projection: it needs all of dense, moe and ends");
    for (std::size_t i = 0; i < rows_.front().size(); ++i) {
      std::vector<Row> parts;
      for (const std::vector<Row>& rows : rows_) parts.push_back(rows[i]);
      report_.row(project(parts, counts_));
    }
  }

  const LayerOptions& options_;
  const OpReport& report_;
  Observer observer_;
  std::vector<Point> points_;
  bool shrunk_ = false;
  OpTotals totals_;
  std::vector<std::vector<Row>> rows_;  // by part
  std::vector<std::int64_t> counts_;
};

void add_shares(const Row& part, double times, Row& row) {
  for (const Share& share : part.shares) {
    auto same = std::find_if(row.shares.begin(), row.shares.end(),
                             [&](const Share& other) { return other.op == share.op; });
    if (same == row.shares.end()) same = row.shares.insert(same, {share.op, share.kernel, 0, 0});
    same->us += times * share.us;
  }
}

void finish_shares(Row& row) {
  double total = 0;
  for (const Share& share : row.shares) total += share.us;
  for (Share& share : row.shares) share.percent = total > 0 ? 100 * share.us / total : 0.0;
  std::sort(row.shares.begin(), row.shares.end(), [](const Share& a, const Share& b) { return a.us > b.us; });
}

}  // namespace

Row project(const std::vector<Row>& parts, const std::vector<std::int64_t>& counts) {
  Row row = parts.front();
  row.op = kProjectionRow;
  row.shares.clear();
  row.samples_us.clear();
  row.rounds_us.clear();
  row.median_us = row.mean_us = row.stdev_us = row.min_us = row.p10_us = row.p90_us = row.max_us = 0;
  row.flops = row.bytes = row.floor_us = 0;
  row.warnings.clear();
  std::string sum;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Row& part = parts[i];
    const auto times = static_cast<double>(counts[i]);
    row.median_us += times * part.median_us, row.mean_us += times * part.mean_us;
    row.stdev_us += times * part.stdev_us, row.min_us += times * part.min_us;
    row.p10_us += times * part.p10_us, row.p90_us += times * part.p90_us, row.max_us += times * part.max_us;
    row.flops += times * part.flops, row.bytes += times * part.bytes, row.floor_us += times * part.floor_us;
    row.drift_percent = std::max(row.drift_percent, part.drift_percent);
    row.device_bytes = 0, row.host_peak_bytes = 0;
    const std::string name = part.case_name.substr(part.model.size() + 1);
    sum += fmt::format("{}{} x {} {:.4g} ms", i == 0 ? "" : " + ", counts[i], name.substr(0, name.find(' ')),
                       part.median_us * 1e-3);
    if (row.warnings.empty()) row.warnings = part.warnings;
    add_shares(part, times, row);
  }
  finish_shares(row);
  const std::string name = row.case_name.substr(row.model.size() + 1);
  row.case_name = fmt::format("{} whole {}", row.model, name.substr(name.find(' ') + 1));
  row.shape = parts.front().shape;
  for (const Row& part : parts) {
    if (part.shape.find("experts") != std::string::npos) row.shape = part.shape;
  }
  row.note = "projection, not a measurement: " + sum;
  row.tflops = row.flops / row.median_us * 1e-6;
  row.gbs = row.bytes / row.median_us * 1e-3;
  row.floor_percent = 100 * row.floor_us / row.median_us;
  row.memory_percent = row.matrix_percent = 0;
  row.tokens_per_second = static_cast<double>(row.tokens) / row.median_us * 1e6;
  row.tokens_per_second_stdev = row.tokens_per_second * row.stdev_us / row.median_us;
  return row;
}

Result<OpTotals> bench_layers(const LayerOptions& options, const OpReport& report) {
  TAMIS_RETURN_IF_ERROR(check(options));
  TAMIS_ASSIGN_OR_RETURN(const std::shared_ptr<Device> device,
                         Registry::instance().device(options.runner.device));
  const Backend* backend = Registry::instance().backend(device->info().backend);
  if (backend == nullptr) return not_found("{}: no backend", options.runner.device);
  Row machine;
  {
    TAMIS_ASSIGN_OR_RETURN(const std::unique_ptr<Queue> queue, device->create_queue());
    WeightPool pool(4ll << 30);
    const Bench bench{*device, *queue, pool, options.seed};
    TAMIS_ASSIGN_OR_RETURN(machine, describe_run(bench, *backend, options.ceilings, report.message));
  }
  return LayerBench(options, report, *device).run(machine);
}

}  // namespace tamis::bench
