#include "core/text/chat_encoding.h"

#include <fstream>
#include <iterator>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "core/text/json_text.h"

namespace tamis {
namespace {

using nlohmann::ordered_json;

Result<ordered_json> recorded_rows() {
  std::ifstream in(TAMIS_SOURCE_DIR "/tests/fixtures/text/chat_encoding.json", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  return parse_json(text, "chat_encoding.json");
}

ordered_json parse(std::string_view text) {
  const Result<ordered_json> value = parse_json(text, "test");
  EXPECT_TRUE(value.ok()) << text << "\n" << value.status().message();
  return value.ok() ? *value : ordered_json();
}

// The prompt, or the message of the refusal.
std::string encode(std::string_view messages, ChatOptions options = {}) {
  const Result<std::string> prompt = encode_chat(parse(messages), options);
  return prompt.ok() ? *prompt : "refused: " + prompt.status().message();
}

TEST(ChatEncoding, AgreesWithRecordedRows) {
  const Result<ordered_json> rows = recorded_rows();
  ASSERT_TRUE(rows.ok()) << rows.status().message();
  const ordered_json& encodings = rows->at("encode");
  ASSERT_EQ(encodings.size(), 120u);
  for (std::size_t i = 0; i < encodings.size(); ++i) {
    const ordered_json& row = encodings[i];
    const ChatOptions options{.thinking = row["thinking_mode"] == "thinking",
                              .drop_thinking = row["drop_thinking"].get<bool>()};
    const std::string repro = fmt::format(
        "row {}: tamis chat-encode{}{} <<'EOF'\n{}\nEOF", i, options.thinking ? " --thinking" : "",
        options.drop_thinking ? "" : " --keep-thinking", *python_json(row["messages"]));
    const Result<std::string> prompt = encode_chat(row["messages"], options);
    EXPECT_EQ(prompt.ok(), !row.contains("error")) << repro << "\n" << prompt.status().message();
    if (prompt.ok() && row.contains("prompt")) {
      EXPECT_EQ(*prompt, row["prompt"].get_ref<const std::string&>()) << repro;
    }
  }
}

TEST(ChatEncoding, RendersArgumentsAsPythonDoes) {
  const std::string prompt =
      encode(R"([{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments":
      {"a": [1.0, 1e-5, 123456789012345678901234567890, -0.0, 1e16, 0.0001], "b": {"é": null}, "c": true}}}]}])");
  EXPECT_NE(prompt.find(R"(>[1.0, 1e-05, 123456789012345678901234567890, -0.0, 1e+16, 0.0001]<)"),
            std::string::npos)
      << prompt;
  EXPECT_NE(prompt.find(R"(>{"é": null}<)"), std::string::npos) << prompt;
  EXPECT_NE(prompt.find(R"(name="c" string="false">true<)"), std::string::npos) << prompt;
}

TEST(ChatEncoding, EmptyFieldsAreLikeAbsentOnes) {
  EXPECT_EQ(encode("[]", {.add_bos = false}), "");
  EXPECT_EQ(encode("[]"), "<｜begin▁of▁sentence｜>");
  EXPECT_EQ(encode(R"([{"role": "system", "content": null, "tools": [], "response_format": {}}])",
                   {.add_bos = false}),
            "");
  EXPECT_EQ(encode(R"([{"role": "assistant", "content": "a", "tool_calls": null}])", {.add_bos = false}),
            "a<｜end▁of▁sentence｜>");
}

TEST(ChatEncoding, RefusesWithTheFieldInTheMessage) {
  const struct {
    const char* messages;
    const char* message;
  } rows[] = {
      {"{}", "messages: expected an array"},
      {"[1]", "messages[0]: expected an object"},
      {"[{}]", "messages[0].role"},
      {R"([{"role": 1}])", "messages[0].role: expected a string"},
      {R"([{"role": "robot", "content": ""}])", "messages[0].role: 'robot'"},
      {R"([{"role": "user"}])", "messages[0].content"},
      {R"([{"role": "user", "content": ["x"]}])", "messages[0].content: expected a string, found array"},
      {R"([{"role": "system", "content": 1}])", "messages[0].content"},
      {R"([{"role": "developer", "content": ""}])", "messages[0].content"},
      {R"([{"role": "tool", "content": "x"}])", "messages[0]: a tool result"},
      {R"([{"role": "assistant", "content": "x"}, {"role": "tool", "content": "x"}])",
       "messages[1]: a tool result"},
      {R"([{"role": "system", "tools": {"a": 1}}])", "messages[0].tools: expected an array"},
      {R"([{"role": "system", "tools": [1]}])", "messages[0].tools[0].function"},
      {R"([{"role": "assistant", "reasoning_content": 5}])", "messages[0].reasoning_content"},
      {R"([{"role": "assistant", "tool_calls": "x"}])", "messages[0].tool_calls: expected an array"},
      {R"([{"role": "assistant", "tool_calls": [{}]}])", "messages[0].tool_calls[0].function"},
      {R"([{"role": "assistant", "tool_calls": [{"function": {}}]}])", "tool_calls[0].function.name"},
      {R"([{"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}])", "function.arguments"},
      {R"([{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}])",
       "arguments: not valid"},
      {R"([{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "[]"}}]}])",
       "a JSON object"},
      {R"([{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": 3}}]}])",
       "a JSON object"},
  };
  for (const auto& row : rows) {
    const std::string result = encode(row.messages);
    EXPECT_EQ(result.rfind("refused: ", 0), 0u) << row.messages;
    EXPECT_NE(result.find(row.message), std::string::npos) << row.messages << "\n" << result;
  }
}

