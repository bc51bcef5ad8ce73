#include "core/engine/perplexity.h"

#include <chrono>
#include <cmath>

#include "core/engine/score.h"

namespace tamis {
namespace {

std::int64_t count_windows(const std::vector<std::int32_t>& row, std::int64_t window) {
  return row.empty() ? 0 : (static_cast<std::int64_t>(row.size()) - 1) / window;
}

// Sum over the targets of the window at `first`.
Result<double> window_nll(Runner& runner, const std::vector<std::int32_t>& row, std::int64_t first,
                          std::int64_t window) {
  const auto begin = row.begin() + first;
  const auto vocab = static_cast<std::size_t>(runner.config().vocab_size);
  double sum = 0;
  const auto sink = [&](const ScoredChunk& chunk) {
    for (std::int64_t i = 0; i < chunk.n; ++i) {
      const std::int32_t target = begin[chunk.first + i + 1];
      sum +=
          negative_log_likelihood(chunk.logits.subspan(static_cast<std::size_t>(i) * vocab, vocab), target);
    }
    return Status();
  };
  TAMIS_RETURN_IF_ERROR(score_tokens(runner, {{begin, begin + window}}, {}, sink));
  return sum;
}

// The model checks its inputs; the last target of a window is not one of them.
Status check_ids(const std::vector<std::int32_t>& row, std::int64_t vocab) {
  for (std::int32_t id : row) {
    if (id < 0 || id >= vocab) return invalid_argument("token id {}: expected 0 to {}", id, vocab - 1);
  }
  return {};
}

}  // namespace

double PerplexityResult::perplexity() const { return std::exp(nll); }

Result<PerplexityResult> measure_perplexity(Runner& runner,
                                            const std::vector<std::vector<std::int32_t>>& rows,
                                            const PerplexityOptions& options) {
  if (options.window < 1) return invalid_argument("window {}: expected at least 1", options.window);
  std::int64_t total = 0;
  for (const auto& row : rows) {
    TAMIS_RETURN_IF_ERROR(check_ids(row, runner.config().vocab_size));
    total += count_windows(row, options.window);
  }
  if (total == 0) return invalid_argument("no row holds a window: one takes {} ids", options.window + 1);
  const auto start = std::chrono::steady_clock::now();
  PerplexityResult result;
  double sum = 0;
  for (const auto& row : rows) {
    for (std::int64_t i = 0; i < count_windows(row, options.window); ++i) {
      TAMIS_ASSIGN_OR_RETURN(const double nll, window_nll(runner, row, i * options.window, options.window));
      sum += nll;
      ++result.windows;
      if (options.progress) options.progress(result.windows, total);
    }
  }
  result.tokens = result.windows * options.window;
  result.nll = sum / static_cast<double>(result.tokens);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace tamis
