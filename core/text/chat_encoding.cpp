#include "core/text/chat_encoding.h"

#include <string_view>

#include "core/text/dsml.h"
#include "core/text/json_field.h"
#include "core/text/json_text.h"

namespace tamis {
namespace {

using nlohmann::ordered_json;

// The system text that explains tools to the model; the schemas go between the two parts.
constexpr std::string_view kToolsBegin =
    R"(## Tools

You have access to a set of tools you can use to answer the user's question.
You can invoke functions by writing a "<｜DSML｜function_calls>" block like the following as part of your reply to the user:
<｜DSML｜function_calls>
<｜DSML｜invoke name="$FUNCTION_NAME">
<｜DSML｜parameter name="$PARAMETER_NAME" string="true|false">$PARAMETER_VALUE</｜DSML｜parameter>
...
</｜DSML｜invoke>
<｜DSML｜invoke name="$FUNCTION_NAME2">
...
</｜DSML｜invoke>
</｜DSML｜function_calls>

String and scalar parameters should be specified as is without any escaping or quotes, while lists and objects should use JSON format. The "string" attribute should be set to "true" for string type parameters and "false" for other types (numbers, booleans, arrays, objects).

If the thinking_mode is enabled, then after function results you should strongly consider outputting a thinking block. Here is an example:

<｜DSML｜function_calls>
...
</｜DSML｜function_calls>

<function_results>
...
</function_results>

<think>...thinking about results</think>

Here are the functions available in JSONSchema format:
<functions>
)";
constexpr std::string_view kToolsEnd = "\n</functions>\n";

// Python's truth value: "tools": [] is the same as no tools.
bool is_set(const ordered_json* field) {
  if (field == nullptr || field->is_null()) return false;
  if (field->is_string()) return !field->get_ref<const std::string&>().empty();
  if (field->is_boolean()) return field->get<bool>();
  if (field->is_number()) return *field != 0;
  return !field->empty();
}

// The tool calls of an assistant message as an array, null when it has none.
Result<const ordered_json*> tool_calls_of(const ordered_json& message, const std::string& where) {
  const ordered_json* calls = find_field(message, "tool_calls");
  if (!is_set(calls)) return static_cast<const ordered_json*>(nullptr);
  if (!calls->is_array()) return wrong_type(where, "tool_calls", "an array", calls);
  return calls;
}

class Encoder {
 public:
  Encoder(const ordered_json& messages, const ChatOptions& options)
      : messages_(messages), options_(options) {}

  Result<std::string> run() {
    if (!messages_.is_array())
      return invalid_argument("messages: expected an array, found {}", messages_.type_name());
    TAMIS_RETURN_IF_ERROR(read_roles());
    if (options_.add_bos) out_ += dsml::kBos;
    for (std::size_t i = 0; i < roles_.size(); ++i) TAMIS_RETURN_IF_ERROR(encode(i));
    return std::move(out_);
  }

 private:
  static std::string path(std::size_t index) { return fmt::format("messages[{}]", index); }

  Status read_roles() {
    for (std::size_t i = 0; i < messages_.size(); ++i) {
      if (!messages_[i].is_object()) {
        return invalid_argument("{}: expected an object, found {}", path(i), messages_[i].type_name());
      }
      TAMIS_ASSIGN_OR_RETURN(std::string role, string_field(messages_[i], "role", path(i)));
      if (role == "user" || role == "developer") last_user_ = static_cast<std::ptrdiff_t>(i);
      roles_.push_back(std::move(role));
    }
    if (!options_.thinking || !options_.drop_thinking) return {};
    for (std::ptrdiff_t i = 0; i < last_user_; ++i) {
      if (roles_[i] != "developer") continue;
      return invalid_argument(
          "{}: in thinking mode only the last user turn may be a developer turn, unless earlier "
          "thinking is kept",
          path(i));
    }
    return {};
  }

  Status encode(std::size_t index) {
    const std::string& role = roles_[index];
    if (role == "tool") return encode_tool(index);
    n_calls_ = n_results_ = 0;
    if (role == "assistant") return encode_assistant(index);
    if (role == "system") return encode_system(index);
    if (role == "user" || role == "developer") return encode_user(index);
    return invalid_argument("{}.role: '{}'; expected system, developer, user, assistant or tool", path(index),
                            clip(role));
  }

  Status encode_system(std::size_t index) {
    TAMIS_ASSIGN_OR_RETURN(const std::string content, optional_text(index, "content"));
    out_ += content;
    return append_instructions(index);
  }

  Status encode_user(std::size_t index) {
    TAMIS_ASSIGN_OR_RETURN(const std::string content, string_field(messages_[index], "content", path(index)));
    out_ += dsml::kUser;
    if (roles_[index] == "developer") {
      if (content.empty())
        return invalid_argument("{}.content: a developer turn must not be empty", path(index));
      TAMIS_RETURN_IF_ERROR(append_instructions(index));
      out_ += "\n\n# The user's message is: ";
    }
    out_ += content;
    out_ += dsml::kAssistant;
    append_think_tag(index);
    return {};
  }

  Status encode_assistant(std::size_t index) {
    TAMIS_ASSIGN_OR_RETURN(const std::string content, optional_text(index, "content"));
    TAMIS_ASSIGN_OR_RETURN(const std::string reasoning, optional_text(index, "reasoning_content"));
    TAMIS_ASSIGN_OR_RETURN(const ordered_json* calls, tool_calls_of(messages_[index], path(index)));
    if (options_.thinking && static_cast<std::ptrdiff_t>(index) > last_user_) {
      if (reasoning.empty() && calls == nullptr) {
        return invalid_argument(
            "{}: in thinking mode an assistant turn after the last user turn needs "
            "reasoning_content or tool_calls",
            path(index));
      }
      out_ += reasoning;
      out_ += dsml::kThinkEnd;
    }
    out_ += content;
    if (calls != nullptr) {
      n_calls_ = calls->size();
      TAMIS_RETURN_IF_ERROR(append_tool_calls(*calls, path(index) + ".tool_calls"));
    }
    out_ += dsml::kEos;
    return {};
  }

