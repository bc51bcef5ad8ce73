#include "core/text/regex.h"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

namespace tamis {
namespace {

std::vector<std::string> split(std::string_view pattern, const std::string& text) {
  const Result<Regex> regex = Regex::compile(pattern);
  if (!regex.ok()) return {"compile: " + regex.status().message()};
  const auto spans = regex->split(text, {{0, text.size()}});
  if (!spans.ok()) return {"split: " + spans.status().message()};
  std::vector<std::string> out;
  for (const Span& span : *spans) out.push_back(text.substr(span.begin, span.size));
  return out;
}

using Strings = std::vector<std::string>;

TEST(Regex, KeepsMatchesAndTheTextBetween) {
  EXPECT_EQ(split("\\p{N}{1,3}", "ab1234c"), (Strings{"ab", "123", "4", "c"}));
  EXPECT_EQ(split("x", ""), Strings{});
  EXPECT_EQ(split("x", "abc"), Strings{"abc"});
  EXPECT_EQ(split("\\s+(?!\\S)|\\s+", "a   b"), (Strings{"a", "  ", " ", "b"}));
}

TEST(Regex, EmptyMatchesCutWithoutTakingAnything) {
  EXPECT_EQ(split("y*", "aéb"), (Strings{"a", "é", "b"}));
  EXPECT_EQ(split("(?=b)", "abab"), (Strings{"a", "ba", "b"}));
}

TEST(Regex, PiecesDoNotSeeEachOther) {
  const std::string text = "a b";
  const Result<Regex> regex = Regex::compile("\\s+(?!\\S)");
  ASSERT_TRUE(regex.ok());
  const auto whole = regex->split(text, {{0, 3}});
  const auto cut = regex->split(text, {{0, 2}, {2, 1}});
  ASSERT_TRUE(whole.ok() && cut.ok());
  EXPECT_EQ(*whole, (std::vector<Span>{{0, 3}}));
  EXPECT_EQ(*cut, (std::vector<Span>{{0, 1}, {1, 1}, {2, 1}}));
}

TEST(Regex, SpaceIsUnicodeWhiteSpace) {
  for (const char* space :
       {"\t", "\n", "\r", "\x0b", "\x0c", " ", "\u0085", "\u00a0", "\u2003", "\u2028", "\u3000"}) {
    EXPECT_EQ(split("\\s", std::string("a") + space + "b").size(), 3u) << testing::PrintToString(space);
    EXPECT_EQ(split("[^\\s]+", std::string("a") + space + "b").size(), 3u) << testing::PrintToString(space);
    EXPECT_EQ(split("\\S+", std::string("a") + space + "b").size(), 3u) << testing::PrintToString(space);
  }
  EXPECT_EQ(split("\\s", "a\u180e\u200bb").size(), 1u);
}

TEST(Regex, ConstructsThatTheEnginesReadDifferentlyAreRefused) {
  for (const char* pattern :
       {"\\h", "\\w", "\\b", "\\K", "\\R", "[a[bc]]", "[a&&b]", "[\\S]", "(*UTF)a", "\\u12", "\\Q"}) {
    EXPECT_FALSE(Regex::compile(pattern).ok()) << pattern;
  }
}

TEST(Regex, BrokenPatternsGiveAStatus) {
  for (const char* pattern : {"(", "[a", "a**", "(?<", "\\", "\\p{Nope}", "a{2,1}", "(?C1)\\C", "\xff"}) {
    EXPECT_FALSE(Regex::compile(pattern).ok()) << pattern;
  }
  EXPECT_FALSE(Regex::compile(std::string(1 << 20, 'a')).ok());
  EXPECT_FALSE(Regex::compile(std::string(5000, '(') + std::string(5000, ')')).ok());
  EXPECT_FALSE(Regex::compile("((a{1,1000}){1,1000}){1,1000}").ok());
}

TEST(Regex, InvalidTextOrPiecesGiveAStatus) {
  const Result<Regex> regex = Regex::compile("a");
  ASSERT_TRUE(regex.ok());
  const std::string broken = "a\xff";
  EXPECT_FALSE(regex->split(broken, {{0, broken.size()}}).ok());
  EXPECT_FALSE(regex->split("abc", {{2, 2}}).ok());
  EXPECT_FALSE(regex->split("abc", {{4, 0}}).ok());
  EXPECT_FALSE(regex->split("é", {{1, 1}}).ok());
  EXPECT_FALSE(regex->split("é", {{0, 1}}).ok());
}

// Catastrophic patterns: exponential and polynomial backtracking, at one start position and spread over all
// of them.
TEST(Regex, BacktrackingIsBounded) {
  // "cb" at the end: a text without the pattern's last letter would be refused before any backtracking.
  const std::string run = std::string(100000, 'a') + "cb";
  std::string spread;
  for (int i = 0; i < 20000; ++i) spread += std::string(14, 'a') + "c";
  spread += "b";
  const struct {
    const char* pattern;
    std::string text;
  } rows[] = {
      {"(a+)+b", run},
      {"(a|aa)+b", run},
      {"a*a*a*a*a*a*b", run},
      {"(a+)+b", spread},
      {"(?:a?){30}a{30}", std::string(29, 'a')},
      {"(a*)*\\1b", run},
      {"(?R)?a", std::string(20000, 'a')},
  };
  for (const auto& row : rows) {
    const auto start = std::chrono::steady_clock::now();
    const Result<Regex> regex = Regex::compile(row.pattern);
    if (regex.ok()) (void)regex->split(row.text, {{0, row.text.size()}});
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    EXPECT_LT(seconds.count(), 20.0) << row.pattern;
  }
}

TEST(Regex, LongRunsOfSpaceAreNoBacktrackingError) {
  const std::string text = std::string(1 << 20, ' ') + "x";
  EXPECT_EQ(split("\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+", text).size(), 3u);
}

}  // namespace
}  // namespace tamis
