// Any bytes as tokenizer.json, then any bytes as a text: a file that loads must tokenise without losing
// anything. Input: two bytes for the length of the text, the text, the file.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/text/detokenizer.h"
#include "core/text/tokenizer.h"
#include "core/text/utf8.h"

namespace {

void check_ids(const tamis::Tokenizer& tokenizer, const std::vector<std::int32_t>& ids) {
  const tamis::Result<std::string> whole = tokenizer.decode(ids);
  if (!whole.ok() || !tamis::is_valid_utf8(*whole)) std::abort();
  tamis::Detokenizer detokenizer(tokenizer);
  std::string streamed;
  for (const std::int32_t id : ids) {
    const tamis::Result<std::string> piece = detokenizer.push(id);
    if (!piece.ok() || !tamis::is_valid_utf8(*piece)) std::abort();
    streamed += *piece;
  }
  if (streamed + detokenizer.finish() != *whole) std::abort();
}

void check_text(const tamis::Tokenizer& tokenizer, std::string_view text) {
  for (const bool parse_special : {true, false}) {
    const auto ids = tokenizer.encode(text, {.parse_special = parse_special});
    if (ids.ok()) {
      check_ids(tokenizer, *ids);
    } else if (ids.status().message().empty()) {
      std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t text_size = std::min<std::size_t>(data[0] << 8 | data[1], size - 2);
  const std::string_view text = input.substr(2, text_size);

  // Run in the source tree, the text also goes through a real tokenizer.
  static const tamis::Result<tamis::Tokenizer> real = tamis::Tokenizer::from_file("models/tiny-v32");
  if (real.ok()) check_text(*real, text);

  const tamis::Result<tamis::Tokenizer> fuzzed =
      tamis::Tokenizer::from_json(input.substr(2 + text_size), "fuzz");
  if (fuzzed.ok()) {
    check_text(*fuzzed, text);
  } else if (fuzzed.status().message().empty()) {
    std::abort();
  }
  return 0;
}
