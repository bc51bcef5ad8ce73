// tamis chat-encode: a JSON array of messages on stdin -> the prompt on stdout, exactly its bytes.
#include <cstdio>
#include <memory>

#include "apps/commands.h"
#include "core/text/chat_encoding.h"
#include "core/text/json_text.h"

namespace tamis::apps {
namespace {

Status chat_encode(const ChatOptions& options) {
  TAMIS_ASSIGN_OR_RETURN(const nlohmann::ordered_json messages, parse_json(read_stdin(), "stdin"));
  TAMIS_ASSIGN_OR_RETURN(const std::string prompt, encode_chat(messages, options));
  std::fwrite(prompt.data(), 1, prompt.size(), stdout);
  return {};
}

}  // namespace

void add_chat_encode(CLI::App& root, int& exit_code) {
  CLI::App* command =
      root.add_subcommand("chat-encode", "DeepSeek-V3.2 prompt of chat messages: a JSON array on stdin");
  struct Flags {
    bool thinking = false;
    bool keep_thinking = false;
  };
  const auto flags = std::make_shared<Flags>();
  command->add_flag("--thinking", flags->thinking, "the answer begins with reasoning");
  command->add_flag("--keep-thinking", flags->keep_thinking, "do not drop the thinking of earlier turns");
  command->callback([flags, &exit_code] {
    exit_code = report(chat_encode({.thinking = flags->thinking, .drop_thinking = !flags->keep_thinking}));
  });
}

}  // namespace tamis::apps
