// The part of tokenizer_config.json that the engine needs: which tokens begin and end a sequence.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/base/status.h"

namespace tamis {

struct TokenizerConfig {
  std::optional<std::string> bos_token;  // contents, to be looked up with Tokenizer::token_id
  std::optional<std::string> eos_token;
  std::optional<std::string> pad_token;
  bool add_bos_token = false;  // a plain prompt begins with BOS; chat encodings write it themselves
};

// `folder`/tokenizer_config.json. A file that does not exist gives the defaults; a malformed one is
// kCorruptData.
Result<TokenizerConfig> read_tokenizer_config(const std::string& folder);
Result<TokenizerConfig> parse_tokenizer_config(std::string_view text, std::string_view name);

}  // namespace tamis
