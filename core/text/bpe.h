// Byte-pair encoding of one word: begins with one symbol per byte, then always joins the adjacent pair whose
// merge comes first in the merge list, leftmost first among equals. O(n log n) in the word's bytes (a queue
// over a linked list), because nothing bounds a word: a megabyte of one letter is one word. Source: Sennrich
// et al., arXiv:1508.07909; queue as in Hugging Face tokenizers, models/bpe/word.rs.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/status.h"

namespace tamis {

class Bpe {
 public:
  Bpe() { byte_ids_.fill(-1); }

  void set_byte(std::uint8_t byte, std::int32_t id) { byte_ids_[byte] = id; }
  void reserve_merges(std::size_t n) { merges_.reserve(n); }
  // Merges are tried in the order of `rank`, lowest first. A pair given twice keeps the last.
  void set_merge(std::int32_t left, std::int32_t right, std::uint32_t rank, std::int32_t id);

  // Appends the ids of `word` (under 2^31 bytes). kUnsupported when a byte of it has no token.
  Status encode(std::string_view word, std::vector<std::int32_t>& out) const;

 private:
  struct Merge {
    std::uint32_t rank;
    std::int32_t id;
  };

  const Merge* find_merge(std::int32_t left, std::int32_t right) const;

  std::array<std::int32_t, 256> byte_ids_;
  std::unordered_map<std::uint64_t, Merge> merges_;  // key: left id, right id
};

}  // namespace tamis
