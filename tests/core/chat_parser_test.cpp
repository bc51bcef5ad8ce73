#include "core/text/chat_parser.h"

#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

#include "core/text/chat_encoding.h"
#include "core/text/json_text.h"

namespace tamis {
namespace {

using nlohmann::ordered_json;

Result<ordered_json> recorded_rows() {
  std::ifstream in(TAMIS_SOURCE_DIR "/tests/fixtures/text/chat_encoding.json", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  return parse_json(text, "chat_encoding.json");
}

const std::string kEos = "<｜end▁of▁sentence｜>";
const std::string kCall =
    "\n\n<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"f\">\n<｜DSML｜parameter name=\"a\" "
    "string=\"true\">x</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>";

TEST(ChatParser, AgreesWithRecordedRows) {
  const Result<ordered_json> rows = recorded_rows();
  ASSERT_TRUE(rows.ok()) << rows.status().message();
  const ordered_json& parses = rows->at("parse");
  ASSERT_EQ(parses.size(), 120u);
  for (std::size_t i = 0; i < parses.size(); ++i) {
    const ordered_json& row = parses[i];
    const bool thinking = row["thinking_mode"] == "thinking";
    const std::string& completion = row["completion"].get_ref<const std::string&>();
    const std::string repro = fmt::format("row {}: printf '%s' '{}' | tamis chat-parse{}", i, completion,
                                          thinking ? " --thinking" : "");
    const Result<ChatMessage> message = parse_chat(completion, {.thinking = thinking});
    EXPECT_EQ(message.ok(), !row.contains("error")) << repro << "\n" << message.status().message();
    if (message.ok() && row.contains("message")) {
      EXPECT_EQ(*python_json(chat_message_json(*message)), *python_json(row["message"])) << repro;
    }
  }
}

TEST(ChatParser, RefusesWithThePlaceInTheMessage) {
  const struct {
    std::string completion;
    const char* message;
  } rows[] = {
      {"", "end▁of▁sentence"},
      {"text", "byte 0: expected <｜end▁of▁sentence｜>"},
      {kEos + "more", "nothing after"},
      {"a<think>b" + kEos, "control token '<think>' inside the content"},
      {"a｜DSML｜b" + kEos, "control token '｜DSML｜'"},
      {kCall + "more" + kEos, "after the tool block"},
      {kCall + kEos + kEos, "nothing after"},
      {"\n\n<｜DSML｜function_calls>" + kEos, "between two tags"},
      {"\n\n<｜DSML｜function_calls>\n<｜DSML｜invoke nam=\"f\">\n</｜DSML｜invoke>", "name="},
  };
  for (const auto& row : rows) {
    const Result<ChatMessage> message = parse_chat(row.completion, {});
    ASSERT_FALSE(message.ok()) << row.completion;
    EXPECT_NE(message.status().message().find(row.message), std::string::npos) << message.status().message();
  }
}

TEST(ChatParser, RefusesARepeatedParameter) {
  std::string twice = kCall;
  const std::size_t begin = twice.find("<｜DSML｜parameter");
  const std::size_t end = twice.find("</｜DSML｜invoke");
  twice.insert(end, twice.substr(begin, end - begin));
  EXPECT_TRUE(parse_chat(kCall + kEos, {}).ok());
  EXPECT_FALSE(parse_chat(twice + kEos, {}).ok());
}

TEST(ChatParser, ReasoningEndsAtItsTag) {
  const Result<ChatMessage> message = parse_chat("why</think>what" + kCall + kEos, {.thinking = true});
  ASSERT_TRUE(message.ok()) << message.status().message();
  EXPECT_EQ(message->reasoning_content, "why");
  EXPECT_EQ(message->content, "what");
  ASSERT_EQ(message->tool_calls.size(), 1u);
  EXPECT_EQ(message->tool_calls[0].arguments, R"({"a": "x"})");
  EXPECT_FALSE(parse_chat("what" + kEos, {.thinking = true}).ok());
}

TEST(ChatParser, InvalidUtf8IsReplaced) {
  const Result<ChatMessage> message = parse_chat("a\xff" + kEos, {});
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(message->content, "a\xef\xbf\xbd");
}

// What the encoder writes for an assistant turn, the parser reads back.
TEST(ChatParser, ReadsBackWhatTheEncoderWrites) {
  const ordered_json message = {
      {"role", "assistant"},
      {"content", "text \n\n \"quoted\""},
      {"reasoning_content", "because"},
      {"tool_calls",
       {{{"type", "function"},
         {"function", {{"name", "f"}, {"arguments", R"({"a": "<x>\n", "b": [1, {"c": 1e-05}]})"}}}},
        {{"type", "function"}, {"function", {{"name", "g"}, {"arguments", "{}"}}}}}}};
  const Result<std::string> text =
      encode_chat(ordered_json::array({message}), {.thinking = true, .add_bos = false});
  ASSERT_TRUE(text.ok()) << text.status().message();
  const Result<ChatMessage> parsed = parse_chat(*text, {.thinking = true});
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  EXPECT_EQ(*python_json(chat_message_json(*parsed)), *python_json(message));
}

TEST(ChatParser, ManyTagsAreNotQuadratic) {
  std::string text = "\n\n<｜DSML｜function_calls";
  for (int i = 0; i < 20000; ++i) text += ">\n<｜DSML｜invoke name=\"f\">\n\n</｜DSML｜invoke";
  text += ">\n</｜DSML｜function_calls>" + kEos;
  const Result<ChatMessage> message = parse_chat(text, {});
  ASSERT_TRUE(message.ok()) << message.status().message();
  EXPECT_EQ(message->tool_calls.size(), 20000u);
}

}  // namespace
}  // namespace tamis
