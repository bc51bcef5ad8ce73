// The pre_tokenizer of tokenizer.json: cuts a text into the words that BPE merges within. Understood: Split
// (behavior Isolated, regex or string), Digits, and one ByteLevel at the end, alone or in a Sequence. Mapping
// bytes to characters, which ByteLevel does on paper, is not done: bpe.h works on bytes. Source: Hugging Face
// tokenizers, tokenizers/src/pre_tokenizers/{split,digits,byte_level,sequence}.rs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/base/status.h"
#include "core/text/regex.h"

namespace tamis {

struct PreTokens {
  std::optional<std::string> rewritten;  // set when spaces were put in front of pieces
  std::vector<Span> words;               // in `rewritten` if set, else in the text that was given
};

class PreTokenizer {
 public:
  // `json`: the value of "pre_tokenizer". kCorruptData or kUnsupported name the field.
  static Result<PreTokenizer> from_json(const nlohmann::ordered_json& json);

  // `text` must be valid UTF-8.
  Result<PreTokens> split(std::string_view text) const;

 private:
  Status add(const nlohmann::ordered_json& step, const std::string& where);
  Status add_split(const nlohmann::ordered_json& step, const std::string& where);
  Status add_digits(const nlohmann::ordered_json& step, const std::string& where);
  Status add_byte_level(const nlohmann::ordered_json& step, const std::string& where);

  std::vector<Regex> splits_;
  bool has_byte_level_ = false;
  bool add_prefix_space_ = false;
  std::optional<Regex> byte_level_regex_;
};

}  // namespace tamis
