#include "core/text/stop_matcher.h"

#include <algorithm>
#include <utility>

namespace tamis {

void StopMatcher::Stop::advance(char byte) {
  while (matched > 0 && text[matched] != byte) matched = fallback[matched];
  if (text[matched] == byte) ++matched;
}

Result<StopMatcher> StopMatcher::create(std::vector<std::string> stops) {
  std::vector<Stop> matchers;
  for (std::string& text : stops) {
    if (text.empty()) return invalid_argument("stop string {} is empty", matchers.size());
    std::vector<std::size_t> fallback(text.size() + 1, 0);
    std::size_t length = 0;
    for (std::size_t i = 1; i < text.size(); ++i) {
      while (length > 0 && text[i] != text[length]) length = fallback[length];
      if (text[i] == text[length]) ++length;
      fallback[i + 1] = length;
    }
    matchers.push_back({std::move(text), std::move(fallback), 0});
  }
  return StopMatcher(std::move(matchers));
}

StopMatcher::Output StopMatcher::push(std::string_view text) {
  Output output;
  if (found_) {
    output.stop = found_;
    return output;
  }
  std::size_t held = 0;
  for (const char byte : text) {
    held_ += byte;
    held = 0;
    for (std::size_t i = 0; i < stops_.size(); ++i) {
      Stop& stop = stops_[i];
      stop.advance(byte);
      held = std::max(held, stop.matched);
      if (stop.matched < stop.text.size()) continue;
      if (!found_ || stop.text.size() > stops_[*found_].text.size()) found_ = i;
    }
    if (found_) {
      held_.resize(held_.size() - stops_[*found_].text.size());
      output.text = std::exchange(held_, {});
      output.stop = found_;
      return output;
    }
  }
  if (text.empty()) return output;
  output.text = held_.substr(0, held_.size() - held);
  held_.erase(0, output.text.size());
  return output;
}

std::string StopMatcher::finish() { return std::exchange(held_, {}); }

}  // namespace tamis