  // Results follow their assistant turn directly; the k-th answers its k-th call.
  Status encode_tool(std::size_t index) {
    TAMIS_ASSIGN_OR_RETURN(const std::string content, string_field(messages_[index], "content", path(index)));
    if (n_results_ == n_calls_)
      return invalid_argument("{}: a tool result without its tool call", path(index));
    if (n_results_++ == 0) out_ += "\n\n<function_results>";
    out_ += "\n<result>" + content + "</result>";
    if (n_results_ == n_calls_) {
      out_ += "\n</function_results>\n\n";
      append_think_tag(index);
    }
    return {};
  }

  // What the assistant's next turn begins with.
  void append_think_tag(std::size_t index) {
    const bool thinks = options_.thinking && static_cast<std::ptrdiff_t>(index) >= last_user_;
    out_ += thinks ? dsml::kThinkBegin : dsml::kThinkEnd;
  }

  // Absent and null are the empty text.
  Result<std::string> optional_text(std::size_t index, const char* name) const {
    if (find_set_field(messages_[index], name) == nullptr) return std::string();
    return string_field(messages_[index], name, path(index));
  }

  // "tools" and "response_format" of a system or developer turn.
  Status append_instructions(std::size_t index) {
    const ordered_json* tools = find_field(messages_[index], "tools");
    if (is_set(tools)) {
      if (!tools->is_array()) return wrong_type(path(index), "tools", "an array", tools);
      out_ += "\n\n";
      out_ += kToolsBegin;
      for (std::size_t i = 0; i < tools->size(); ++i) {
        const std::string where = fmt::format("{}.tools[{}]", path(index), i);
        const ordered_json* function = find_field((*tools)[i], "function");
        if (function == nullptr) return wrong_type(where, "function", "an object", function);
        if (i > 0) out_ += '\n';
        TAMIS_RETURN_IF_ERROR(append_json(*function, where));
      }
      out_ += kToolsEnd;
    }
    const ordered_json* format = find_field(messages_[index], "response_format");
    if (is_set(format)) {
      out_ += "\n\n## Response Format:\n\nYou MUST strictly adhere to the following schema to reply:\n";
      TAMIS_RETURN_IF_ERROR(append_json(*format, path(index) + ".response_format"));
    }
    return {};
  }

  Status append_json(const ordered_json& value, const std::string& where) {
    const Result<std::string> text = python_json(value);
    if (!text.ok()) return text.status().with_context(where);
    out_ += *text;
    return {};
  }

  Status append_tool_calls(const ordered_json& calls, const std::string& where) {
    out_ += fmt::format("\n\n{}>\n", dsml::kCallsBegin);
    for (std::size_t i = 0; i < calls.size(); ++i) {
      const std::string call_path = fmt::format("{}[{}]", where, i);
      const ordered_json* function = find_field(calls[i], "function");
      if (function == nullptr) return wrong_type(call_path, "function", "an object", function);
      TAMIS_RETURN_IF_ERROR(append_tool_call(*function, call_path + ".function"));
    }
    out_ += dsml::kCallsEnd;
    return {};
  }

  Status append_tool_call(const ordered_json& function, const std::string& where) {
    TAMIS_ASSIGN_OR_RETURN(const std::string name, string_field(function, "name", where));
    const ordered_json* field = find_field(function, "arguments");
    if (field == nullptr) return wrong_type(where, "arguments", "a JSON object or its text", field);
    ordered_json parsed;
    if (field->is_string()) {
      TAMIS_ASSIGN_OR_RETURN(parsed, parse_json(field->get_ref<const std::string&>(), where + ".arguments"));
      field = &parsed;
    }
    if (!field->is_object()) return wrong_type(where, "arguments", "a JSON object", field);
    out_ += fmt::format("{} name=\"{}\">\n", dsml::kInvokeBegin, name);
    const char* separator = "";
    for (const auto& [key, value] : field->get_ref<const ordered_json::object_t&>()) {
      out_ += std::exchange(separator, "\n");
      TAMIS_RETURN_IF_ERROR(append_parameter(key, value, where));
    }
    out_ += fmt::format("\n{}>\n", dsml::kInvokeEnd);
    return {};
  }

  // A string goes in as it is, anything else as JSON; the attribute says which.
  Status append_parameter(const std::string& name, const ordered_json& value, const std::string& where) {
    out_ += fmt::format("{} name=\"{}\" string=\"{}\">", dsml::kParameterBegin, name, value.is_string());
    if (value.is_string()) {
      out_ += value.get_ref<const std::string&>();
    } else {
      TAMIS_RETURN_IF_ERROR(append_json(value, where + ".arguments"));
    }
    out_ += fmt::format("<{}>", dsml::kParameterEnd);
    return {};
  }

  const ordered_json& messages_;
  const ChatOptions options_;
  std::vector<std::string> roles_;
  std::ptrdiff_t last_user_ = -1;  // index of the last user or developer turn
  std::size_t n_calls_ = 0;        // of the assistant turn whose results come next
  std::size_t n_results_ = 0;
  std::string out_;
};

}  // namespace

Result<std::string> encode_chat(const ordered_json& messages, const ChatOptions& options) {
  Result<std::string> prompt = Encoder(messages, options).run();
  // Whatever the field readers call it: messages are the caller's request, not a file.
  if (!prompt.ok()) return Status(StatusCode::kInvalidArgument, prompt.status().message());
  return prompt;
}

}  // namespace tamis
