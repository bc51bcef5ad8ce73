// Finds stop strings in text that arrives in pieces. Text that could be the beginning of a stop string is
// held back, so no part of a stop string is ever given out, however the pieces are cut: the result depends on
// the text alone.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"

namespace tamis {

class StopMatcher {
 public:
  struct Output {
    std::string text;                 // certain not to belong to a stop string
    std::optional<std::size_t> stop;  // index of the stop string that was found; the text ends before it
  };

  // kInvalidArgument when a stop string is empty.
  static Result<StopMatcher> create(std::vector<std::string> stops);

  // The stop string that is complete first wins, of several complete at the same byte the longest. Once one
  // was found, all further text is dropped.
  Output push(std::string_view text);

  // The end of the text: gives out what is held back.
  std::string finish();

 private:
  // Knuth-Morris-Pratt: how much of the stop string the text ends in.
  struct Stop {
    std::string text;
    std::vector<std::size_t> fallback;  // [i]: longest proper prefix of text[0, i) that also ends it
    std::size_t matched = 0;

    void advance(char byte);
  };

  explicit StopMatcher(std::vector<Stop> stops) : stops_(std::move(stops)) {}

  std::vector<Stop> stops_;
  std::string held_;
  std::optional<std::size_t> found_;
};

}  // namespace tamis
