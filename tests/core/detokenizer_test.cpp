#include "core/text/detokenizer.h"

#include <string>

#include <gtest/gtest.h>

#include "core/text/stop_matcher.h"
#include "core/text/utf8.h"

namespace tamis {
namespace {

const Tokenizer& tiny() {
  static const Result<Tokenizer> tokenizer = Tokenizer::from_file(TAMIS_SOURCE_DIR "/models/tiny-v32");
  return *tokenizer;
}

// One token per byte: what a model that samples noise would emit.
std::vector<std::int32_t> byte_tokens(std::string_view bytes) {
  std::vector<std::int32_t> id_of_byte(256, -1);
  for (std::int32_t id = 0; id < tiny().vocab_size(); ++id) {
    const auto token = tiny().token_bytes(id);
    if (token && token->size() == 1) id_of_byte[static_cast<unsigned char>((*token)[0])] = id;
  }
  std::vector<std::int32_t> ids;
  for (const char byte : bytes) ids.push_back(id_of_byte[static_cast<unsigned char>(byte)]);
  return ids;
}

std::string stream(const std::vector<std::int32_t>& ids) {
  Detokenizer detokenizer(tiny());
  std::string text;
  for (const std::int32_t id : ids) {
    const Result<std::string> piece = detokenizer.push(id);
    EXPECT_TRUE(piece.ok());
    EXPECT_TRUE(is_valid_utf8(*piece));
    text += *piece;
  }
  return text + detokenizer.finish();
}

TEST(Detokenizer, EveryPrefixStreamsToWhatDecodeGives) {
  const std::string text =
      "aé数据🙂\u0301 مرحبا ｜DSML｜ \xf0\x9f\xff\xed\xa0\x80\xc0\x80\xf4\x90z";
  const std::vector<std::int32_t> ids = byte_tokens(text);
  for (std::size_t n = 0; n <= ids.size(); ++n) {
    const std::vector<std::int32_t> prefix(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(n));
    const Result<std::string> whole = tiny().decode(prefix);
    ASSERT_TRUE(whole.ok());
    EXPECT_EQ(stream(prefix), *whole) << "first " << n << " bytes";
  }
}

TEST(Detokenizer, HoldsBackOnlyIncompleteCharacters) {
  const std::vector<std::int32_t> ids = byte_tokens("🙂");
  Detokenizer detokenizer(tiny());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(*detokenizer.push(ids[i]), "");
  EXPECT_EQ(*detokenizer.push(ids[3]), "🙂");
  EXPECT_EQ(*detokenizer.push(ids[0]), "");
  EXPECT_EQ(detokenizer.finish(), kReplacementCharacter);
  EXPECT_EQ(detokenizer.finish(), "");
}

TEST(Detokenizer, SkipsSpecialTokensAndRefusesUnknownIds) {
  Detokenizer detokenizer(tiny(), {.skip_special = true});
  EXPECT_EQ(*detokenizer.push(0), "");
  EXPECT_EQ(*detokenizer.push(*tiny().token_id("<think>")), "<think>");
  for (const std::int32_t id : {-1, tiny().vocab_size(), INT32_MAX, INT32_MIN})
    EXPECT_FALSE(detokenizer.push(id).ok());
}

TEST(Utf8, ReplacesMaximalSubparts) {
  const std::string r(kReplacementCharacter);
  EXPECT_EQ(utf8_lossy("a\x80z"), "a" + r + "z");
  EXPECT_EQ(utf8_lossy("\xe2\x82"), r);
  EXPECT_EQ(utf8_lossy("\xe2\x82z"), r + "z");
  EXPECT_EQ(utf8_lossy("\xf0\x80\x80"), r + r + r);
  EXPECT_EQ(utf8_lossy("\xed\xa0\x80"), r + r + r);
  EXPECT_EQ(utf8_lossy("\xf4\x8f\xbf\xbf\xf4\x90"), "\xf4\x8f\xbf\xbf" + r + r);
}

// What each cut of `text` into two pieces gives; all must agree.
std::string run_stops(const std::vector<std::string>& stops, std::string_view text) {
  std::string first;
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    Result<StopMatcher> matcher = StopMatcher::create(stops);
    EXPECT_TRUE(matcher.ok());
    StopMatcher::Output a = matcher->push(text.substr(0, cut));
    StopMatcher::Output b = matcher->push(text.substr(cut));
    std::string result = a.text + b.text + matcher->finish();
    if (b.stop) result += fmt::format("|{}", *b.stop);
    if (cut == 0) first = result;
    EXPECT_EQ(result, first) << "cut at " << cut;
  }
  return first;
}

TEST(StopMatcher, FindsStopsAcrossPieces) {
  EXPECT_EQ(run_stops({"END"}, "some text END more"), "some text |0");
  EXPECT_EQ(run_stops({"END"}, "ENENEND"), "ENEN|0");
  EXPECT_EQ(run_stops({"aab"}, "aaaab"), "aa|0");
  EXPECT_EQ(run_stops({"END"}, "no stop EN"), "no stop EN");
  EXPECT_EQ(run_stops({}, "anything"), "anything");
}

TEST(StopMatcher, CompleteFirstWinsThenTheLongest) {
  EXPECT_EQ(run_stops({"abcd", "bc"}, "xabcd"), "xa|1");
  EXPECT_EQ(run_stops({"c", "abc", "bc"}, "xabc"), "x|1");
}

TEST(StopMatcher, HoldsBackWhatCouldBeginAStop) {
  Result<StopMatcher> matcher = StopMatcher::create({"</think>"});
  ASSERT_TRUE(matcher.ok());
  EXPECT_EQ(matcher->push("a <").text, "a ");
  EXPECT_EQ(matcher->push("/thin").text, "");
  EXPECT_EQ(matcher->push("g").text, "</thing");
  EXPECT_EQ(matcher->push("<").text, "");
  EXPECT_EQ(matcher->push("").text, "");
  EXPECT_EQ(matcher->finish(), "<");
}

TEST(StopMatcher, EmptyStopIsRefused) { EXPECT_FALSE(StopMatcher::create({"a", ""}).ok()); }

}  // namespace
}  // namespace tamis
