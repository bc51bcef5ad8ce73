#include "core/text/chat_parser.h"

#include <initializer_list>
#include <optional>
#include <set>
#include <utility>

#include "core/text/dsml.h"
#include "core/text/json_text.h"
#include "core/text/utf8.h"

namespace tamis {
namespace {

constexpr std::string_view kBlockBegin = "\n\n<｜DSML｜function_calls";

// Python's \s: str.isspace().
bool is_space(std::string_view character) {
  if (character.size() == 1) {
    const char c = character[0];
    return c == ' ' || (c >= '\t' && c <= '\r') || (c >= '\x1c' && c <= '\x1f');
  }
  static const std::set<std::string_view> kWide = {
      "\u0085", "\u00a0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006",
      "\u2007", "\u2008", "\u2009", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"};
  return kWide.contains(character);
}

std::string_view trim_front(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = utf8_sequence(text).size;
    if (!is_space(text.substr(0, size))) break;
    text.remove_prefix(size);
  }
  return text;
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool take_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

struct Parameter {
  std::string_view name;
  std::string_view value;
  bool is_string;
};

// ` name="NAME" string="true|false">VALUE<`, where a line feed may follow the "<".
std::optional<Parameter> parse_parameter(std::string_view text) {
  if (!take_prefix(text, " name=\"")) return std::nullopt;
  for (std::size_t at = text.find("\" string=\""); at != std::string_view::npos;
       at = text.find("\" string=\"", at + 1)) {
    for (const bool is_string : {true, false}) {
      std::string_view value = text.substr(at);
      if (!take_prefix(value, is_string ? "\" string=\"true\">" : "\" string=\"false\">")) continue;
      if (!take_suffix(value, "<\n") && !take_suffix(value, "<")) return std::nullopt;
      return Parameter{text.substr(0, at), value, is_string};
    }
  }
  return std::nullopt;
}

// ` name="NAME">`, a line feed, and perhaps a second one: a call without parameters leaves an empty line.
std::optional<std::string_view> parse_tool_name(std::string_view text) {
  text = trim_front(text);
  if (!take_prefix(text, "name=\"")) return std::nullopt;
  if (!take_suffix(text, "\">\n\n") && !take_suffix(text, "\">\n")) return std::nullopt;
  return text;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<ChatMessage> run(const ChatParseOptions& options) {
    ChatMessage message;
    if (options.thinking) {
      const Part reasoning = read_until({dsml::kThinkEnd, kBlockBegin});
      if (reasoning.stop != dsml::kThinkEnd) return expected("</think> after the reasoning");
      message.reasoning_content = reasoning.text;
    }
    const Part content = read_until({dsml::kEos, kBlockBegin});
    message.content = content.text;
    if (content.stop.empty()) return expected("<｜end▁of▁sentence｜> or a tool block after the content");
    if (content.stop == kBlockBegin) {
      TAMIS_RETURN_IF_ERROR(parse_tool_calls(message.tool_calls));
      if (!read_until({dsml::kEos}).text.empty())
        return expected("<｜end▁of▁sentence｜> after the tool block");
    }
    if (at_ != text_.size()) return expected("nothing after <｜end▁of▁sentence｜>");
    for (const std::string_view token :
         {dsml::kBos, dsml::kEos, dsml::kThinkBegin, dsml::kThinkEnd, dsml::kMark}) {
      for (const std::string* part : {&message.content, &message.reasoning_content}) {
        if (part->find(token) == std::string::npos) continue;
        return invalid_argument("completion: control token '{}' inside {}", token,
                                part == &message.content ? "the content" : "the reasoning");
      }
    }
    return message;
  }

 private:
  // Text up to a stop string, which is taken too; `stop` is empty when there was none before the end.
  struct Part {
    std::string_view text;
    std::string_view stop;
  };

  // One pass over the text whatever the number of calls: a stop that never comes is not searched to the end
  // for each.
  Part read_until(std::initializer_list<std::string_view> stops) {
    const std::size_t begin = at_;
    part_begin_ = begin;
    for (; at_ < text_.size(); ++at_) {
      for (const std::string_view stop : stops) {
        if (text_.compare(at_, stop.size(), stop) != 0) continue;
        const std::string_view part = text_.substr(begin, at_ - begin);
        at_ += stop.size();
        return {part, stop};
      }
    }
    return {text_.substr(begin), {}};
  }

  Status expected(std::string_view what) const {
    return invalid_argument("completion: byte {}: expected {}, found '{}'", part_begin_, what,
                            clip(text_.substr(part_begin_)));
  }

  Status parse_tool_calls(std::vector<ToolCall>& calls) {
    while (at_ < text_.size()) {
      const Part before = read_until({dsml::kInvokeBegin, dsml::kCallsEnd});
      if (before.text != ">\n") return expected("'>' and a line feed between two tags of a tool block");
      if (before.stop == dsml::kCallsEnd) return {};
      if (before.stop.empty()) return expected("a tool call or the end of the tool block");
      TAMIS_RETURN_IF_ERROR(parse_tool_call(calls.emplace_back()));
    }
    return {};
  }

  Status parse_tool_call(ToolCall& call) {
    Part part = read_until({dsml::kParameterBegin, dsml::kInvokeEnd});
    const auto name = parse_tool_name(part.text);
    if (!name) return expected("name=\"…\"> and a line feed after a tool call's tag");
    call.name = *name;
    call.arguments += '{';
    std::set<std::string_view> seen;
    while (part.stop == dsml::kParameterBegin) {
      part = read_until({dsml::kParameterEnd});
      const auto parameter = parse_parameter(part.text);
      if (!parameter) return expected("name=\"…\" string=\"true|false\">…</｜DSML｜parameter>");
      if (!seen.insert(parameter->name).second) {
        return expected(fmt::format("one parameter of the name '{}'", clip(parameter->name)));
      }
      if (seen.size() > 1) call.arguments += ", ";
      call.arguments += python_json_string(parameter->name) + ": ";
      call.arguments +=
          parameter->is_string ? python_json_string(parameter->value) : std::string(parameter->value);
      part = read_until({dsml::kParameterBegin, dsml::kInvokeEnd});
      if (part.text != ">\n") return expected("'>' and a line feed after a parameter");
    }
    call.arguments += '}';
    return {};
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t part_begin_ = 0;  // where the part that was read last begins, for messages
};

}  // namespace

Result<ChatMessage> parse_chat(std::string_view completion, const ChatParseOptions& options) {
  const std::string clean = utf8_lossy(completion);
  return Parser(clean).run(options);
}

nlohmann::ordered_json chat_message_json(const ChatMessage& message) {
  nlohmann::ordered_json calls = nlohmann::ordered_json::array();
  for (const ToolCall& call : message.tool_calls) {
    calls.push_back(
        {{"type", "function"}, {"function", {{"name", call.name}, {"arguments", call.arguments}}}});
  }
  return {{"role", "assistant"},
          {"content", message.content},
          {"reasoning_content", message.reasoning_content},
          {"tool_calls", std::move(calls)}};
}

}  // namespace tamis
