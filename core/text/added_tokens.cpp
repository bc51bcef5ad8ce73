#include "core/text/added_tokens.h"

#include <utility>

namespace tamis {
namespace {

std::uint64_t edge_key(std::uint32_t node, char byte) {
  return static_cast<std::uint64_t>(node) << 8 | static_cast<std::uint8_t>(byte);
}

}  // namespace

void AddedTokens::add(std::string_view content, std::int32_t id, bool normalized) {
  Trie& trie = tries_[normalized ? 1 : 0];
  trie.first_bytes.set(static_cast<std::uint8_t>(content[0]));
  std::uint32_t node = 0;
  for (const char byte : content) {
    const auto fresh = static_cast<std::uint32_t>(trie.id_of_node.size());
    const auto [edge, is_new] = trie.edges.try_emplace(edge_key(node, byte), fresh);
    if (is_new) trie.id_of_node.push_back(-1);
    node = edge->second;
  }
  trie.id_of_node[node] = id;
}

std::vector<Segment> AddedTokens::cut(std::string_view text) const {
  std::vector<Segment> segments;
  if (!text.empty()) segments.push_back({-1, text});
  for (const Trie& trie : tries_) {
    if (trie.first_bytes.none()) continue;
    std::vector<Segment> finer;
    for (const Segment& segment : segments) {
      if (segment.id >= 0) {
        finer.push_back(segment);
      } else {
        cut_with(trie, segment.text, finer);
      }
    }
    segments = std::move(finer);
  }
  return segments;
}

void AddedTokens::cut_with(const Trie& trie, std::string_view text, std::vector<Segment>& out) {
  std::size_t plain = 0;  // where the text not yet in `out` begins
  for (std::size_t at = 0; at < text.size();) {
    Segment longest;
    if (trie.first_bytes.test(static_cast<std::uint8_t>(text[at]))) {
      std::uint32_t node = 0;
      for (std::size_t end = at; end < text.size(); ++end) {
        const auto edge = trie.edges.find(edge_key(node, text[end]));
        if (edge == trie.edges.end()) break;
        node = edge->second;
        if (trie.id_of_node[node] >= 0) longest = {trie.id_of_node[node], text.substr(at, end + 1 - at)};
      }
    }
    if (longest.id < 0) {
      ++at;
      continue;
    }
    if (plain < at) out.push_back({-1, text.substr(plain, at - plain)});
    out.push_back(longest);
    plain = at += longest.text.size();
  }
  if (plain < text.size()) out.push_back({-1, text.substr(plain)});
}

}  // namespace tamis
