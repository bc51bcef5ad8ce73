// Feeding given token sequences through a model and reading what it thinks of them: `tamis logits`,
// perplexity, tests.
#pragma once

#include <functional>
#include <vector>

#include "core/engine/runner.h"

namespace tamis {

struct ScoreOptions {
  // Sizes of the steps that a sequence is fed in; the last one repeats. Empty: as large as the runner allows.
  std::vector<std::int64_t> chunks;
  bool all_hidden = false;
  bool mtp = false;              // also teacher-forced MTP logits
  std::int64_t first_logit = 0;  // logits of positions from here on are computed and handed out
};

// What one step computed for one sequence: positions [first, first + n).
struct ScoredChunk {
  std::int64_t row = 0;  // sequence
  std::int64_t first = 0;
  std::int64_t n = 0;
  std::span<const float> logits;               // [n, V]; empty for a chunk before first_logit
  std::vector<std::span<const float>> hidden;  // with all_hidden: [layers + 1][n * H]
};
using ScoreSink = std::function<Status(const ScoredChunk&)>;

// Rows of one length advance together, as one batch, chunk by chunk. `sink` gets every chunk of every row in
// order; `mtp_sink` the MTP logits: position i is computed from the hidden state of token i and the embedding
// of token i + 1, and drafts token i + 2; there are T - 1 of them.
Status score_tokens(Runner& runner, const std::vector<std::vector<std::int32_t>>& rows,
                    const ScoreOptions& options, const ScoreSink& sink, const ScoreSink& mtp_sink = {});

// log(sum(exp(row))) - row[token], in double: the negative log likelihood of a token.
double negative_log_likelihood(std::span<const float> logits, std::int32_t token);

}  // namespace tamis
