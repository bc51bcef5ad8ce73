// tamis chat: a conversation in the terminal. The cache keeps what the next turn's prompt has in common with
// the last.
#include <cstdio>
#include <iostream>
#include <memory>

#include "apps/commands.h"
#include "apps/generation_options.h"
#include "core/text/chat_encoding.h"
#include "core/text/chat_parser.h"
#include "core/text/json_text.h"

namespace tamis::apps {
namespace {

using Json = nlohmann::ordered_json;

struct ChatCommand {
  ModelOptions model;
  GenerationOptions generation;
  std::string system, tools_file;
  bool thinking = false;
};

Result<Json> first_messages(const ChatCommand& options) {
  Json messages = Json::array();
  if (options.system.empty() && options.tools_file.empty()) return messages;
  Json system{{"role", "system"}, {"content", options.system}};
  if (!options.tools_file.empty()) {
    TAMIS_ASSIGN_OR_RETURN(const std::string text, read_file(options.tools_file));
    TAMIS_ASSIGN_OR_RETURN(Json tools, parse_json(text, options.tools_file));
    if (!tools.is_array())
      return corrupt_data("{}: expected an array of tools, found {}", options.tools_file, tools.type_name());
    system["tools"] = std::move(tools);
  }
  messages.push_back(std::move(system));
  return messages;
}

// What the model said, as the message that goes into the history. A completion that the parser refuses (cut
// off, or malformed by a small model) is kept as plain content, with a note on stderr.
Json to_message(const GenerateResult& result, const Talker& talker, bool thinking) {
  Result<std::string> raw = talker.tokenizer.decode(result.tokens);
  if (raw.ok()) {
    Result<ChatMessage> parsed = parse_chat(*raw, {.thinking = thinking});
    if (parsed.ok()) return chat_message_json(*parsed);
    std::fprintf(stderr, "[%s]\n", parsed.status().message().c_str());
  }
  Json message{{"role", "assistant"}, {"content", result.text}};
  if (thinking) message["reasoning_content"] = "(cut off)";
  return message;
}

void print_tool_calls(const Json& message) {
  if (!message.contains("tool_calls")) return;
  for (const Json& call : message["tool_calls"]) {
    const Json& function = call["function"];
    std::printf("[tool call] %s(%s)\n", function["name"].get_ref<const std::string&>().c_str(),
                function["arguments"].get_ref<const std::string&>().c_str());
  }
}

// One line from the user; a line that begins with "/" is a command. False at the end of input.
bool read_line(const Json& messages, std::string& line) {
  const bool tool_result =
      !messages.empty() && messages.back().contains("tool_calls") && !messages.back()["tool_calls"].empty();
  std::fputs(tool_result ? "tool result> " : "> ", stdout);
  std::fflush(stdout);
  return static_cast<bool>(std::getline(std::cin, line)) && line != "/quit";
}

void append_user(Json& messages, const std::string& line) {
  const bool tool_result =
      !messages.empty() && messages.back().contains("tool_calls") && !messages.back()["tool_calls"].empty();
  messages.push_back({{"role", tool_result ? "tool" : "user"}, {"content", line}});
}

Status turn(const ChatCommand& options, const Talker& talker, Session& session, Json& messages) {
  TAMIS_ASSIGN_OR_RETURN(const std::string prompt, encode_chat(messages, {.thinking = options.thinking}));
  TAMIS_ASSIGN_OR_RETURN(std::vector<std::int32_t> ids, talker.tokenizer.encode(prompt));
  TAMIS_ASSIGN_OR_RETURN(
      const GenerateResult result,
      session.generate(make_request(talker, options.generation, std::move(ids)), print_callbacks()));
  std::fputc('\n', stdout);
  Json message = to_message(result, talker, options.thinking);
  print_tool_calls(message);
  std::fprintf(stderr, "[%s]\n", summary_line(result, *talker.runner).c_str());
  messages.push_back(std::move(message));
  return {};
}

Status run(const ChatCommand& options) {
  TAMIS_ASSIGN_OR_RETURN(const Json start, first_messages(options));
  TAMIS_ASSIGN_OR_RETURN(const Talker talker, open_talker(options.model, options.generation));
  Session session(*talker.runner, talker.tokenizer);
  Json messages = start;
  std::puts("/clear forgets the conversation, /quit ends it.");
  for (std::string line; read_line(messages, line);) {
    if (line == "/clear") {
      messages = start;
      continue;
    }
    if (line.empty()) continue;
    append_user(messages, line);
    // A turn that fails is taken back; the conversation goes on.
    const Status status = turn(options, talker, session, messages);
    if (status.ok()) continue;
    report(status);
    messages.erase(messages.size() - 1);
  }
  return {};
}

}  // namespace

void add_chat(CLI::App& root, int& exit_code) {
  CLI::App* command = root.add_subcommand("chat", "Talk with a model");
  const auto options = std::make_shared<ChatCommand>();
  add_model_options(*command, options->model);
  add_generation_options(*command, options->generation);
  command->add_option("--system", options->system, "system message");
  command->add_option("--tools", options->tools_file, "JSON file: an array of tools in OpenAI's form");
  command->add_flag("--thinking", options->thinking, "let the model reason before it answers");
  command->callback([options, &exit_code] { exit_code = report(run(*options)); });
}

}  // namespace tamis::apps
