// Byte-level BPE tokenizer read from a Hugging Face tokenizer.json (GPT-2 style: DeepSeek, GLM, Qwen, Llama
// 3).
//
//   text -> added tokens cut out -> words (pre_tokenizer) -> bytes joined by merges -> ids
//
// What the file asks for and this cannot do (a normaliser, another model than BPE, …) is kUnsupported at
// load; nothing is ignored silently except post_processor, truncation and padding, which belong to the
// caller: encode() adds no token. A loaded tokenizer is immutable: any number of threads may use it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"
#include "core/text/added_tokens.h"
#include "core/text/bpe.h"
#include "core/text/pretokenizer.h"
#include "core/text/vocabulary.h"

namespace tamis {

struct EncodeOptions {
  // False: no added token is recognised, special or not, so that a user's text cannot contain a control
  // token.
  bool parse_special = true;
};

struct DecodeOptions {
  bool skip_special = false;
};

class Tokenizer {
 public:
  // `path`: a tokenizer.json or a folder that holds one. kNotFound, kCorruptData, kUnsupported.
  static Result<Tokenizer> from_file(const std::string& path);
  // `name` stands for the file in messages.
  static Result<Tokenizer> from_json(std::string_view text, std::string_view name);

  // Ids of `text`. Invalid UTF-8 is replaced by U+FFFD first (utf8.h). kInvalidArgument for a text of more
  // than 1 GiB.
  Result<std::vector<std::int32_t>> encode(std::string_view text, EncodeOptions options = {}) const;

  // The text of `ids`, always valid UTF-8: bytes that form no character become U+FFFD. kInvalidArgument for
  // an id without a token. decode(encode(x)) == x for valid UTF-8, unless the file asks for a prefix space.
  Result<std::string> decode(std::span<const std::int32_t> ids, DecodeOptions options = {}) const;

  // The bytes of one token, perhaps part of a character; nothing for an id without a token.
  std::optional<std::string_view> token_bytes(std::int32_t id) const { return vocabulary_.bytes(id); }
  // By the content of an added token, or by the spelling of model.vocab ("Ġthe").
  std::optional<std::int32_t> token_id(std::string_view content) const { return vocabulary_.find(content); }
  bool is_special(std::int32_t id) const { return vocabulary_.is_special(id); }
  // One past the largest id. A model's embedding may have more rows.
  std::int32_t vocab_size() const { return vocabulary_.size(); }

 private:
  friend class TokenizerLoader;
  Tokenizer() = default;

  Status encode_plain(std::string_view text, std::vector<std::int32_t>& out) const;

  Vocabulary vocabulary_;
  AddedTokens added_;
  PreTokenizer pretokenizer_;
  Bpe bpe_;
  bool ignore_merges_ = false;  // a word that is a token is that token, whatever the merges say
};

}  // namespace tamis
