// The outputs of two rows on one case, compared with each other.
#pragma once

#include "tests/harness/parity.h"
#include "tests/parity/report.h"

namespace tamis::parity {

// Fills the differences of `pair`, and `failure` where they are more than the contract explains:
//  - integers are equal, and so are bytes, unless the case compares in its own way;
//  - floats differ by no more than twice what each may be away from the oracle; where the case compares in
//  its
//    own way, each was held to the oracle that way, and the difference is only measured;
//  - keys selected by scores that a row computes itself differ only within the case's band around the
//  threshold.
void compare_outputs(const harness::Subject& subject, const harness::OutputBytes& a,
                     const harness::OutputBytes& b, PairRecord& pair);

// Keys that two rows select, by the oracle's scores.
struct SelectionDifference {
  std::int64_t keys = 0;    // a's and not b's
  std::int64_t tokens = 0;  // that have such keys
  double band = 0;          // the largest distance of one side's keys from the other's threshold, over the
                            // largest score of the token
};
// `scores` is [tokens, width], `a` and `b` are [tokens, k] with -1 behind the last key.
SelectionDifference compare_selections(std::span<const double> scores, std::span<const double> a,
                                       std::span<const double> b, std::size_t tokens);

}  // namespace tamis::parity
