#include "bench/counts.h"

#include <charconv>

namespace tamis::bench {
namespace {

constexpr std::int64_t kMostCounts = 1000;

struct List {
  std::string_view text;
  std::int64_t least;
};

Result<std::int64_t> parse_count(std::string_view text, const List& list) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < list.least || value > (1 << 30))
    return invalid_argument(
        "{}: expected counts from {} on and ranges as in 1,8-64*2,100-130+10, found \"{}\"", list.text,
        list.least, text);
  return value;
}

// FIRST-LAST, FIRST-LAST+STEP or FIRST-LAST*FACTOR.
Status add_range(std::string_view range, const List& list, std::vector<std::int64_t>& counts) {
  const std::size_t dash = range.find('-');
  TAMIS_ASSIGN_OR_RETURN(const std::int64_t first, parse_count(range.substr(0, dash), list));
  if (dash == std::string_view::npos) {
    counts.push_back(first);
    return {};
  }
  std::string_view rest = range.substr(dash + 1);
  const std::size_t sign = rest.find_first_of("+*");
  TAMIS_ASSIGN_OR_RETURN(const std::int64_t last, parse_count(rest.substr(0, sign), list));
  std::int64_t step = 1;
  const bool factor = sign != std::string_view::npos && rest[sign] == '*';
  if (sign != std::string_view::npos) {
    TAMIS_ASSIGN_OR_RETURN(step, parse_count(rest.substr(sign + 1), {list.text, 1}));
  }
  if (last < first || (factor && (step < 2 || first < 1)))
    return invalid_argument("{}: empty range \"{}\"", list.text, range);
  for (std::int64_t value = first; value <= last; value = factor ? value * step : value + step) {
    if (static_cast<std::int64_t>(counts.size()) >= kMostCounts)
      return invalid_argument("{}: more than {} counts", list.text, kMostCounts);
    counts.push_back(value);
  }
  return {};
}

}  // namespace

Result<std::vector<std::int64_t>> parse_counts(const std::string& text, std::int64_t least) {
  std::vector<std::int64_t> counts;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t comma = rest.find(',');
    TAMIS_RETURN_IF_ERROR(add_range(rest.substr(0, comma), {text, least}, counts));
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  return counts;
}

}  // namespace tamis::bench
