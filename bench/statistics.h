// What a list of times says, and whether two lists differ by more than their own spread.
#pragma once

#include <span>
#include <vector>

namespace tamis::bench {

struct Summary {
  double median = 0, mean = 0, stdev = 0, min = 0, max = 0;  // all 0 for an empty list
  double low = 0, high = 0;                                  // 10th and 90th percentile
};
Summary summarize(std::span<const double> values);

// Linear between the two nearest ranks; `sorted` ascending and not empty, q in [0, 1].
double quantile(std::span<const double> sorted, double q);

// Times of one call wander by some percent between two runs of one program (placement of its memory, clocks)
// even where each run by itself is steady. A smaller difference of medians is never reported.
inline constexpr double kBetweenRuns = 0.05;

// True only if all three hold: the medians differ by more than kBetweenRuns, by more than twice the larger
// standard deviation, and the ranges from the 10th to the 90th percentile do not touch.
bool differs(const Summary& a, const Summary& b);

// One probe: a launch over `tokens` tokens took `seconds`.
struct Probe {
  double tokens, seconds;
};
// The time at `tokens`, by the line through two probes (what a launch costs, and what a token costs); never
// less than the later probe's time. One probe: in proportion.
double predict(std::span<const Probe> probes, double tokens);

// The largest token count, `tokens` quartered as often as needed (at least 1), that is predicted to take at
// most `limit` seconds. Coarse steps, so that two runs seldom come to different shapes.
long long shrink(std::span<const Probe> probes, long long tokens, double limit);

}  // namespace tamis::bench
