// What a list of times says, and whether two lists differ by more than their own spread.
#pragma once

#include <span>
#include <vector>

namespace tamis::bench {

struct Summary {
  double median = 0, mean = 0, stdev = 0, min = 0, max = 0;  // all 0 for an empty list
  double low = 0, high = 0;                                  // 10th and 90th percentile
  double drift =
      0;  // between medians of rounds of one run, as a share of the fastest; summarize() leaves it 0
};
Summary summarize(std::span<const double> values);

// Linear between the two nearest ranks; `sorted` ascending and not empty, q in [0, 1].
double quantile(std::span<const double> sorted, double q);

// 100 * (slowest / fastest - 1); 0 for fewer than two.
double drift_percent(std::span<const double> round_medians);

// Times of one call wander by some percent between two runs of one program (placement of its memory, clocks)
// even where each run by itself is steady. A smaller difference of medians is never reported.
inline constexpr double kBetweenRuns = 0.05;
// Two rounds of one run see a part of what two runs see: times this.
inline constexpr double kDriftFactor = 2;

// How far apart two medians may be, as a share of the smaller, before it says anything: the largest of
// kBetweenRuns, kDriftFactor times the drift of either, and twice the spread of either. The spread is the
// standard deviation of a normal distribution with the same 10th and 90th percentile: one launch that the
// system interrupted does not widen it.
double noise(const Summary& a, const Summary& b);

// True only if the medians differ by more than the noise, and the ranges from the 10th to the 90th percentile
// do not touch.
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
