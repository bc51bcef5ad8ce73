#include "bench/statistics.h"

#include <algorithm>
#include <cmath>

namespace tamis::bench {

double quantile(std::span<const double> sorted, double q) {
  const double rank = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(rank);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  const double share = rank - static_cast<double>(below);
  return sorted[below] * (1 - share) + sorted[above] * share;
}

Summary summarize(std::span<const double> values) {
  if (values.empty()) return {};
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const auto count = static_cast<double>(sorted.size());
  Summary s;
  for (double v : sorted) s.mean += v / count;
  double squares = 0;
  for (double v : sorted) squares += (v - s.mean) * (v - s.mean);
  s.stdev = sorted.size() > 1 ? std::sqrt(squares / (count - 1)) : 0.0;
  s.median = quantile(sorted, 0.5);
  s.low = quantile(sorted, 0.1);
  s.high = quantile(sorted, 0.9);
  s.min = sorted.front();
  s.max = sorted.back();
  return s;
}

double drift_percent(std::span<const double> round_medians) {
  if (round_medians.size() < 2) return 0;
  const auto [fastest, slowest] = std::minmax_element(round_medians.begin(), round_medians.end());
  return *fastest > 0 ? 100 * (*slowest / *fastest - 1) : 0.0;
}

double noise(const Summary& a, const Summary& b) {
  constexpr double kDecilesApart = 2.563;  // of a normal distribution, in standard deviations
  const double smaller = std::min(a.median, b.median);
  const double spread = std::max(a.high - a.low, b.high - b.low) / kDecilesApart;
  return std::max(
      {kBetweenRuns, kDriftFactor * std::max(a.drift, b.drift), smaller > 0 ? 2 * spread / smaller : 0.0});
}

bool differs(const Summary& a, const Summary& b) {
  const double gap = std::fabs(a.median - b.median), smaller = std::min(a.median, b.median);
  const bool apart = a.low > b.high || b.low > a.high;
  return apart && gap > noise(a, b) * smaller;
}

double predict(std::span<const Probe> probes, double tokens) {
  if (probes.empty()) return 0;
  const Probe& last = probes.back();
  if (probes.size() == 1) return last.seconds * tokens / last.tokens;
  const Probe& first = probes[probes.size() - 2];
  if (last.tokens <= first.tokens) return last.seconds * tokens / last.tokens;
  const double slope = std::max(0.0, (last.seconds - first.seconds) / (last.tokens - first.tokens));
  return last.seconds + slope * (tokens - last.tokens);
}

long long shrink(std::span<const Probe> probes, long long tokens, double limit) {
  while (tokens > 1 && predict(probes, static_cast<double>(tokens)) > limit)
    tokens = std::max(1ll, tokens / 4);
  return tokens;
}

}  // namespace tamis::bench
