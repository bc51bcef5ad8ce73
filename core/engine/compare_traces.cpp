#include "core/engine/compare_traces.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

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

IndexDifference compare_indices(std::int64_t layer, const std::vector<std::int32_t>& a,
                                const std::vector<std::int32_t>& b, std::size_t tokens) {
  IndexDifference result{layer, 0, 0};
  const std::size_t k = a.size() / tokens;
  for (std::size_t t = 0; t < tokens; ++t) {
    const auto begin = static_cast<std::ptrdiff_t>(t * k), end = static_cast<std::ptrdiff_t>((t + 1) * k);
    const std::set<std::int32_t> of_b(b.begin() + begin, b.begin() + end);
    const auto missing = std::count_if(a.begin() + begin, a.begin() + end,
                                       [&](std::int32_t key) { return of_b.count(key) == 0; });
    result.tokens += missing > 0 ? 1 : 0;
    result.keys += missing;
  }
  return result;
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

Json to_json(const FloatDifference& d) {
  return {{"max_abs", d.max_abs}, {"normalised", d.normalised}, {"worst_token", d.worst_token}};
}

}  // namespace

bool TraceComparison::agree(double tolerance) const {
  return logits.normalised <= tolerance &&
         std::all_of(choices.begin(), choices.end(), [](const ChoiceDifference& c) { return c.explained(); });
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
    result.indices.push_back(compare_indices(layer, indices, b.indices.at(layer), a.ids.size()));
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
    if (indices != c.indices.end() && indices->keys > 0)
      text += fmt::format("  selects {} other keys at {} tokens\n", indices->keys, indices->tokens);
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
    indices.push_back({{"layer", d.layer}, {"tokens", d.tokens}, {"keys", d.keys}});
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
