#include "core/engine/compare_traces.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace tamis {
namespace {

using Json = nlohmann::ordered_json;

FloatDifference difference(const std::vector<float>& a, const std::vector<float>& b, std::int64_t width) {
  FloatDifference result;
  double squares = 0, reference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    double gap = std::abs(static_cast<double>(a[i]) - b[i]);
    if (std::isnan(gap))
      gap = std::isnan(a[i]) && std::isnan(b[i]) ? 0 : std::numeric_limits<double>::infinity();
    if (gap > result.max_abs) {
      result.max_abs = gap;
      result.worst_token = static_cast<std::int64_t>(i) / width;
    }
    squares += gap * gap;
    if (!std::isnan(b[i])) reference += static_cast<double>(b[i]) * b[i];
  }
  if (squares > 0) result.normalised = std::sqrt(squares / std::max(reference, 1e-300));
  return result;
}

std::vector<ChoiceDifference> compare_choices(const ModelTrace& a, const ModelTrace& b) {
  std::vector<ChoiceDifference> choices;
  for (std::int64_t t = 0; t < static_cast<std::int64_t>(a.ids.size()); ++t) {
    const float *x = a.logits.data() + t * a.vocab, *y = b.logits.data() + t * b.vocab;
    const auto token_a = std::max_element(x, x + a.vocab) - x, token_b = std::max_element(y, y + b.vocab) - y;
    if (token_a == token_b) continue;
    ChoiceDifference choice{t, static_cast<std::int32_t>(token_a), static_cast<std::int32_t>(token_b),
                            static_cast<double>(y[token_b]) - y[token_a], 0};
    for (std::int64_t v = 0; v < a.vocab; ++v)
      choice.largest_difference =
          std::max(choice.largest_difference, std::abs(static_cast<double>(x[v]) - y[v]));
    choices.push_back(choice);
  }
  return choices;
}

// The keys that one trace selects for a token, with their scores, 0 without.
using Selection = std::map<std::int32_t, double>;

struct Selections {
  const std::vector<std::int32_t>& keys;  // [T, k]
  const std::vector<float>* scores;       // [T, k] or null

  Selection token(std::size_t t, std::size_t k) const {
    Selection selection;
    for (std::size_t i = t * k; i < (t + 1) * k; ++i) {
      if (keys[i] >= 0) selection[keys[i]] = scores != nullptr ? static_cast<double>((*scores)[i]) : 0.0;
    }
    return selection;
  }
};

double worst_score(const Selection& selection) {
  double worst = std::numeric_limits<double>::infinity();
  for (const auto& [key, score] : selection) worst = std::min(worst, score);
  return worst;
}

// Of one token: what only `a` selects, and what that says about the band.
std::int64_t compare_selections(const Selection& a, const Selection& b, IndexDifference& result) {
  std::int64_t only_a = 0;
  const double threshold = worst_score(b);
  for (const auto& [key, score] : a) {
    const auto it = b.find(key);
    if (it != b.end()) {
      result.band = std::max(result.band, std::abs(score - it->second));
      continue;
    }
    ++only_a;
    result.beyond = std::max(result.beyond, score - threshold);
  }
  return only_a;
}

IndexDifference compare_indices(std::int64_t layer, const Selections& a, const Selections& b,
                                std::size_t tokens) {
  IndexDifference result;
  result.layer = layer;
  result.measured = a.scores != nullptr && b.scores != nullptr;
  const std::size_t k = a.keys.size() / tokens;
  for (std::size_t t = 0; t < tokens; ++t) {
    const Selection of_a = a.token(t, k), of_b = b.token(t, k);
    const auto same_key = [](const auto& x, const auto& y) { return x.first == y.first; };
    if (std::equal(of_a.begin(), of_a.end(), of_b.begin(), of_b.end(), same_key)) continue;
    ++result.tokens;
    result.keys += compare_selections(of_a, of_b, result);
    compare_selections(of_b, of_a, result);
  }
  return result;
}

// Scores that belong to the indices, or null.
const std::vector<float>* scores_of(const ModelTrace& trace, std::int64_t layer) {
  const auto it = trace.index_scores.find(layer);
  return it != trace.index_scores.end() && it->second.size() == trace.indices.at(layer).size() ? &it->second
                                                                                               : nullptr;
}

Status check_comparable(const ModelTrace& a, const ModelTrace& b) {
  if (a.ids != b.ids)
    return invalid_argument("the traces are of different tokens: {} and {}", a.ids.size(), b.ids.size());
  if (a.vocab != b.vocab || a.width != b.width || a.hidden.size() != b.hidden.size()) {
    return invalid_argument(
        "the traces are of different models: vocabulary {} and {}, width {} and {}, {} and {} layers",
        a.vocab, b.vocab, a.width, b.width, a.hidden.size(), b.hidden.size());
  }
  for (const auto& [layer, indices] : a.indices) {
    const auto it = b.indices.find(layer);
    if (it == b.indices.end() || it->second.size() != indices.size())
      return invalid_argument("the traces select differently many keys in layer {}", layer);
  }
  return {};
}

std::string selection_text(const IndexDifference& d) {
  std::string text = fmt::format("  selects {} other keys at {} tokens", d.keys, d.tokens);
  if (d.measured)
    text += fmt::format(": up to {:.3g} past the threshold, where scores differ by {:.3g}{}", d.beyond,
                        d.band, d.explained() ? "" : ": more than rounding explains");
  return text + "\n";
}

