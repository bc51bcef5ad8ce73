// Added tokens (control tokens, "<think>", …): strings that are cut out of the raw text before anything else
// looks at it. Two passes, as in Hugging Face tokenizers (added_vocabulary.rs): tokens with "normalized":
// false first, the others in what is left (there is no normaliser here, so both see the same text). Each pass
// takes the leftmost match, and the longest of those.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tamis {

// The search is a walk down a trie from each byte, so this bounds its cost per byte of text.
inline constexpr std::size_t kMaxAddedTokenBytes = 512;

// A part of a text: an added token, or text (id -1) to be tokenised.
struct Segment {
  std::int32_t id = -1;
  std::string_view text;
};

class AddedTokens {
 public:
  // `content`: 1 to kMaxAddedTokenBytes bytes.
  void add(std::string_view content, std::int32_t id, bool normalized);

  // Never gives an empty segment.
  std::vector<Segment> cut(std::string_view text) const;

 private:
  struct Trie {
    std::unordered_map<std::uint64_t, std::uint32_t> edges;  // node << 8 | byte -> node; the root is 0
    std::vector<std::int32_t> id_of_node{-1};
    std::bitset<256> first_bytes;
  };

  static void cut_with(const Trie& trie, std::string_view text, std::vector<Segment>& out);

  std::array<Trie, 2> tries_;  // raw, normalized
};

}  // namespace tamis