TEST(ChatEncoding, ThinkingRefusals) {
  const char* no_reasoning = R"([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}])";
  EXPECT_EQ(encode(no_reasoning).rfind("refused", 0), std::string::npos);
  EXPECT_EQ(encode(no_reasoning, {.thinking = true}).rfind("refused", 0), 0u);
  const char* developer = R"([{"role": "developer", "content": "a"}, {"role": "user", "content": "b"}])";
  EXPECT_EQ(encode(developer, {.thinking = true}).rfind("refused", 0), 0u);
  EXPECT_EQ(encode(developer, {.thinking = true, .drop_thinking = false}).rfind("refused", 0),
            std::string::npos);
}

TEST(JsonText, RefusesWhatIsNoJson) {
  for (const char* text :
       {"", "{", "[1,]", "{\"a\" 1}", "nul", "NaN", "[1] 2", "\"\xff\"", "\"\\ud800\"", "1e999", "01"}) {
    const Result<ordered_json> value = parse_json(text, "stdin");
    ASSERT_FALSE(value.ok()) << text;
    EXPECT_EQ(value.status().message().rfind("stdin: ", 0), 0u);
  }
  EXPECT_NE(parse_json("[1,\n 2,\n x]", "stdin").status().message().find("line 3, column 2"),
            std::string::npos);
}

TEST(JsonText, DepthIsBounded) {
  const auto nested = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
  EXPECT_TRUE(parse_json(nested(kMaxJsonDepth), "deep").ok());
  EXPECT_FALSE(parse_json(nested(kMaxJsonDepth + 1), "deep").ok());
  EXPECT_FALSE(parse_json(std::string(1 << 20, '['), "deep").ok());
  ordered_json value;
  for (int i = 0; i < 2 * kMaxJsonDepth; ++i) value = ordered_json::array({std::move(value)});
  EXPECT_FALSE(python_json(value).ok());
}

TEST(JsonText, WritesWhatPythonWrites) {
  for (const char* text :
       {R"({"b": 1, "a": [true, false, null], "": {}})", R"(["\"\\\n\r\t\b\f\u0001\u001f/é🙂"])",
        "[0, -1, 9223372036854775807, 18446744073709551615, -9223372036854775809, "
        "100000000000000000000000]"}) {
    EXPECT_EQ(*python_json(parse(text)), text);
  }
  EXPECT_EQ(*python_json(parse(R"({"a":1,"b":2,"a":3,"c":"\u00e9\ud83d\ude42"})")),
            R"({"a": 3, "b": 2, "c": "é🙂"})");
}

TEST(JsonText, FloatsAreTheirPythonRepr) {
  const struct {
    double value;
    const char* repr;
  } rows[] = {{0.0, "0.0"},
              {-0.0, "-0.0"},
              {1.0, "1.0"},
              {-1.5, "-1.5"},
              {0.1, "0.1"},
              {1e-4, "0.0001"},
              {1e-5, "1e-05"},
              {1.25e-7, "1.25e-07"},
              {1e15, "1000000000000000.0"},
              {1e16, "1e+16"},
              {1234567.875, "1234567.875"},
              {1.5e300, "1.5e+300"},
              {5e-324, "5e-324"},
              {0.1 + 0.2, "0.30000000000000004"},
              {123456789012345680.0, "1.2345678901234568e+17"}};
  for (const auto& row : rows) EXPECT_EQ(python_float(row.value), row.repr);
  EXPECT_EQ(python_float(std::numeric_limits<double>::infinity()), "Infinity");
}

// An object of many keys must not cost their square.
TEST(JsonText, WideObjects) {
  std::string text = "{";
  for (int i = 0; i < 200000; ++i) text += fmt::format("\"k{}\":{},", i, i);
  text += "\"k0\":7}";
  const ordered_json value = parse(text);
  EXPECT_EQ(value.size(), 200000u);
  EXPECT_EQ(value.front(), 7);
}

}  // namespace
}  // namespace tamis
