// Chat messages -> the prompt of DeepSeek-V3.2, byte for byte what the encoder published with the model
// writes (encoding/encoding_dsv32.py there; the format has no Jinja template).
//
// messages: a JSON array of objects {"role": …, "content": …}, as in OpenAI's chat API.
//   system     content; "tools"; "response_format"
//   developer  content, not empty; "tools"; "response_format"
//   user       content
//   assistant  content, "reasoning_content", "tool_calls" [{"function": {"name", "arguments"}}], each
//   optional;
//              "arguments" is a JSON object, or its text
//   tool       content: the result of the next call of the assistant turn before it
// content is a string. The reasoning of turns before the last user or developer turn is never rendered.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "core/base/status.h"

namespace tamis {

struct ChatOptions {
  bool thinking = false;      // the answer begins with reasoning
  bool drop_thinking = true;  // false: a developer turn may come before the last user turn in thinking mode
  bool add_bos = true;
};

// kInvalidArgument names the message and the field. Besides malformed messages it refuses, as the published
// encoder does: in thinking mode an assistant turn after the last user or developer turn with neither
// reasoning nor calls; in thinking mode with drop_thinking a developer turn before the last user or developer
// turn; a tool result without its call.
Result<std::string> encode_chat(const nlohmann::ordered_json& messages, const ChatOptions& options);

}  // namespace tamis
