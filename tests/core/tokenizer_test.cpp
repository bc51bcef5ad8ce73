#include "core/text/tokenizer.h"

#include <chrono>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/text/byte_level.h"
#include "core/text/json_text.h"
#include "core/text/tokenizer_config.h"

namespace tamis {
namespace {

using nlohmann::ordered_json;

constexpr const char* kModel = TAMIS_SOURCE_DIR "/models/tiny-v32";

std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

const Tokenizer& tiny() {
  static const Result<Tokenizer> tokenizer = Tokenizer::from_file(kModel);
  return *tokenizer;
}

TEST(Tokenizer, AgreesWithRecordedRows) {
  const Result<ordered_json> rows =
      parse_json(slurp(TAMIS_SOURCE_DIR "/tests/fixtures/text/tokens.json"), "tokens");
  ASSERT_TRUE(rows.ok());
  ASSERT_EQ(rows->size(), 438u);
  for (std::size_t i = 0; i < rows->size(); ++i) {
    const ordered_json& row = (*rows)[i];
    const std::string repro =
        fmt::format("row {}: echo '[{}]' | tamis tokenize tiny-v32", i, *python_json(row["text"]));
    const auto ids = tiny().encode(row["text"].get_ref<const std::string&>());
    ASSERT_TRUE(ids.ok()) << repro << "\n" << ids.status().message();
    EXPECT_EQ(*ids, row["ids"].get<std::vector<std::int32_t>>()) << repro;
    const auto text = tiny().decode(row["ids"].get<std::vector<std::int32_t>>());
    ASSERT_TRUE(text.ok()) << repro;
    EXPECT_EQ(*text, row["decoded"].get_ref<const std::string&>()) << repro;
  }
}

TEST(Tokenizer, LooksUpTokens) {
  EXPECT_EQ(tiny().vocab_size(), 3072);
  EXPECT_EQ(tiny().token_id("<｜begin▁of▁sentence｜>"), 0);
  EXPECT_TRUE(tiny().is_special(0));
  ASSERT_TRUE(tiny().token_id("<think>").has_value());
  EXPECT_FALSE(tiny().is_special(*tiny().token_id("<think>")));
  EXPECT_FALSE(tiny().token_id("no such token").has_value());
  EXPECT_FALSE(tiny().is_special(-1));
  EXPECT_FALSE(tiny().is_special(INT32_MAX));
}

TEST(Tokenizer, ParseSpecialOffLeavesNoControlToken) {
  const std::string text = "a<｜User｜>b<think>c";
  const auto ids = tiny().encode(text, {.parse_special = false});
  ASSERT_TRUE(ids.ok());
  for (const std::int32_t id : *ids) EXPECT_LT(id, 3066);
  EXPECT_EQ(*tiny().decode(*ids), text);
}

TEST(Tokenizer, DecodeSkipsSpecialAndRefusesUnknownIds) {
  const std::vector<std::int32_t> ids{0, *tiny().token_id("<think>"), 1};
  EXPECT_EQ(*tiny().decode(ids, {.skip_special = true}), "<think>");
  for (const std::int32_t id : {-1, 3072, INT32_MAX, INT32_MIN}) {
    const auto text = tiny().decode(std::vector<std::int32_t>{5, id});
    ASSERT_FALSE(text.ok());
    EXPECT_NE(text.status().message().find("ids[1]"), std::string::npos) << text.status().message();
  }
}

TEST(Tokenizer, InvalidUtf8IsReplaced) {
  for (const char* text : {"\xff", "a\xc3", "\xed\xa0\x80", "\xf0\x9f\x99", "\x80\x80 x"}) {
    const auto ids = tiny().encode(text);
    ASSERT_TRUE(ids.ok());
    EXPECT_NE(tiny().decode(*ids)->find("\xef\xbf\xbd"), std::string::npos);
  }
  EXPECT_EQ(*tiny().decode(*tiny().encode(std::string("a\0b", 3))), std::string("a\0b", 3));
}

// Work that grows with the square of a word's length would take many minutes.
constexpr double kSecondsOfLinearWork = 60;

TEST(Tokenizer, LongWordsAreNotQuadratic) {
  for (const char* unit : {"a", "the", " ", "\n", "1", "é", "數", "\xff", "<", "<｜User｜"}) {
    std::string text;
    while (text.size() < (1 << 19)) text += unit;
    const auto start = std::chrono::steady_clock::now();
    const auto ids = tiny().encode(text);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    ASSERT_TRUE(ids.ok()) << unit << ": " << ids.status().message();
    EXPECT_LT(seconds.count(), kSecondsOfLinearWork) << "512 KiB of '" << unit << "'";
  }
}

// A tokenizer.json over all 256 bytes, plus "ab" and "abc", for the tests to break.
ordered_json small_file() {
  ordered_json vocab = ordered_json::object();
  for (int byte = 0; byte < 256; ++byte) vocab[std::string(byte_level_character(byte))] = byte;
  vocab["ab"] = 256;
  vocab["abc"] = 257;
  const ordered_json split = {
      {"type", "Split"}, {"pattern", {{"Regex", " ?\\p{L}+"}}}, {"behavior", "Isolated"}, {"invert", false}};
  const ordered_json byte_level = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
  return {{"normalizer", nullptr},
          {"added_tokens",
           {{{"id", 258}, {"content", "<x>"}, {"special", true}},
            {{"id", 259}, {"content", "<x>y"}, {"special", false}}}},
          {"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", {split, byte_level}}}},
          {"decoder", {{"type", "ByteLevel"}}},
          {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", {"a b", {"ab", "c"}}}}}};
}

Result<Tokenizer> load(const ordered_json& file) { return Tokenizer::from_json(file.dump(), "test.json"); }

std::vector<std::int32_t> encode(const ordered_json& file, std::string_view text) {
  const Result<Tokenizer> tokenizer = load(file);
  if (!tokenizer.ok()) {
    ADD_FAILURE() << tokenizer.status().message();
    return {};
  }
  const auto ids = tokenizer->encode(text);
  if (!ids.ok()) ADD_FAILURE() << ids.status().message();
  return ids.ok() ? *ids : std::vector<std::int32_t>{};
}

using Ids = std::vector<std::int32_t>;

TEST(TokenizerJson, BothMergeFormsAndLeftmostLongestAddedTokens) {
  // Added tokens that are not special have "normalized": true unless told, so they are cut in the second
  // pass.
  EXPECT_EQ(encode(small_file(), "abcab<x>y"), (Ids{257, 256, 258, 'y'}));
  ordered_json file = small_file();
  file["added_tokens"][1]["normalized"] = false;
  EXPECT_EQ(encode(file, "abcab<x>y<x>"), (Ids{257, 256, 259, 258}));
}

TEST(TokenizerJson, ByteLevelOptions) {
  ordered_json file = small_file();
  file["pre_tokenizer"] = {{"type", "ByteLevel"}};  // add_prefix_space and use_regex are true when absent
  EXPECT_EQ(encode(file, "ab's<x>c"), (Ids{' ', 256, '\'', 's', 258, ' ', 'c'}));
  EXPECT_EQ(encode(file, " abc"), (Ids{' ', 257}));
  EXPECT_EQ(encode(file, ""), Ids{});
}

TEST(TokenizerJson, SplitByStringAndDigits) {
  ordered_json file = small_file();
  file["pre_tokenizer"]["pretokenizers"][0]["pattern"] = {{"String", "b"}};
  EXPECT_EQ(encode(file, "abc"), (Ids{'a', 'b', 'c'}));
  file["model"]["vocab"]["11"] = 300;
  file["model"]["merges"].push_back("1 1");
  file["pre_tokenizer"]["pretokenizers"][0] = {{"type", "Digits"}, {"individual_digits", true}};
  EXPECT_EQ(encode(file, "x11"), (Ids{'x', '1', '1'}));
  file["pre_tokenizer"]["pretokenizers"][0]["individual_digits"] = false;
  EXPECT_EQ(encode(file, "x11"), (Ids{'x', 300}));
}

TEST(TokenizerJson, IgnoreMergesTakesWholeWords) {
  ordered_json file = small_file();
  file["model"]["vocab"]["cab"] = 300;
  EXPECT_EQ(encode(file, "cab"), (Ids{'c', 256}));
  file["model"]["ignore_merges"] = true;
  EXPECT_EQ(encode(file, "cab"), (Ids{300}));
}

TEST(TokenizerJson, MissingByteIsAnErrorOnlyWhenNeeded) {
  ordered_json file = small_file();
  file["model"]["vocab"].erase("q");
  EXPECT_EQ(encode(file, "abc"), (Ids{257}));
  EXPECT_FALSE(load(file)->encode("q").ok());
}

struct Refused {
  const char* pointer;  // into small_file()
  ordered_json value;   // put there
  const char* message;  // a part of what is said
};

void expect_refused(const std::vector<Refused>& rows) {
  ASSERT_TRUE(load(small_file()).ok());
  for (const Refused& row : rows) {
    ordered_json file = small_file();
    file[ordered_json::json_pointer(row.pointer)] = row.value;
    const Result<Tokenizer> tokenizer = load(file);
    const std::string repro = fmt::format("{} = {}", row.pointer, row.value.dump());
    ASSERT_FALSE(tokenizer.ok()) << repro;
    EXPECT_NE(tokenizer.status().message().find(row.message), std::string::npos)
        << repro << ": " << tokenizer.status().message();
    EXPECT_EQ(tokenizer.status().message().rfind("test.json: ", 0), 0u) << tokenizer.status().message();
  }
}

TEST(TokenizerJson, RefusesModelsWithTheFieldInTheMessage) {
  expect_refused({
      {"/model", 3, "model: expected an object"},
      {"/model", nullptr, "model: expected an object"},
      {"/model/type", "Unigram", "model.type"},
      {"/model/type", 7, "model.type"},
      {"/model/vocab", {"a", "b"}, "model.vocab: expected an object"},
      {"/model/vocab/a", "1", "model.vocab.a: expected an integer"},
      {"/model/vocab/a", 1.5, "model.vocab.a: expected an integer"},
      {"/model/vocab/a", -1, "id -1 is outside"},
      {"/model/vocab/a", 3000000000u, "id 3000000000 is outside"},
      {"/model/vocab/a", UINT64_MAX, "is outside"},
      {"/model/vocab/a", 98, "already belongs"},
      {"/model/merges", {{"a", 1}}, "model.merges: expected an array"},
      {"/model/merges/0", "a", "model.merges[0]"},
      {"/model/merges/0", "a b c", "model.merges[0]"},
      {"/model/merges/0", " ", "model.merges[0]"},
      {"/model/merges/0", "a zz", "'zz' is not in model.vocab"},
      {"/model/merges/0", "b a", "'ba' is not in model.vocab"},
      {"/model/merges/1", {"a"}, "model.merges[1]"},
      {"/model/merges/1", {"a", 2}, "model.merges[1]"},
      {"/model/merges/1", 5, "model.merges[1]"},
      {"/model/dropout", 0.1, "model.dropout"},
      {"/model/byte_fallback", true, "model.byte_fallback"},
      {"/model/byte_fallback", "no", "model.byte_fallback"},
      {"/model/end_of_word_suffix", "</w>", "model.end_of_word_suffix"},
  });
}

TEST(TokenizerJson, RefusesTheRestWithTheFieldInTheMessage) {
  expect_refused({
      {"/normalizer", {{"type", "NFC"}}, "normalizer: type 'NFC'"},
      {"/normalizer", 1, "normalizer"},
      {"/decoder", nullptr, "decoder"},
      {"/decoder/type", "WordPiece", "decoder"},
      {"/pre_tokenizer", nullptr, "pre_tokenizer"},
      {"/pre_tokenizer/type", "Whitespace", "pre_tokenizer.type"},
      {"/pre_tokenizer/pretokenizers", 1, "pre_tokenizer.pretokenizers"},
      {"/pre_tokenizer/pretokenizers/0/behavior", "Removed", "pretokenizers[0].behavior"},
      {"/pre_tokenizer/pretokenizers/0/pattern", "x", "pretokenizers[0].pattern"},
      {"/pre_tokenizer/pretokenizers/0/pattern/Regex", "(", "pretokenizers[0]"},
      {"/pre_tokenizer/pretokenizers/1", {{"type", "Digits"}}, "no ByteLevel"},
      {"/added_tokens", 1, "added_tokens"},
      {"/added_tokens/0", "x", "added_tokens[0].content"},
      {"/added_tokens/0/content", "", "added_tokens[0].content"},
      {"/added_tokens/0/content", std::string(5000, 'x'), "added_tokens[0].content"},
      {"/added_tokens/0/id", "5", "added_tokens[0].id"},
      {"/added_tokens/0/id", -5, "id -5 is outside"},
      {"/added_tokens/0/id", 97, "already belongs"},
      {"/added_tokens/1/content", "<x>", "has the ids"},
      {"/added_tokens/0/special", "yes", "added_tokens[0].special"},
      {"/added_tokens/0/lstrip", true, "added_tokens[0].lstrip"},
  });
}

TEST(TokenizerJson, EveryTruncationIsRefused) {
  const std::string text = small_file().dump();
  for (std::size_t n = 0; n < text.size(); n += 7) {
    EXPECT_FALSE(Tokenizer::from_json(text.substr(0, n), "cut.json").ok()) << n;
  }
  EXPECT_FALSE(Tokenizer::from_json(std::string(1 << 20, '['), "deep.json").ok());
  EXPECT_FALSE(Tokenizer::from_json("{\"a\":\"\xff\"}", "bytes.json").ok());
}

TEST(TokenizerJson, FilesThatAreNotThere) {
  EXPECT_EQ(Tokenizer::from_file("/no/such/place").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(Tokenizer::from_file("").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(Tokenizer::from_file("/dev/zero").status().code(), StatusCode::kNotFound);
}

// The size of DeepSeek's own file: 128,000 entries, 127,741 merges.
TEST(TokenizerJson, LargeVocabularyIsNotQuadratic) {
  ordered_json file = small_file();
  ordered_json::object_t vocab = file["model"]["vocab"].get_ref<ordered_json::object_t&>();
  std::vector<std::string> spellings;
  for (const auto& [spelling, id] : vocab) spellings.push_back(spelling);
  vocab.reserve(128000);
  ordered_json merges = ordered_json::array();
  for (std::size_t i = 0; spellings.size() < 128000; ++i) {
    const std::string left = spellings[i / 256];
    const std::string right(byte_level_character(static_cast<std::uint8_t>(i % 256)));
    if (left + right == "ab" || left + right == "abc") continue;
    vocab.emplace_back(left + right, 1000 + i);
    spellings.push_back(left + right);
    merges.push_back(left + " " + right);
  }
  file["model"]["vocab"] = std::move(vocab);
  file["model"]["merges"] = std::move(merges);
  const std::string text = file.dump();
  const auto start = std::chrono::steady_clock::now();
  const Result<Tokenizer> tokenizer = Tokenizer::from_json(text, "large.json");
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().message();
  EXPECT_LT(seconds.count(), kSecondsOfLinearWork);
}

TEST(TokenizerConfig, ReadsTokens) {
  const Result<TokenizerConfig> config = read_tokenizer_config(kModel);
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config->bos_token, "<｜begin▁of▁sentence｜>");
  EXPECT_EQ(config->eos_token, "<｜end▁of▁sentence｜>");
  EXPECT_TRUE(config->add_bos_token);
  EXPECT_TRUE(read_tokenizer_config("/no/such/place").ok());
  EXPECT_EQ(parse_tokenizer_config(R"({"bos_token": {"content": "<s>"}, "eos_token": null})", "c")->bos_token,
            "<s>");
  for (const char* text :
       {"[]", "{", R"({"bos_token": 1})", R"({"bos_token": {}})", R"({"add_bos_token": 1})"}) {
    EXPECT_FALSE(parse_tokenizer_config(text, "c").ok()) << text;
  }
}

}  // namespace
}  // namespace tamis
