// Attention of one query over a list of keys, for the oracles: two plain passes in double.
#pragma once

#include <cmath>
#include <vector>

namespace tamis {

struct AttentionRow {
  std::vector<double> out;
  double lse = -INFINITY;
  double max = -INFINITY;
};

// key(j) and value(j) give vectors; the score is scale times the dot product of `query` and key(j).
template <class Key, class Value>
AttentionRow attend(const std::vector<double>& query, double scale, std::size_t keys, const Key& key,
                    const Value& value) {
  AttentionRow row;
  std::vector<double> scores(keys);
  for (std::size_t j = 0; j < keys; ++j) {
    const std::vector<double>& k = key(j);
    double dot = 0;
    for (std::size_t i = 0; i < query.size(); ++i) dot += query[i] * k[i];
    scores[j] = scale * dot;
    row.max = std::fmax(row.max, scores[j]);
  }
  double sum = 0;
  for (std::size_t j = 0; j < keys; ++j) {
    const std::vector<double>& v = value(j);
    const double weight = std::exp(scores[j] - row.max);
    row.out.resize(v.size());
    for (std::size_t i = 0; i < v.size(); ++i) row.out[i] += weight * v[i];
    sum += weight;
  }
  for (double& element : row.out) element /= sum;
  if (keys > 0) row.lse = row.max + std::log(sum);
  return row;
}

}  // namespace tamis
