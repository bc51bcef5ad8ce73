#include "core/text/detokenizer.h"

#include <utility>

#include "core/text/utf8.h"

namespace tamis {

Result<std::string> Detokenizer::push(std::int32_t id) {
  const auto bytes = tokenizer_->token_bytes(id);
  if (!bytes)
    return invalid_argument("{} is not a token id (vocabulary size {})", id, tokenizer_->vocab_size());
  if (options_.skip_special && tokenizer_->is_special(id)) return std::string();
  held_ += *bytes;
  std::string text;
  held_.erase(0, append_utf8_lossy(held_, text));
  return text;
}

std::string Detokenizer::finish() { return utf8_lossy(std::exchange(held_, {})); }

}  // namespace tamis
