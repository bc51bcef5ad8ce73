// Text of a stream of token ids. A token may end in the middle of a character, so the bytes of an incomplete
// character are held back until the next token decides what they are: the pieces given out, put together, are
// exactly Tokenizer::decode of all ids, and each of them is valid UTF-8.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/status.h"
#include "core/text/tokenizer.h"

namespace tamis {

class Detokenizer {
 public:
  // The tokenizer must outlive this.
  explicit Detokenizer(const Tokenizer& tokenizer, DecodeOptions options = {})
      : tokenizer_(&tokenizer), options_(options) {}

  // The text that became certain, often one token's, perhaps empty. kInvalidArgument for an id without a
  // token, which then has no effect.
  Result<std::string> push(std::int32_t id);

  // The end of the stream: U+FFFD if a character is incomplete, else nothing. Begins a new stream.
  std::string finish();

 private:
  const Tokenizer* tokenizer_;
  DecodeOptions options_;
  std::string held_;  // 0 to 3 bytes
};

}  // namespace tamis
