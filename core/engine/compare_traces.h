// Two traces of one sequence side by side: where a model's numbers part between devices, and whether that
// changes what it says.
#pragma once

#include <nlohmann/json.hpp>

#include "core/engine/model_trace.h"

namespace tamis {

struct FloatDifference {
  double max_abs = 0;
  double normalised = 0;  // |a - b| / |b|, Euclidean, over all tokens; NaN against a number is infinite
  std::int64_t worst_token = 0;  // where max_abs is
};

// The best token of a position differs. `gap` is by how much `b` prefers its own to a's: rounding explains
// the difference if it is no more than twice the position's largest logit difference.
struct ChoiceDifference {
  std::int64_t position = 0;
  std::int32_t token_a = 0, token_b = 0;
  double gap = 0;
  double largest_difference = 0;
  bool explained() const { return gap <= 2 * largest_difference; }
};

struct IndexDifference {
  std::int64_t layer = 0;
  std::int64_t tokens = 0;  // whose selected keys differ, as sets
  std::int64_t keys = 0;    // selected by a and not by b, over all tokens
  // At those tokens. `band`: the largest difference between the two scores of a key that both select, which
  // is what rounding moved. `beyond`: by how much a key that only one selects passes the other's worst score.
  bool measured = false;  // both traces have scores
  double band = 0, beyond = 0;
  // A key may be moved by the band, and the threshold too. Equal scores select equal keys.
  bool explained() const { return keys == 0 || !measured || (band > 0 && beyond <= 2 * band); }
};

struct TraceComparison {
  std::string device_a, device_b;
  std::vector<FloatDifference> hidden;  // before layer i; the last after the final norm
  FloatDifference logits;
  std::vector<IndexDifference> indices;       // every indexer layer
  std::vector<ChoiceDifference> choices;      // positions whose best token differs
  std::int64_t first_greedy_divergence = -1;  // among the drawn tokens; -1: none
  std::int64_t greedy_tokens = 0;

  // Logits within the tolerance, and no choice and no selection that rounding does not explain. Drawn tokens
  // may part after an explained one, so they do not decide.
  bool agree(double tolerance) const;
  // First layer whose input exceeds the tolerance, -1: none. What broke lies in the layer before.
  std::int64_t first_layer_over(double tolerance) const;
};

// kInvalidArgument where the two are not of the same ids, model width, depth and vocabulary.
Result<TraceComparison> compare_traces(const ModelTrace& a, const ModelTrace& b);

std::string comparison_text(const TraceComparison& comparison, double tolerance);
nlohmann::ordered_json comparison_json(const TraceComparison& comparison, double tolerance);

}  // namespace tamis
