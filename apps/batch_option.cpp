#include "apps/batch_option.h"

#include <charconv>
#include <utility>

#include "apps/model_options.h"

namespace tamis::apps {
namespace {

constexpr std::pair<std::string_view, BatchKind> kKinds[] = {{"extend", BatchKind::kExtend},
                                                             {"decode", BatchKind::kDecode},
                                                             {"verify", BatchKind::kVerify},
                                                             {"mixed", BatchKind::kMixed},
                                                             {"draft-extend", BatchKind::kDraftExtend}};

Result<std::int64_t> parse_count(std::string_view text, std::string_view field) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > kMostTokens) {
    return invalid_argument("--batch: {}: expected 0 to {}, found \"{}\"", field, kMostTokens, text);
  }
  return value;
}

Result<PolicyBatch::Sequence> parse_sequence(std::string_view entry) {
  PolicyBatch::Sequence parsed;
  while (!entry.empty()) {
    const std::size_t comma = entry.find(',');
    const std::string_view field = entry.substr(0, comma);
    const std::size_t equals = field.find('=');
    const std::string_view name = field.substr(0, equals);
    if (equals == std::string_view::npos || (name != "new" && name != "prefix")) {
      return invalid_argument("--batch: expected new=N or prefix=P, found \"{}\"", field);
    }
    TAMIS_ASSIGN_OR_RETURN(const std::int64_t value, parse_count(field.substr(equals + 1), name));
    (name == "new" ? parsed.fresh : parsed.prefix) = value;
    entry = comma == std::string_view::npos ? std::string_view() : entry.substr(comma + 1);
  }
  if (parsed.fresh < 1) return invalid_argument("--batch: every sequence needs new >= 1");
  return parsed;
}

}  // namespace

Result<PolicyBatch> parse_batch(std::string_view text) {
  const std::size_t colon = text.find(':');
  PolicyBatch batch;
  batch.sequences.clear();
  bool known = false;
  for (const auto& [name, kind] : kKinds) {
    if (colon == std::string_view::npos || text.substr(0, colon) != name) continue;
    batch.kind = kind;
    known = true;
  }
  if (!known) {
    return invalid_argument("--batch {}: expected extend|decode|verify|mixed|draft-extend:new=N,prefix=P[;…]",
                            text);
  }
  for (std::string_view rest = text.substr(colon + 1); !rest.empty();) {
    const std::size_t semicolon = rest.find(';');
    TAMIS_ASSIGN_OR_RETURN(const PolicyBatch::Sequence sequence, parse_sequence(rest.substr(0, semicolon)));
    batch.sequences.push_back(sequence);
    rest = semicolon == std::string_view::npos ? std::string_view() : rest.substr(semicolon + 1);
  }
  if (batch.sequences.empty()) return invalid_argument("--batch: no sequence");
  return batch;
}

}  // namespace tamis::apps
