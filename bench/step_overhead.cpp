#include "bench/step_overhead.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "bench/statistics.h"
#include "core/ops/residual_add/residual_add.h"

namespace tamis::bench {
namespace {

using namespace residual_add_operand;

constexpr int kRepetitions = 50;
constexpr double kWarmUpSeconds = 0.3;  // an idle GPU takes as long to raise its clocks

Tensor element(Buffer& buffer) {
  return {.desc = {DType::kF32, {1, 1}}, .buffer = &buffer, .offset = 0, .weight = nullptr};
}

// To and fro between two numbers, each time one more: a launch needs what the one before it wrote.
class Chain {
 public:
  static Result<std::unique_ptr<Chain>> make(const Bench& bench, std::span<const KernelRow> rows) {
    std::unique_ptr<Chain> chain(new Chain(bench.queue));
    const std::array<float, 3> start{0, 0, 1};
    for (std::size_t i = 0; i < start.size(); ++i) {
      TAMIS_ASSIGN_OR_RETURN(chain->buffers_[i], bench.device.alloc(sizeof(float)));
      TAMIS_RETURN_IF_ERROR(
          bench.queue.upload(*chain->buffers_[i], 0, std::as_bytes(std::span(&start[i], 1))));
    }
    TAMIS_RETURN_IF_ERROR(bench.queue.sync());
    for (std::size_t i = 0; i < 2; ++i) {
      std::array<Tensor, 3>& operands = chain->operands_[i];
      operands[kX] = element(*chain->buffers_[i]);
      operands[kDelta] = element(*chain->buffers_[2]);
      operands[kY] = element(*chain->buffers_[1 - i]);
      chain->calls_[i] = {&op::residual_add, &chain->params_, operands};
    }
    TAMIS_RETURN_IF_ERROR(chain->choose(bench.device, rows));
    return chain;
  }

  Status launch(int i) {
    const OpCall& call = calls_[static_cast<std::size_t>(i % 2)];
    queue_.log().set_current(row_, &call);
    Status status = row_->launch(queue_, call, scratch_);
    queue_.log().set_current(nullptr, nullptr);
    return status;
  }

 private:
  explicit Chain(Queue& queue) : queue_(queue) {}

  Status choose(Device& device, std::span<const KernelRow> rows) {
    row_ = choose_row(rows, device.info(), calls_[0]).row;
    if (row_ == nullptr) return not_found("no row of {} takes one element", op::residual_add.name);
    if (row_->workspace == nullptr) return {};
    scratch_.workspace_bytes = row_->workspace(device.info(), calls_[0]);
    TAMIS_ASSIGN_OR_RETURN(workspace_, device.alloc(std::max<std::int64_t>(1, scratch_.workspace_bytes)));
    scratch_.workspace = workspace_.get();
    return {};
  }

  Queue& queue_;
  const KernelRow* row_ = nullptr;
  ResidualAddParams params_;
  std::array<std::shared_ptr<Buffer>, 3> buffers_;
  std::shared_ptr<Buffer> workspace_;
  Scratch scratch_;
  std::array<std::array<Tensor, 3>, 2> operands_;  // of even and of odd launches
  std::array<OpCall, 2> calls_;
};

Result<double> replay_seconds(Queue& queue, Capture& capture) {
  const auto begin = std::chrono::steady_clock::now();
  TAMIS_RETURN_IF_ERROR(queue.replay(capture));
  TAMIS_RETURN_IF_ERROR(queue.sync());
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

Result<double> step_overhead_seconds(const Bench& bench, std::span<const KernelRow> rows) {
  TAMIS_ASSIGN_OR_RETURN(const std::unique_ptr<Chain> chain, Chain::make(bench, rows));
  TAMIS_RETURN_IF_ERROR(chain->launch(0));  // what is made when first used is not part of a step
  TAMIS_RETURN_IF_ERROR(bench.queue.sync());
  TAMIS_RETURN_IF_ERROR(bench.queue.begin_capture());
  Status launched;
  for (int i = 0; i < kStepLaunches && launched.ok(); ++i) launched = chain->launch(i);
  Result<std::unique_ptr<Capture>> capture = bench.queue.end_capture();
  TAMIS_RETURN_IF_ERROR(launched);
  TAMIS_RETURN_IF_ERROR(capture.status());
  std::vector<double> seconds;
  for (double warm = 0; static_cast<int>(seconds.size()) < kRepetitions;) {
    TAMIS_ASSIGN_OR_RETURN(const double once, replay_seconds(bench.queue, **capture));
    if (warm >= kWarmUpSeconds) seconds.push_back(once);
    warm += once;
  }
  return summarize(seconds).median;
}

}  // namespace tamis::bench
