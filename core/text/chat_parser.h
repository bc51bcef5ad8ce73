// The completion of a DeepSeek-V3.2 model -> an assistant message: reasoning, content and tool calls. Accepts
// and refuses what the parser published with the model does (encoding/encoding_dsv32.py); in particular a
// completion that ends inside a tool block is refused, except right after a tag where that parser stops
// looking.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/base/status.h"

namespace tamis {

struct ToolCall {
  std::string name;
  // Text of a JSON object, put together from the parameters as they were written: a parameter that is not a
  // string is not validated, so this may be invalid JSON.
  std::string arguments;
};

struct ChatMessage {
  std::string content;
  std::string reasoning_content;
  std::vector<ToolCall> tool_calls;
};

struct ChatParseOptions {
  bool thinking = false;  // the prompt ended in "<think>": the completion begins inside the reasoning
};

// `completion`: everything after the prompt, the end-of-sentence token included. Invalid UTF-8 becomes
// U+FFFD. kInvalidArgument says what was expected, and at which byte: no end of reasoning or of sentence, a
// malformed tool block, text after it, a control token inside content or reasoning.
Result<ChatMessage> parse_chat(std::string_view completion, const ChatParseOptions& options);

// {"role": "assistant", "content", "reasoning_content", "tool_calls": [{"type": "function", "function":
// {…}}]}.
nlohmann::ordered_json chat_message_json(const ChatMessage& message);

}  // namespace tamis
