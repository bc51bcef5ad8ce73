// Token ids and what they spell. Ids come from a file: they may leave holes, and kMaxTokenId bounds the
// memory that one entry can ask for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/status.h"

namespace tamis {

// Ids index a table: a file that names id 2^31 must not make it 2^31 long. Public vocabularies end below
// 300,000.
inline constexpr std::int64_t kMaxTokenId = (1 << 22) - 1;

class Vocabulary {
 public:
  // An entry of model.vocab: `spelling` in the byte alphabet, or any text (then it stands for its own UTF-8
  // bytes). kCorruptData when the id is out of range or taken by another spelling.
  Status add_model_token(const std::string& spelling, std::int64_t id);

  // An entry of added_tokens; it may repeat an entry of model.vocab, under the same id. It stands for its own
  // bytes.
  Status add_added_token(const std::string& content, std::int64_t id, bool special);

  std::optional<std::int32_t> find(std::string_view spelling) const;
  // The bytes a token decodes to; they need not be valid UTF-8 (a token may hold half a character).
  std::optional<std::string_view> bytes(std::int32_t id) const;
  bool is_special(std::int32_t id) const;
  std::int32_t size() const { return static_cast<std::int32_t>(entries_.size()); }  // largest id + 1

 private:
  struct Entry {
    std::uint64_t offset = 0;  // in pool_
    std::uint32_t size = 0;
    bool present = false;
    bool special = false;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  Status claim(const std::string& spelling, std::int64_t id);
  void set(std::int64_t id, std::string_view bytes, bool special);

  std::string pool_;
  std::vector<Entry> entries_;
  std::unordered_map<std::string, std::int32_t, Hash, std::equal_to<>> ids_;
};

}  // namespace tamis
