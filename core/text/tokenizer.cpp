#include "core/text/tokenizer.h"

#include "core/text/byte_level.h"
#include "core/text/utf8.h"

namespace tamis {
namespace {

constexpr std::size_t kMaxTextBytes = std::size_t{1} << 30;  // word positions are int32

}  // namespace

Result<std::vector<std::int32_t>> Tokenizer::encode(std::string_view text, EncodeOptions options) const {
  if (text.size() > kMaxTextBytes) {
    return invalid_argument("text of {} bytes, at most {} can be tokenised", text.size(), kMaxTextBytes);
  }
  std::string clean;
  if (!is_valid_utf8(text)) {
    clean = utf8_lossy(text);
    text = clean;
  }
  std::vector<std::int32_t> ids;
  if (!options.parse_special) {
    TAMIS_RETURN_IF_ERROR(encode_plain(text, ids));
    return ids;
  }
  for (const Segment& segment : added_.cut(text)) {
    if (segment.id >= 0) {
      ids.push_back(segment.id);
    } else {
      TAMIS_RETURN_IF_ERROR(encode_plain(segment.text, ids));
    }
  }
  return ids;
}

Status Tokenizer::encode_plain(std::string_view text, std::vector<std::int32_t>& out) const {
  TAMIS_ASSIGN_OR_RETURN(const PreTokens tokens, pretokenizer_.split(text));
  if (tokens.rewritten) text = *tokens.rewritten;
  for (const Span& span : tokens.words) {
    const std::string_view word = text.substr(span.begin, span.size);
    if (ignore_merges_) {
      if (const auto id = vocabulary_.find(byte_level_spell(word))) {
        out.push_back(*id);
        continue;
      }
    }
    TAMIS_RETURN_IF_ERROR(bpe_.encode(word, out));
  }
  return {};
}

Result<std::string> Tokenizer::decode(std::span<const std::int32_t> ids, DecodeOptions options) const {
  std::string bytes;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto token = vocabulary_.bytes(ids[i]);
    if (!token)
      return invalid_argument("ids[{}]: {} is not a token id (vocabulary size {})", i, ids[i], vocab_size());
    if (options.skip_special && is_special(ids[i])) continue;
    bytes += *token;
  }
  return utf8_lossy(bytes);
}

}  // namespace tamis
