#include "tests/parity/pairs.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace tamis::parity {
namespace {

using harness::Subject;

struct OperandPair {
  const Subject& subject;
  std::size_t operand;
  std::span<const std::byte> a, b;

  const TensorDesc& desc() const { return subject.expected[operand].desc; }
  const char* name() const { return subject.op->operands[operand].name; }
  bool own_comparison() const { return static_cast<bool>(subject.test_case->compare); }
};

std::string compare_floats(const OperandPair& p, PairRecord& pair) {
  const harness::FloatError error =
      harness::float_error(p.desc().dtype, harness::decode(p.desc().dtype, p.b), p.a);
  pair.worst = std::max(pair.worst, error.worst);
  pair.normalised = std::max(pair.normalised, error.normalised);
  const double allowed = 2 * allowed_error(p.subject.op->tolerance, p.desc().dtype);
  if (p.own_comparison() || error.worst <= allowed) return {};
  return fmt::format("{}[{}]: {} against {} (error {:.3g}, twice the contract is {:.3g})", p.name(), error.at,
                     error.found, error.expected, error.worst, allowed);
}

std::string compare_integers(const OperandPair& p) {
  const std::vector<double> a = harness::decode(p.desc().dtype, p.a),
                            b = harness::decode(p.desc().dtype, p.b);
  const auto at = static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin()).first - a.begin());
  return at == a.size() ? std::string() : fmt::format("{}[{}]: {} against {}", p.name(), at, a[at], b[at]);
}

std::string compare_selected(const OperandPair& p, PairRecord& pair) {
  const SelectionDifference difference =
      compare_selections(p.subject.test_case->scores(p.subject.call()), harness::decode(p.desc().dtype, p.a),
                         harness::decode(p.desc().dtype, p.b), static_cast<std::size_t>(p.desc().dim(0)));
  pair.keys = difference.keys;
  pair.tokens = difference.tokens;
  pair.band = difference.band;
  const double allowed = p.subject.test_case->score_band;
  if (difference.band <= allowed) return {};
  return fmt::format("{}: {} keys of {} tokens differ, up to {:.3g} from the threshold (allowed {:.3g})",
                     p.name(), difference.keys, difference.tokens, difference.band, allowed);
}

std::string compare_operands(const OperandPair& p, PairRecord& pair) {
  if (std::equal(p.a.begin(), p.a.end(), p.b.begin(), p.b.end())) return {};
  pair.same_bits = false;
  if (is_float(p.desc().dtype)) return compare_floats(p, pair);
  if (p.subject.test_case->selected == static_cast<int>(p.operand)) return compare_selected(p, pair);
  // A packed cache of a case with a comparison of its own; and what follows from the selected keys.
  if (p.own_comparison() && (p.desc().dtype == DType::kU8 || p.subject.test_case->scores)) return {};
  return compare_integers(p);
}

// Distances of the keys in `keys` and not in `others` from the others' threshold, their worst score.
double distance(std::span<const double> scores, const std::set<std::int64_t>& keys,
                const std::set<std::int64_t>& others) {
  const auto score = [&](std::int64_t key) {
    return key >= 0 && key < static_cast<std::int64_t>(scores.size())
               ? scores[static_cast<std::size_t>(key)]
               : -std::numeric_limits<double>::infinity();
  };
  double threshold = std::numeric_limits<double>::infinity(), far = 0;
  for (std::int64_t key : others) threshold = std::min(threshold, score(key));
  for (std::int64_t key : keys) {
    if (others.count(key) == 0) far = std::max(far, std::fabs(score(key) - threshold));
  }
  return far;
}

std::set<std::int64_t> keys_of(std::span<const double> row) {
  std::set<std::int64_t> keys;
  for (double key : row) {
    if (key != -1) keys.insert(static_cast<std::int64_t>(key));
  }
  return keys;
}

}  // namespace

SelectionDifference compare_selections(std::span<const double> scores, std::span<const double> a,
                                       std::span<const double> b, std::size_t tokens) {
  SelectionDifference result;
  const std::size_t width = scores.size() / tokens, k = a.size() / tokens;
  for (std::size_t t = 0; t < tokens; ++t) {
    const std::set<std::int64_t> of_a = keys_of(a.subspan(t * k, k)), of_b = keys_of(b.subspan(t * k, k));
    if (of_a == of_b) continue;
    ++result.tokens;
    result.keys +=
        std::count_if(of_a.begin(), of_a.end(), [&](std::int64_t key) { return !of_b.count(key); });
    const std::span<const double> row = scores.subspan(t * width, width);
    double largest = 0;
    for (double score : row) largest = std::isfinite(score) ? std::max(largest, std::fabs(score)) : largest;
    const double far = std::max(distance(row, of_a, of_b), distance(row, of_b, of_a));
    result.band = std::max(result.band, far > 0 ? far / largest : 0.0);
  }
  return result;
}

void compare_outputs(const Subject& subject, const harness::OutputBytes& a, const harness::OutputBytes& b,
                     PairRecord& pair) {
  for (std::size_t i = 0; i < subject.expected.size(); ++i) {
    if (!subject.written(i)) continue;
    std::string failure = compare_operands({subject, i, a[i], b[i]}, pair);
    if (pair.failure.empty()) pair.failure = std::move(failure);
  }
}

}  // namespace tamis::parity
