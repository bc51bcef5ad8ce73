// Perplexity of a model over given token ids: how well it predicts each next token, in windows that do not
// overlap.
#pragma once

#include <functional>
#include <vector>

#include "core/engine/runner.h"

namespace tamis {

struct PerplexityOptions {
  // Window i of a row has the inputs [i * window, (i + 1) * window) and, for each, the next id as its target.
  std::int64_t window = 2048;
  std::function<void(std::int64_t done, std::int64_t total)> progress;  // windows
};

struct PerplexityResult {
  std::int64_t windows = 0;
  std::int64_t tokens = 0;  // targets
  double nll = 0;           // mean negative log likelihood of a target, nats
  double seconds = 0;

  double perplexity() const;
};

// As many whole windows as each row gives; ids left over are not scored, no token is added. kInvalidArgument
// if no row has window + 1 ids.
Result<PerplexityResult> measure_perplexity(Runner& runner,
                                            const std::vector<std::vector<std::int32_t>>& rows,
                                            const PerplexityOptions& options = {});

}  // namespace tamis
