// Any bytes as a completion, and as the JSON of chat messages. A message that the parser accepts, and whose
// arguments are valid JSON, must survive the encoder and a second parse. The first byte chooses the modes.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/text/chat_encoding.h"
#include "core/text/chat_parser.h"
#include "core/text/json_text.h"
#include "core/text/utf8.h"

namespace {

using tamis::ChatMessage;
using tamis::Result;

void check_parser(std::string_view completion, bool thinking) {
  const Result<ChatMessage> message = tamis::parse_chat(completion, {.thinking = thinking});
  if (!message.ok()) {
    if (!tamis::is_valid_utf8(message.status().message())) std::abort();
    return;
  }
  const nlohmann::ordered_json json = tamis::chat_message_json(*message);
  if (!tamis::python_json(json).ok()) std::abort();
  const tamis::ChatOptions options{.thinking = thinking, .add_bos = false};
  const Result<std::string> text = tamis::encode_chat(nlohmann::ordered_json::array({json}), options);
  if (!text.ok()) return;  // an argument is no JSON, or an assistant turn without reasoning
  const Result<ChatMessage> again = tamis::parse_chat(*text, {.thinking = thinking});
  if (!again.ok()) return;  // a string argument may hold a tag
  if (again->content != message->content) std::abort();
  if (thinking && again->reasoning_content != message->reasoning_content) std::abort();
}

void check_encoder(std::string_view text, const tamis::ChatOptions& options) {
  const Result<nlohmann::ordered_json> messages = tamis::parse_json(text, "fuzz");
  if (!messages.ok()) return;
  const Result<std::string> written = tamis::python_json(*messages);
  if (!written.ok()) std::abort();
  const Result<nlohmann::ordered_json> again = tamis::parse_json(*written, "fuzz");
  if (!again.ok() || *tamis::python_json(*again) != *written) std::abort();
  const Result<std::string> prompt = tamis::encode_chat(*messages, options);
  if (prompt.ok() ? !tamis::is_valid_utf8(*prompt) : prompt.status().message().empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const bool thinking = (data[0] & 1) != 0;
  check_parser(text, thinking);
  check_encoder(text, {.thinking = thinking, .drop_thinking = (data[0] & 2) != 0});
  return 0;
}
