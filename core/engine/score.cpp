#include "core/engine/score.h"

#include <algorithm>
#include <cmath>

namespace tamis {
namespace {

// Chunk sizes for a sequence of `length` tokens, each at most `limit`.
class ChunkSizes {
 public:
  ChunkSizes(const std::vector<std::int64_t>& sizes, std::int64_t limit) : sizes_(sizes), limit_(limit) {}
  std::int64_t next(std::int64_t left) {
    std::int64_t size = limit_;
    if (!sizes_.empty()) size = sizes_[std::min(index_++, sizes_.size() - 1)];
    return std::min({size, limit_, left});
  }

 private:
  const std::vector<std::int64_t>& sizes_;
  std::int64_t limit_;
  std::size_t index_ = 0;
};

class SequenceGuard {
 public:
  explicit SequenceGuard(Runner& runner) : runner_(runner) {}
  ~SequenceGuard() {
    for (SequenceId id : ids_) runner_.free_sequence(id);
  }
  Status open(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      TAMIS_ASSIGN_OR_RETURN(const SequenceId id, runner_.new_sequence());
      ids_.push_back(id);
    }
    return {};
  }
  SequenceId operator[](std::size_t i) const { return ids_[i]; }

 private:
  Runner& runner_;
  std::vector<SequenceId> ids_;
};

Status check_rows(const std::vector<std::vector<std::int32_t>>& rows, const ScoreOptions& options) {
  if (rows.empty() || rows[0].empty()) return invalid_argument("no tokens to score");
  for (const auto& row : rows) {
    if (row.size() != rows[0].size()) {
      return invalid_argument("rows of one batch must have one length, found {} and {}", rows[0].size(),
                              row.size());
    }
  }
  for (std::int64_t size : options.chunks) {
    if (size < 1) return invalid_argument("chunk size {}: expected at least 1", size);
  }
  return {};
}

// One pass over all rows through the main model or the MTP module.
class Pass {
 public:
  Pass(Runner& runner, const std::vector<std::vector<std::int32_t>>& rows, const ScoreOptions& options,
       bool mtp)
      : runner_(runner), rows_(rows), options_(options), mtp_(mtp), sequences_(runner) {}

  // hidden[row]: [T, H] after the final norm; written by the main pass if wanted, read by the MTP pass.
  Status run(const ScoreSink& sink, std::vector<std::vector<float>>* hidden);

 private:
  std::vector<StepItem> items(std::int64_t first, std::int64_t n,
                              const std::vector<std::vector<float>>* hidden) const;
  Status hand_out(const StepResult& result, std::int64_t first, std::int64_t n, bool logits,
                  const ScoreSink& sink) const;

  Runner& runner_;
  const std::vector<std::vector<std::int32_t>>& rows_;
  const ScoreOptions& options_;
  bool mtp_;
  SequenceGuard sequences_;
};

std::vector<StepItem> Pass::items(std::int64_t first, std::int64_t n,
                                  const std::vector<std::vector<float>>* hidden) const {
  std::vector<StepItem> items;
  const std::int64_t width = runner_.config().hidden, shift = mtp_ ? 1 : 0;
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    StepItem item;
    item.sequence = sequences_[r];
    item.tokens.assign(rows_[r].begin() + first + shift, rows_[r].begin() + first + shift + n);
    item.logits = first + n > options_.first_logit ? StepItem::Logits::kAll : StepItem::Logits::kNone;
    if (mtp_) {
      const auto begin = (*hidden)[r].begin() + first * width;
      item.draft_hidden.assign(begin, begin + n * width);
    }
    items.push_back(std::move(item));
  }
  return items;
}

Status Pass::hand_out(const StepResult& result, std::int64_t first, std::int64_t n, bool logits,
                      const ScoreSink& sink) const {
  const auto vocab = static_cast<std::size_t>(runner_.config().vocab_size);
  const auto width = static_cast<std::size_t>(runner_.config().hidden), count = static_cast<std::size_t>(n);
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    ScoredChunk chunk;
    chunk.row = static_cast<std::int64_t>(r);
    chunk.first = first;
    chunk.n = n;
    if (logits) chunk.logits = std::span(result.logits).subspan(r * count * vocab, count * vocab);
    for (const std::vector<float>& layer : result.all_hidden) {
      chunk.hidden.push_back(std::span(layer).subspan(r * count * width, count * width));
    }
    TAMIS_RETURN_IF_ERROR(sink(chunk));
  }
  return {};
}

Status Pass::run(const ScoreSink& sink, std::vector<std::vector<float>>* hidden) {
  TAMIS_RETURN_IF_ERROR(sequences_.open(rows_.size()));
  const std::int64_t length = static_cast<std::int64_t>(rows_[0].size()) - (mtp_ ? 1 : 0);
  const std::int64_t limit = runner_.options().max_batch_tokens / static_cast<std::int64_t>(rows_.size());
  if (limit < 1)
    return invalid_argument("{} rows: a step holds {} tokens", rows_.size(),
                            runner_.options().max_batch_tokens);
  ChunkSizes sizes(options_.chunks, limit);
  StepOptions step;
  step.mtp = mtp_;
  step.keep_hidden = !mtp_ && hidden != nullptr;
  step.all_hidden = !mtp_ && options_.all_hidden;
  for (std::int64_t first = 0; first < length;) {
    const std::int64_t n = sizes.next(length - first);
    const std::vector<StepItem> batch = items(first, n, hidden);
    TAMIS_ASSIGN_OR_RETURN(const StepResult result, runner_.step(batch, step));
    TAMIS_RETURN_IF_ERROR(hand_out(result, first, n, batch[0].logits == StepItem::Logits::kAll, sink));
    if (step.keep_hidden) {
      const auto part = static_cast<std::ptrdiff_t>(n * runner_.config().hidden);
      for (std::size_t r = 0; r < rows_.size(); ++r) {
        const auto begin = result.hidden.begin() + static_cast<std::ptrdiff_t>(r) * part;
        (*hidden)[r].insert((*hidden)[r].end(), begin, begin + part);
      }
    }
    first += n;
  }
  return {};
}

}  // namespace

Status score_tokens(Runner& runner, const std::vector<std::vector<std::int32_t>>& rows,
                    const ScoreOptions& options, const ScoreSink& sink, const ScoreSink& mtp_sink) {
  TAMIS_RETURN_IF_ERROR(check_rows(rows, options));
  if (!options.mtp) return Pass(runner, rows, options, false).run(sink, nullptr);
  if (!runner.has_mtp()) return unsupported("this checkpoint has no MTP layer");
  std::vector<std::vector<float>> hidden(rows.size());
  TAMIS_RETURN_IF_ERROR(Pass(runner, rows, options, false).run(sink, &hidden));
  if (rows[0].size() < 2) return {};
  return Pass(runner, rows, options, true).run(mtp_sink, &hidden);
}

double negative_log_likelihood(std::span<const float> logits, std::int32_t token) {
  const double max = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (float value : logits) sum += std::exp(value - max);
  return max + std::log(sum) - logits[static_cast<std::size_t>(token)];
}

}  // namespace tamis