Json to_json(const FloatDifference& d) {
  return {{"max_abs", d.max_abs}, {"normalised", d.normalised}, {"worst_token", d.worst_token}};
}

}  // namespace

bool TraceComparison::agree(double tolerance) const {
  return logits.normalised <= tolerance &&
         std::all_of(choices.begin(), choices.end(),
                     [](const ChoiceDifference& c) { return c.explained(); }) &&
         std::all_of(indices.begin(), indices.end(), [](const IndexDifference& d) { return d.explained(); });
}

std::int64_t TraceComparison::first_layer_over(double tolerance) const {
  for (std::size_t i = 0; i < hidden.size(); ++i) {
    if (!(hidden[i].normalised <= tolerance)) return static_cast<std::int64_t>(i);
  }
  return -1;
}

Result<TraceComparison> compare_traces(const ModelTrace& a, const ModelTrace& b) {
  TAMIS_RETURN_IF_ERROR(check_comparable(a, b));
  TraceComparison result;
  result.device_a = a.device;
  result.device_b = b.device;
  for (std::size_t i = 0; i < a.hidden.size(); ++i)
    result.hidden.push_back(difference(a.hidden[i], b.hidden[i], a.width));
  result.logits = difference(a.logits, b.logits, a.vocab);
  result.choices = compare_choices(a, b);
  for (const auto& [layer, indices] : a.indices)
    result.indices.push_back(compare_indices(layer, {indices, scores_of(a, layer)},
                                             {b.indices.at(layer), scores_of(b, layer)}, a.ids.size()));
  const std::size_t drawn = std::min(a.greedy.size(), b.greedy.size());
  result.greedy_tokens = static_cast<std::int64_t>(drawn);
  const auto parted = std::mismatch(a.greedy.begin(), a.greedy.begin() + static_cast<std::ptrdiff_t>(drawn),
                                    b.greedy.begin());
  if (parted.first - a.greedy.begin() < static_cast<std::ptrdiff_t>(drawn))
    result.first_greedy_divergence = parted.first - a.greedy.begin();
  return result;
}

std::string comparison_text(const TraceComparison& c, double tolerance) {
  std::string text = fmt::format("{} against {}\n", c.device_a, c.device_b);
  text += fmt::format("{:<12} {:>12} {:>12} {:>8}\n", "", "max abs", "normalised", "token");
  const auto line = [&](const std::string& name, const FloatDifference& d) {
    text += fmt::format("{:<12} {:>12.3g} {:>12.3g} {:>8}{}\n", name, d.max_abs, d.normalised, d.worst_token,
                        d.normalised <= tolerance ? "" : "  over the tolerance");
  };
  for (std::size_t i = 0; i < c.hidden.size(); ++i) {
    line(i + 1 < c.hidden.size() ? fmt::format("layer {}", i) : "final norm", c.hidden[i]);
    const auto indices = std::find_if(c.indices.begin(), c.indices.end(), [i](const IndexDifference& d) {
      return d.layer == static_cast<std::int64_t>(i);
    });
    if (indices != c.indices.end() && indices->keys > 0) text += selection_text(*indices);
  }
  line("logits", c.logits);
  for (const ChoiceDifference& choice : c.choices) {
    text +=
        fmt::format("position {}: best token {} against {}, by {:.3g}{}\n", choice.position, choice.token_a,
                    choice.token_b, choice.gap, choice.explained() ? "" : ": more than rounding explains");
  }
  if (c.greedy_tokens > 0) {
    text += c.first_greedy_divergence < 0
                ? fmt::format("{} drawn tokens are equal\n", c.greedy_tokens)
                : fmt::format("drawn tokens part at {} of {}\n", c.first_greedy_divergence, c.greedy_tokens);
  }
  const std::int64_t layer = c.first_layer_over(tolerance);
  if (layer >= 0)
    text += fmt::format("first over the tolerance of {:.3g}: the input of layer {}\n", tolerance, layer);
  return text + (c.agree(tolerance) ? "agree\n" : "DISAGREE\n");
}

Json comparison_json(const TraceComparison& c, double tolerance) {
  Json hidden = Json::array(), indices = Json::array(), choices = Json::array();
  for (const FloatDifference& d : c.hidden) hidden.push_back(to_json(d));
  for (const IndexDifference& d : c.indices)
    indices.push_back({{"layer", d.layer},
                       {"tokens", d.tokens},
                       {"keys", d.keys},
                       {"band", d.measured ? Json(d.band) : Json()},
                       {"beyond", d.measured ? Json(d.beyond) : Json()},
                       {"explained", d.explained()}});
  for (const ChoiceDifference& d : c.choices) {
    choices.push_back({{"position", d.position},
                       {"a", d.token_a},
                       {"b", d.token_b},
                       {"gap", d.gap},
                       {"largest_difference", d.largest_difference},
                       {"explained", d.explained()}});
  }
  return {{"a", c.device_a},
          {"b", c.device_b},
          {"tolerance", tolerance},
          {"agree", c.agree(tolerance)},
          {"first_layer_over", c.first_layer_over(tolerance)},
          {"hidden", std::move(hidden)},
          {"indices", std::move(indices)},
          {"logits", to_json(c.logits)},
          {"choices", std::move(choices)},
          {"greedy_tokens", c.greedy_tokens},
          {"first_greedy_divergence", c.first_greedy_divergence}};
}

}  // namespace tamis
