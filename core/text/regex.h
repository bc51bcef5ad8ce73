// The regular expressions of tokenizer.json. They are written for Oniguruma (what Hugging Face's `tokenizers`
// uses) and run here by PCRE2; a construct that the two read differently is refused, never guessed. This is
// the only part of the library that knows PCRE2.
//
// Patterns and texts are hostile input. The work of one split() is at most linear in the text, with a large
// constant: beyond it the call fails instead of backtracking for hours.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "core/base/status.h"

namespace tamis {

// A piece of a text, in bytes.
struct Span {
  std::size_t begin = 0;
  std::size_t size = 0;

  bool operator==(const Span&) const = default;
};

class Regex {
 public:
  // kUnsupported: well formed perhaps, but not a construct that both engines read alike. kCorruptData: no
  // pattern.
  static Result<Regex> compile(std::string_view pattern);

  // Cuts every piece into matches and the text between them, in order, empty ones left out; the pieces are
  // matched one by one: a look-ahead does not see beyond the end of its piece. `text` must be valid UTF-8 and
  // the pieces must lie in it on character boundaries; kInvalidArgument otherwise, or when the pattern
  // backtracks too much.
  Result<std::vector<Span>> split(std::string_view text, const std::vector<Span>& pieces) const;

 private:
  struct Code;
  explicit Regex(std::shared_ptr<const Code> code) : code_(std::move(code)) {}

  std::shared_ptr<const Code> code_;
};

}  // namespace tamis
