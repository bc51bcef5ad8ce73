// tamis chat-parse: a completion on stdin -> the assistant's message as JSON on stdout.
#include <cstdio>
#include <memory>

#include "apps/commands.h"
#include "core/text/chat_parser.h"
#include "core/text/json_text.h"

namespace tamis::apps {
namespace {

Status chat_parse(const ChatParseOptions& options) {
  TAMIS_ASSIGN_OR_RETURN(const ChatMessage message, parse_chat(read_stdin(), options));
  TAMIS_ASSIGN_OR_RETURN(const std::string line, python_json(chat_message_json(message)));
  std::puts(line.c_str());
  return {};
}

}  // namespace

void add_chat_parse(CLI::App& root, int& exit_code) {
  CLI::App* command = root.add_subcommand(
      "chat-parse", "Message of a DeepSeek-V3.2 completion: text on stdin, JSON on stdout");
  const auto options = std::make_shared<ChatParseOptions>();
  command->add_flag("--thinking", options->thinking, "the completion begins inside the reasoning");
  command->callback([options, &exit_code] { exit_code = report(chat_parse(*options)); });
}

}  // namespace tamis::apps
